#!/usr/bin/env python3
"""Merging: what cannot be merged, what is told of it, and what goes on from a merged database."""
import fcntl
import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_work  # noqa: E402

OLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "old")


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Merging(test_work.Cluster):
    def setUp(self):
        super().setUp()
        self.a, self.b, self.out = self.path("a.db"), self.path("b.db"), self.path("out.db")

    def shards(self):
        self.work("0/2", self.a, "-q")
        self.work("1/2", self.b, "-q")

    def merge(self, *databases, out=None, **kwargs):
        return self.call("merge", "-o", out or self.out, *databases, **kwargs)

    def edit(self, db, *statements):
        with sqlite3.connect(db) as connection:
            for sql in statements:
                connection.execute(sql)
        connection.close()

    def straight(self, *args):
        db = self.path("straight.db")
        self.call("run", self.spec, "--db", db, "-q", *args)
        return db

    def assert_nothing(self):
        self.assertFalse(os.path.exists(self.out) and self.sql("SELECT count(*) FROM sqlite_master WHERE name = 'trial'", self.out) != [(0,)])


class Rows(Merging):
    def test_one_machine_and_many_have_one_digest(self):
        self.shards()
        said = self.merge(self.a, self.b).stderr
        self.assertRegex(said, r"2 databases merged into .*: 12 new trials, \d+ new rows, 12 checkpoints")
        straight = self.straight()
        self.assertEqual(self.digest(self.out), self.digest(straight))
        rows = "SELECT variant, cell, metric, n, n_asked, last_mean, last_sd FROM finals ORDER BY 1, 2, 3"
        self.assertEqual(self.sql(rows, self.out), self.sql(rows, straight))
        self.assertIn("12 were finished before", self.call("run", self.spec, "--db", self.out).stderr)

    def test_what_people_say_and_the_commits_come_along(self):
        self.shards()
        key = self.sql('SELECT "key" FROM trial WHERE state = \'done\' ORDER BY 1 LIMIT 1', self.b)[0][0]
        name = self.sql("SELECT name FROM study", self.a)[0][0]
        for db, tag in ((self.a, "first"), (self.b, "second")):
            self.call("tag", "--db", db, name, tag, "both")
            self.call("note", "--db", db, name, "of " + tag)
        self.call("tag", "--db", self.b, key, "odd")
        self.edit(self.a, "INSERT INTO repository VALUES (77, '/nowhere', 'cafe', NULL)", "UPDATE run SET repository_id = 77",
                  "UPDATE study SET repository_id = 77")
        outs = [self.path("ab.db"), self.path("ba.db")]
        for out, shards in zip(outs, ((self.a, self.b, self.a), (self.b, self.a))):
            self.assertIn("1 note made way for a later one on the same study or trial", self.merge(*shards[:2], out=out).stderr)
            self.merge(*shards, out=out)
            self.assertEqual(self.sql('SELECT coalesce("key", \'\'), tag FROM tags ORDER BY 1, 2', out),
                             [("", "both"), ("", "first"), ("", "second"), (key, "odd")])
            self.assertEqual(self.sql("SELECT note FROM notes", out), [("of second",)])
            runs = "SELECT count(*) FROM run r WHERE repository_id = (SELECT id FROM repository WHERE root = '/nowhere')"
            self.assertEqual(self.sql(runs, out), self.sql(runs, self.a))
            self.assertEqual(self.sql("SELECT count(*) FROM repository WHERE root = '/nowhere'", out), [(1,)])
            self.assertEqual(self.sql("PRAGMA foreign_key_check", out), [])
        self.assertEqual(self.sql("SELECT name, split FROM metric_key ORDER BY 1", outs[0]), self.sql("SELECT name, split FROM metric_key ORDER BY 1", self.a))

    def test_a_shard_that_is_missing_is_told_by_the_means(self):
        self.shards()
        self.merge(self.a)
        self.assertEqual(self.sql("SELECT DISTINCT n_asked FROM finals", self.out), [(3,)])
        self.assertEqual(self.sql("SELECT sum(n) + sum(n_unfinished) FROM finals WHERE metric = 'train_loss'", self.out), [(12,)])
        self.merge(self.b)
        self.assertEqual(self.digest(self.out), self.digest(self.straight()))

    def test_a_folder_and_a_database_that_is_in_use(self):
        os.mkdir(self.path("shards"))
        self.a, self.b = self.path("shards", "a.db"), self.path("shards", "b.db")
        self.shards()
        writer = sqlite3.connect(self.a)
        writer.execute("CREATE TABLE mine (x)")
        self.merge(self.path("shards"))
        writer.close()
        self.assertEqual(self.digest(self.out), self.digest(self.straight()))
        self.assertEqual(self.sql("SELECT count(*) FROM sqlite_master WHERE name = 'mine'", self.out), [(0,)])

    def test_an_interrupted_trial_goes_on_from_its_checkpoint(self):
        long = ["train.iterations=3000", "log.every=100", "checkpoint.seconds=0.01", "--variant", "bp", "seeds=1"]
        self.work("0/1", self.a, "-q", *long, "train.iterations=1500")
        self.merge(self.a)
        self.call("run", self.spec, "--db", self.out, "-q", *long)
        self.assertEqual(self.sql("SELECT min(from_step) FROM run WHERE from_step > 0", self.out), [(1500,)])
        straight = self.straight(*long, "train.iterations=1500")
        self.call("run", self.spec, "--db", straight, "-q", *long)
        self.assertEqual(self.digest(self.out), self.digest(straight))

    def test_databases_of_older_schemas(self):
        for version in ("3", "4"):
            old = self.path(f"old{version}.db")
            with gzip.open(os.path.join(OLD, f"schema{version}.db.gz")) as source, open(old, "wb") as f:
                shutil.copyfileobj(source, f)
            with open(old, "rb") as f:
                before = f.read()
            out = self.path(f"out{version}.db")
            self.merge(old, out=out)
            with open(old, "rb") as f:
                self.assertEqual(f.read(), before)
            self.call("claims", "--db", old)  # migrates it
            self.assertEqual(self.sql("SELECT count(*) FROM metric", out), self.sql("SELECT count(*) FROM metric", old))
            self.assertEqual(self.digest(out), self.digest(old))

    def test_the_later_specification_is_the_present_one(self):
        self.shards()
        self.edit(self.b, "UPDATE study SET updated_ms = updated_ms + 1000000, title = 'later', spec = json_set(spec, '$.title', 'later'), "
                  "spec_sha256 = 'f'")
        for order in ((self.a, self.b), (self.b, self.a)):
            out = self.path(f"{len(os.listdir(self.folder))}.db")
            for db in order:
                self.merge(db, out=out)
            self.assertEqual(self.sql("SELECT title FROM study", out), [("later",)])
            self.assertEqual(self.sql("SELECT count(*) FROM trials WHERE state = 'done'", out), [(12,)])


