#!/usr/bin/env python3
"""Checkpoints of databases that were copied, renamed, damaged, or made by somebody else."""
import os
import shutil
import unittest

from test_cli import Cli, SPEC


class Checkpoints(Cli):
    """Each test has a database of one trial that was stopped at step 40 of 60, with checkpoints."""
    ARGUMENTS = ["seeds=1", "--variant", "bp", "-j", "1", "checkpoint.keep=last"]

    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "a.db")
        straight = os.path.join(self.folder, "straight.db")
        self.train(straight)
        self.expected = self.digest(straight)
        self.train(self.db, "train.iterations=40")
        self.own = self.db + ".checkpoints"
        self.home = os.path.join(self.folder, "home")
        os.makedirs(self.home)

    def train(self, db, *more, status=0):
        arguments = list(more) if any(m.startswith("train.iterations") for m in more) else ["train.iterations=60", *more]
        return self.call("run", SPEC, "--db", db, *self.ARGUMENTS, *arguments, status=status)

    def names(self, db=None):
        return [row[0] for row in self.sql("SELECT path FROM checkpoint ORDER BY id DESC", db)]

    def started_at(self, db=None):
        return self.sql("SELECT from_step FROM run ORDER BY id DESC LIMIT 1", db)[0][0]

    def contents(self, folder):
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                found[name] = f.read()
        return found

    def test_names_are_bare(self):
        self.assertEqual(set(self.names()), set(os.listdir(self.own)))
        self.train(self.db)
        self.assertEqual(self.started_at(), 40)
        self.assertEqual(self.digest(), self.expected)

    def test_a_foreign_database_removes_nothing(self):
        thesis = os.path.join(self.home, "thesis.tex")
        key = self.names()[0][:16]
        nested = os.path.join(self.own, "nested")
        os.makedirs(nested)
        victims = [thesis, os.path.join(self.home, key + ".1.safetensors"), os.path.join(nested, key + ".2.safetensors"),
                   os.path.join(self.own, "notes.tex")]
        for path in victims:
            with open(path, "w", encoding="ascii") as f:
                f.write("years of work")
        link = os.path.join(self.own, "link")
        os.symlink(self.home, link)
        for path in ["../home/thesis.tex", thesis, victims[1], "../home/" + key + ".1.safetensors", "nested/" + key + ".2.safetensors",
                     "link/thesis.tex", "link/" + key + ".1.safetensors", "notes.tex", "a.db.checkpoints/../../home/thesis.tex", ""]:
            foreign = os.path.join(self.folder, "a.db")
            self.sql(f"UPDATE checkpoint SET path = '{path}'")
            done = self.train(foreign, "train.iterations=60", "--force" if path == "" else "-v")
            if path:
                self.assertIn("is not the name of a checkpoint", done.stderr)
                self.assertEqual(self.started_at(), 0)
            for victim in victims:
                self.assertTrue(os.path.exists(victim), f"{path} removed {victim}")
            self.assertEqual(self.digest(), self.expected, path)
            self.sql("UPDATE trial SET state = 'interrupted', step = 40 WHERE state = 'done'")

    def test_a_folder_that_is_a_link_is_refused(self):
        shutil.rmtree(self.own)
        os.symlink(self.home, self.own)
        victim = os.path.join(self.home, "0123456789abcdef.7.safetensors")
        with open(victim, "w", encoding="ascii") as f:
            f.write("somebody else's")
        self.assertIn("is a symbolic link", self.train(self.db, status=5).stderr)
        self.assertTrue(os.path.exists(victim))

    def test_a_copy_leaves_the_original_alone(self):
        copy = os.path.join(self.folder, "b.db")
        shutil.copy(self.db, copy)
        before = self.contents(self.own)
        done = self.train(copy)
        self.assertIn("1 trial starts anew from step 0: the checkpoints that the database names are not in " + copy, done.stderr)
        self.assertIn("--checkpoints FOLDER", done.stderr)
        self.assertEqual(self.started_at(copy), 0)
        self.assertEqual(self.digest(copy), self.expected)
        self.assertEqual(self.contents(self.own), before)
        self.train(self.db)
        self.assertEqual(self.started_at(), 40)
        self.assertEqual(self.digest(), self.expected)

    def test_a_renamed_database_reads_from_the_folder_it_is_told(self):
        renamed = os.path.join(self.folder, "new", "b.db")
        os.makedirs(os.path.dirname(renamed))
        os.rename(self.db, renamed)
        before = self.contents(self.own)
        key = self.sql("SELECT key FROM trial", renamed)[0][0][:16]
        out = os.path.join(self.folder, "w.safetensors")
        errors = self.call("export", "weights", key, "--db", renamed, "-o", out, status=1).stderr
        self.assertIn("--checkpoints FOLDER", errors)
        self.call("export", "weights", key, "--db", renamed, "-o", out, "--checkpoints", self.own)
        self.assertTrue(os.path.getsize(out) > 0)
        done = self.train(renamed, "--checkpoints", self.own)
        self.assertNotIn("anew", done.stderr)
        self.assertEqual(self.started_at(renamed), 40)
        self.assertEqual(self.digest(renamed), self.expected)
        self.assertEqual(self.contents(self.own), before)
        self.assertTrue(os.listdir(renamed + ".checkpoints"))
        self.assertIn("none-there", self.train(renamed, "--checkpoints", os.path.join(self.folder, "none-there"), status=1).stderr)

    def test_a_foreign_folder_is_checked_by_sum(self):
        renamed = os.path.join(self.folder, "b.db")
        os.rename(self.db, renamed)
        for name in os.listdir(self.own):
            with open(os.path.join(self.own, name), "ab") as f:
                f.write(b"x")
        done = self.train(renamed, "--checkpoints", self.own)
        self.assertIn("is damaged", done.stderr)
        self.assertEqual(self.started_at(renamed), 0)
        self.assertEqual(self.digest(renamed), self.expected)

    def damage(self, kind, path):
        os.unlink(path)
        if kind == "folder":
            os.mkdir(path)
        elif kind == "link":
            os.symlink("/etc/passwd", path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "sparse":
            with open(path, "wb") as f:
                f.truncate(1 << 40)
        elif kind == "empty":
            with open(path, "wb"):
                pass

    def test_what_lies_in_a_checkpoints_place(self):
        for kind in ["folder", "link", "fifo", "sparse", "empty"]:
            db = os.path.join(self.folder, kind + ".db")
            shutil.copy(self.db, db)
            shutil.copytree(self.own, db + ".checkpoints")
            names = self.names(db)
            for name in names:
                self.damage(kind, os.path.join(db + ".checkpoints", name))
            key = self.sql("SELECT key FROM trial", db)[0][0][:16]
            self.call("export", "weights", key, "--db", db, "-o", os.path.join(self.folder, kind), status=1)
            done = self.train(db)
            self.assertEqual(done.stderr.count("not taken"), len(names), done.stderr)
            self.assertEqual(self.started_at(db), 0)
            self.assertEqual(self.digest(db), self.expected)


class Kept(Cli):
    """checkpoint.keep, of two trials of 40 steps."""
    TINY = os.path.join(os.path.dirname(SPEC), "tiny.yaml")

    def train(self, db, *more):
        return self.call("run", self.TINY, "--db", db, "-q", *more)

    def results(self, db):
        """The digest has the time between checkpoints, as a part of the stored configuration."""
        return (self.sql("SELECT key, weights_sha256 FROM trial ORDER BY key", db),
                self.sql("SELECT variant, metric, step, value FROM metrics ORDER BY 1, 2, 3", db))

    def test_what_is_kept(self):
        straight = os.path.join(self.folder, "straight.db")
        self.train(straight, "train.iterations=60")
        expected = self.results(straight)
        often, never = "checkpoint.seconds=1e-9", "checkpoint.seconds=1e9"
        for keep, seconds, wanted in (("long", never, [0, 0]), ("long", often, [2, 2]), ("last", never, [1, 1]), ("last", often, [1, 1]),
                                      ("none", never, [0, 0]), ("none", often, [0, 0]), ("all", never, [1, 1]), ("all", often, [41, 41])):
            with self.subTest(keep=keep, seconds=seconds):
                db = os.path.join(self.folder, f"{keep}{seconds}.db")
                options = [seconds, f"checkpoint.keep={keep}"]
                self.train(db, *options)
                named = self.sql("SELECT t.id, c.step, c.path FROM trial t LEFT JOIN checkpoint c ON c.trial_id = t.id ORDER BY 1, 2", db)
                counts = [sum(row[0] == trial and row[2] is not None for row in named) for trial in (1, 2)]
                self.assertEqual(counts, wanted)
                self.assertEqual(sorted(os.listdir(db + ".checkpoints")), sorted(row[2] for row in named if row[2]))
                if keep == "last":
                    self.assertEqual({row[1] for row in named}, {40})
                self.train(db, "train.iterations=60", *options)  # and goes on, from there or anew
                self.assertEqual(self.results(db), expected)
                self.assertEqual({row[0] for row in self.sql("SELECT from_step FROM run WHERE id > 2", db)}, {40} if wanted[0] else {0})

    def test_a_trial_without_files_is_told(self):
        db = os.path.join(self.folder, "a.db")
        self.train(db, "checkpoint.keep=none")
        key = self.sql("SELECT key FROM trial", db)[0][0]
        out = os.path.join(self.folder, "w.safetensors")
        self.assertIn("checkpoint.keep=last", self.call("export", "weights", key, "-o", out, "--db", db, status=2).stderr)
        self.train(db, "checkpoint.keep=last", "--force")
        self.call("export", "weights", key, "-o", out, "--db", db)

    def test_a_stop_keeps_what_it_needs(self):
        process = self.start("seeds=1", "--variant", "bp", "checkpoint.keep=none", "-j", "1")
        self.wait_rows(process, 10)
        process.terminate()
        self.assertEqual(process.wait(1000), 75)
        self.assertGreater(self.sql("SELECT max(step) FROM checkpoint")[0][0], 0)
        self.call("run", SPEC, "--db", self.db, "-q", "seeds=1", "--variant", "bp", "checkpoint.keep=none")
        self.assertGreater(self.sql("SELECT from_step FROM run ORDER BY id DESC")[0][0], 0)
        self.assertEqual(os.listdir(self.db + ".checkpoints"), [])


if __name__ == "__main__":
    unittest.main()