class Histories(Merging):
    """What shards were when they were merged, and what was merged before, tells nothing in the end."""

    def write(self, *changes):
        text = test_work.STUDY
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(self.spec, "w", encoding="ascii") as f:
            f.write(text)

    def assert_as_straight(self, db):
        straight = self.path(f"straight{len(os.listdir(self.folder))}.db")
        self.call("run", self.spec, "--db", straight, "-q")
        rows = "SELECT variant, cell, metric, n, n_asked, n_diverged, n_unfinished, n_outdated FROM finals ORDER BY 1, 2, 3"
        self.assertEqual(self.sql(rows, db), self.sql(rows, straight))
        self.assertEqual(self.digest(db), self.digest(straight))

    def test_trials_that_diverge_before_their_first_row(self):
        with open(self.spec, "w", encoding="ascii") as f:
            f.write(test_work.TUNED.partition("sweep:")[0].replace("seeds: 2", "seeds: 8").replace("tanh", "relu").replace("stepsize: 0.01", "stepsize: 0.2")
                    .replace("{every: 10, metrics: [train_loss, valid_loss, test_loss]}", "{every: 30, metrics: [direction_norm]}"))
        self.shards()
        early = "SELECT 1 FROM trial WHERE state = 'diverged' AND NOT EXISTS (SELECT 1 FROM summary u WHERE u.trial_id = trial.id)"
        self.assertTrue(self.sql(early, self.a) + self.sql(early, self.b))
        self.merge(self.a, self.b)
        self.assert_as_straight(self.out)

    def test_which_trials_are_outdated_does_not_depend_on_the_order(self):
        self.work("1/2", self.b, "-q")
        self.edit(self.b, "UPDATE trial SET numerics_version = 2 WHERE state = 'done'")
        self.work("0/2", self.a, "-q")
        told = []
        for i, order in enumerate([(self.a, self.b), (self.b, self.a)]):
            out = self.path(f"out{i}.db")
            for db in order:
                self.merge(db, out=out)
            told.append(self.sql("SELECT DISTINCT numerics_version > 2, outdated FROM trial ORDER BY 1", out))
        self.assertEqual(told, [[(0, 1), (1, 0)]] * 2)

    def test_a_budget_that_was_lowered(self):
        for step in (40, 75):  # before and behind the end that is asked for later
            old, a, b = (self.path(f"{name}{step}.db") for name in ("old", "a", "b"))
            self.write(("iterations: 60", "iterations: 90"))
            self.work("0/3", old, "-q", f"train.iterations={step}")
            self.edit(old, "UPDATE trial SET state = 'interrupted', budget = 90, finished_budget = 0, weights_sha256 = NULL WHERE state = 'done'")
            self.write()
            self.work("0/2", a, "-q")
            self.work("1/2", b, "-q")
            digests = set()
            for order in ((old, a, b), (a, b, old), (a, old, b)):
                out = self.path(f"out{len(os.listdir(self.folder))}.db")
                for db in order:
                    self.merge(db, out=out)
                self.merge(*order, out=out)
                digests.add(self.digest(out))
                self.assertEqual(self.sql("SELECT count(*) FROM checkpoint c WHERE step > 60", out), [(0,)])
            self.assertEqual(len(digests), 1)
            self.assert_as_straight(out)
            self.assertIn("12 were finished before", self.call("run", self.spec, "--db", out).stderr)

    def test_what_was_finished_before_the_budget_was_lowered_stays(self):
        """One that had finished more than is asked for now, and went on since, is not cut to what another finished."""
        long = self.path("long.db")
        self.work("0/2", long, "-q", "train.iterations=75")
        self.edit(long, "UPDATE trial SET state = 'interrupted', budget = 90, finished_budget = 70 WHERE state = 'done'",
                  "UPDATE study SET spec_sha256 = 'other', updated_ms = 1")
        self.work("0/2", self.a, "-q")
        for order in ((self.a, long), (long, self.a)):
            out = self.path(f"out{len(os.listdir(self.folder))}.db")
            self.merge(*order, out=out)
            self.assertEqual(self.sql("SELECT DISTINCT state, step, budget, finished_budget FROM trial WHERE step > 0", out), [("interrupted", 75, 70, 70)])

    def test_a_metric_that_only_the_longer_trial_logged(self):
        """What is cut of it is not in its summary either."""
        long = self.path("long.db")
        self.write(("[train_loss,", "[train_loss, test_loss,"))
        self.work("0/1", long, "-q", "train.iterations=75")
        self.edit(long, "UPDATE trial SET state = 'interrupted', budget = 90, finished_budget = 0, weights_sha256 = NULL WHERE state = 'done'",
                  "UPDATE study SET spec_sha256 = 'other', updated_ms = 1")
        self.write()
        self.work("0/1", self.a, "-q")
        digests = set()
        for order in ((self.a, long), (long, self.a)):
            out = self.path(f"out{len(os.listdir(self.folder))}.db")
            self.merge(*order, out=out)
            self.assertEqual(self.sql("SELECT count(*), sum(n = (SELECT count(*) FROM metric m WHERE m.trial_id = u.trial_id AND m.key_id = u.key_id)), max(end_step) FROM summary u "
                                      "WHERE key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')", out), [(12, 12, 60)])
            self.assertIn("12 were finished before", self.call("run", self.spec, "--db", out).stderr)
            digests.add(self.digest(out))
        self.assertEqual(len(digests), 1)

    def test_an_end_short_of_a_raised_budget_is_no_end(self):
        long = self.path("long.db")
        self.work("0/2", self.a, "-q")
        self.work("0/2", long, "-q", "train.iterations=75")
        self.edit(long, "UPDATE trial SET state = 'interrupted', budget = 90, finished_budget = 0, weights_sha256 = NULL WHERE state = 'done'")
        for order in ((self.a, long), (long, self.a)):
            out = self.path(f"out{len(os.listdir(self.folder))}.db")
            self.merge(*order, out=out)
            rows = "SELECT DISTINCT state, step, budget FROM trial WHERE step > 0"
            self.assertEqual(self.sql(rows, out), [("interrupted", 75, 90)])

    def test_a_sweep_that_was_added(self):
        self.write(("sweep: {grid: {train.batch_size: [5, 50]}}", ""))
        self.shards()
        self.merge(self.a, self.b)
        self.write()
        self.shards()
        self.merge(self.a, self.b)
        self.assert_as_straight(self.out)
        self.assertEqual(self.sql("SELECT count(*) FROM config WHERE id NOT IN (SELECT config_id FROM trial)", self.out), [(0,)])

    def test_trials_that_were_one_offs(self):
        self.call("run", self.spec, "--db", self.out, "-q", "sweep=null", "train.batch_size=5")
        self.assertEqual(self.sql("SELECT DISTINCT generation, cell FROM trial", self.out), [(0, "")])
        self.shards()
        self.merge(self.a, self.b)
        self.assert_as_straight(self.out)

    def test_a_runner_that_was_killed_in_the_output(self):
        self.write(("iterations: 60", "iterations: 200000"))
        process = subprocess.Popen([test_work.TPRUN, "run", self.spec, "--db", self.out, "-q", "--no-progress"], env=self.environment)
        self.addCleanup(process.wait)
        end = time.monotonic() + test_work.HANG
        while time.monotonic() < end and not (os.path.exists(self.out) and self.sql("SELECT 1 FROM sqlite_master WHERE name = 'run'", self.out)
                                              and self.sql("SELECT 1 FROM run WHERE kernel <> ''", self.out)):
            time.sleep(0.05)
        process.kill()
        process.wait()
        self.work("0/2", self.a, "-q", "--stop-after", "0.001", status=75)
        self.merge(self.a)
        self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state = 'running'", self.out), [(0,)])
        self.assertEqual(self.sql("SELECT count(*) FROM run WHERE ended_ms IS NULL", self.out), [(0,)])

    def test_going_on_from_a_checkpoint_of_other_numerics_is_refused_without_rows_too(self):
        self.write(("iterations: 60", "iterations: 200000"), ("every: 10", "every: 200000"), ("[train_loss, direction_norm]", "[direction_norm]"))
        one = ("--variant", "bp", "seeds=1", "sweep=null")
        def step():
            there = os.path.exists(self.a) and self.sql("SELECT max(step) FROM checkpoint", self.a)[0][0]
            return there or 0
        end = time.monotonic() + test_work.HANG
        while time.monotonic() < end and not step():  # a worker may be slow to begin
            self.call("run", self.spec, "--db", self.a, "-q", *one, "--stop-after", "1", status=75)
        self.assertEqual(self.sql("SELECT count(*) FROM summary", self.a), [(0,)])
        self.assertGreater(step(), 0)
        self.edit(self.a, "UPDATE trial SET numerics_version = 2")
        self.assertIn("begun by a tprun whose numbers have version 2", self.call("run", self.spec, "--db", self.a, *one, status=1).stderr)


class Refused(Merging):
    def test_what_was_computed_twice_and_differs(self):
        self.shards()
        self.edit(self.a, "UPDATE metric SET value = 0.1 WHERE (trial_id, key_id, step) IN (SELECT m.trial_id, m.key_id, m.step FROM metric m JOIN trial t "
                  "ON t.id = m.trial_id WHERE t.state = 'done' AND m.step = 20 ORDER BY t.key LIMIT 2)")
        again = self.path("again.db")
        self.work("0/2", again, "-q")
        for first, second in ((self.a, again), (again, self.a)):
            said = self.merge(self.b, first, second, status=4).stderr
            self.assertRegex(said, r"(a|again)\.db: what was computed twice came out in two ways, so nothing was merged")
            self.assertRegex(said, r"note: trial [0-9a-f]{12}: \w+ at step 20 is [\d.]+ there, and [\d.]+ in what it is merged with")
            self.assert_nothing()
        digests = set()
        for order in ((self.a, again, self.b), (again, self.b, self.a), (self.b, self.a, again)):
            out = self.path(f"{len(os.listdir(self.folder))}.db")
            self.assertIn("2 values were computed twice and differ", self.merge(*order, "--keep-both", out=out).stderr)
            kept = self.sql("SELECT t.key, n.what, n.layer, n.step, n.other FROM nondeterminism n JOIN trial t ON t.id = n.trial_id ORDER BY 1, 2", out)
            self.assertEqual(len(kept), 2)
            self.assertEqual({row[3] for row in kept}, {20})
            digests.add((self.digest(out), tuple(kept)))
            self.merge(*order, "--keep-both", out=out)
            self.assertEqual(self.sql("SELECT count(*) FROM nondeterminism", out), [(2,)])
        self.assertEqual(len(digests), 1)
        summary = "SELECT count(*) FROM summary u JOIN metric m USING (trial_id, key_id) WHERE m.value < u.min OR m.value > u.max"
        self.assertEqual(self.sql(summary, out), [(0,)])

    def test_other_weights_and_layers(self):
        for change, told in (("UPDATE trial SET weights_sha256 = 'abc' WHERE state = 'done'", "weights_sha256"),
                             ("UPDATE trial SET diverged_step = 3, state = 'diverged' WHERE state = 'done'", "diverged_step")):
            for db in (self.a, self.b):
                self.work("0/2", db, "-q")
            self.edit(self.a, change)
            said = self.merge(self.a, self.b, status=4).stderr
            self.assertIn(told, said)
            self.assert_nothing()
            os.unlink(self.a)

    def test_other_numerics_and_other_data_are_kept_apart(self):
        self.work("0/2", self.a, "-q")
        shutil.copy(self.a, self.b)
        self.edit(self.b, "UPDATE trial SET numerics_version = 7")
        self.assertIn("whose numbers have version 7 there", self.merge(self.a, self.b, status=4).stderr)
        self.edit(self.a, "UPDATE trial SET inputs = '{\"x\":\"1\"}'")
        self.edit(self.b, "UPDATE trial SET numerics_version = (SELECT max(numerics_version) FROM trial), inputs = '{\"x\":\"2\"}'")
        self.edit(self.a, "UPDATE trial SET numerics_version = 7")
        self.assertIn("results of other data are kept apart", self.merge(self.a, self.b, "--keep-both", status=4).stderr)
        self.assert_nothing()
        self.edit(self.b, "UPDATE trial SET inputs = '{\"y\":\"2\"}'")  # of another file: as where a trial goes on
        self.merge(self.a, self.b)

    def test_a_worker_that_died_before_its_first_row_is_of_no_numerics(self):
        self.shards()
        begun = self.path("begun.db")
        shutil.copy(self.a, begun)
        self.edit(begun, "DELETE FROM metric", "DELETE FROM layer_metric", "DELETE FROM summary", "DELETE FROM progress", "DELETE FROM checkpoint",
                  "UPDATE trial SET state = 'interrupted', step = 0, finished_budget = 0, weights_sha256 = NULL, numerics_version = 1, inputs = NULL "
                  "WHERE state = 'done'")
        straight = self.straight()
        for i, order in enumerate([(begun, self.a, self.b), (self.a, self.b, begun), (self.b, begun, self.a)]):
            out = self.path(f"out{i}.db")
            for db in order:
                self.merge(db, out=out)
            self.assertEqual(self.digest(out), self.digest(straight))
            self.assertEqual(self.sql("SELECT DISTINCT numerics_version FROM trial", out), self.sql("SELECT DISTINCT numerics_version FROM trial", straight))
        self.edit(begun, "UPDATE trial SET state = 'failed', inputs = '{\"x\":\"1\"}' WHERE state = 'interrupted'")
        self.merge(begun, self.path("out0.db"), out=self.path("failed.db"))
        self.assertEqual(self.sql("SELECT numerics_version, inputs FROM trial ORDER BY key", self.path("failed.db")),
                         self.sql("SELECT numerics_version, inputs FROM trial ORDER BY key", straight))

    def kill_in_rollback_mode(self, db):
        """A writer that is killed when it has changed pages of the file, and has committed nothing."""
        script = ("import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('PRAGMA journal_mode = DELETE'); "
                  "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN'); c.execute('CREATE TABLE spilled AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                  "SELECT i + 1 FROM n LIMIT 20000) SELECT i, hex(randomblob(50)) FROM n'); os.kill(os.getpid(), 9)")
        subprocess.run([sys.executable, "-c", script, db], check=False)
        self.assertGreater(os.path.getsize(db + "-journal"), 0)

    def test_a_writer_that_was_killed_in_rollback_mode(self):
        self.shards()
        before = self.digest(self.b)
        self.kill_in_rollback_mode(self.b)
        self.kill_in_rollback_mode(self.path("created.db"))
        files = [self.b, self.b + "-journal", self.path("created.db"), self.path("created.db-journal")]
        bytes_before = [read(path) for path in files]
        self.merge(self.b, self.path("created.db"))
        self.assertEqual(self.digest(self.out), before)
        self.assertEqual([read(path) for path in files], bytes_before)
        self.merge(self.a, self.b, out=self.path("all.db"))
        self.assertEqual(self.digest(self.path("all.db")), self.digest(self.straight()))

    def test_every_damaged_database_is_named(self):
        self.shards()
        with open(self.a, "r+b") as f:
            f.seek(4096 * 3)
            f.write(b"\xff" * 40000)
        with open(self.path("c.db"), "wb") as f:
            f.write(b"not a database at all" * 1000)
        self.edit(self.path("d.db"), "CREATE TABLE x (y)")
        said = self.merge(self.a, self.b, self.path("c.db"), self.path("d.db"), status=5).stderr
        for name in ("a.db", "c.db", "d.db"):
            self.assertIn(os.path.join(self.folder, name), said)
        self.assertRegex(said, r"c\.db: cannot read: file is not a database")
        self.assertNotIn("b.db", said)
        self.assertNotIn("tprun-merge-", said)
        self.assert_nothing()

    def test_a_foreign_schema_is_not_copied(self):
        self.shards()
        self.edit(self.a, "CREATE TRIGGER t AFTER INSERT ON trial BEGIN DELETE FROM metric; END")
        self.assertRegex(self.merge(self.a, self.b, status=5).stderr, r"a\.db: the trigger 't' of 'trial' is not tprun's")
        self.assert_nothing()

    def test_checkpoints_that_are_damaged_are_left_out(self):
        self.shards()
        names = os.listdir(self.a + ".checkpoints")
        with open(os.path.join(self.a + ".checkpoints", names[0]), "r+b") as f:
            f.write(b"damage")
        said = self.merge(self.a, self.b).stderr
        self.assertIn("1 checkpoints were absent or damaged", said)
        self.assertEqual({row[0] for row in self.sql("SELECT path FROM checkpoint", self.out)}, set(os.listdir(self.out + ".checkpoints")))
        self.assertEqual(self.sql("SELECT count(*) FROM checkpoint", self.out), [(11,)])

    def test_what_is_missing_is_told(self):
        self.assertIn("-o PATH is needed", self.call("merge", self.a, status=2).stderr)
        self.assertIn("cannot open", self.merge(self.a, status=5).stderr)
        os.mkdir(self.path("none"))
        self.assertIn("no *.db files", self.merge(self.path("none"), status=2).stderr)

    def test_what_a_killed_merge_left_is_removed_by_the_next(self):
        self.shards()
        home = self.path("local")
        os.mkdir(home)
        env = {"TPRUN_LOCAL": home}
        # Folders as merges that were killed leave them, one of a merge that lives, and what is no merge's.
        for name in ("tprun-merge-aaaaaa", "tprun-merge-bbbbbb", "tprun-merge-living", "tprun-other", "tprun-merge-folders"):
            os.mkdir(os.path.join(home, name))
            for file in ("0.db", ".tprun-merge"):
                with open(os.path.join(home, name, file), "w", encoding="ascii") as f:
                    f.write("x")
        # Somebody's own folders of such a name: one is empty.
        for name in ("tprun-merge-hers", "tprun-merge-empty"):
            os.mkdir(os.path.join(home, name))
        with open(os.path.join(home, "tprun-merge-hers", "0.db"), "w", encoding="ascii") as f:
            f.write("x")
        os.mkdir(os.path.join(home, "tprun-merge-folders", "kept"))
        os.symlink(os.path.join(home, "tprun-other"), os.path.join(home, "tprun-merge-link"))
        living = os.open(os.path.join(home, "tprun-merge-living"), os.O_RDONLY)
        self.addCleanup(os.close, living)
        fcntl.flock(living, fcntl.LOCK_EX)
        self.merge(self.a, self.b, env=env)
        left = sorted(os.listdir(home))
        self.assertEqual(left, ["tprun-merge-folders", "tprun-merge-hers", "tprun-merge-link", "tprun-merge-living", "tprun-other"])
        self.assertEqual(os.listdir(os.path.join(home, "tprun-merge-folders")), ["kept"])
        self.assertEqual(os.listdir(os.path.join(home, "tprun-merge-hers")), ["0.db"])
        for name in ("tprun-merge-living", "tprun-other"):
            self.assertEqual(sorted(os.listdir(os.path.join(home, name))), [".tprun-merge", "0.db"])


class OnNetwork(test_work.Shared):
    def test_an_output_there_is_put_whole(self):
        out = self.path("net", "out.db")
        for i in range(2):
            self.work(f"{i}/2", self.path("net", f"{i}.db"), "-q", env=self.on("GPFS"))
        self.call("merge", "-o", out, self.net, env=self.on("GPFS"))
        straight = self.path("straight.db")
        self.call("run", self.spec, "--db", straight, "-q")
        self.assertEqual(self.digest(out), self.digest(straight))
        self.assertEqual(set(os.listdir(out + ".checkpoints")), {row[0] for row in self.sql("SELECT path FROM checkpoint", out)})


if __name__ == "__main__":
    unittest.main()
