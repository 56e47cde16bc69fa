#!/usr/bin/env python3
"""What is thrown away, copied and remarked: rm, gc, backup, tag, note; and whether this build is well: doctor, completion."""
import os
import pty
import select
import sqlite3
import subprocess
import unittest

from test_cli import Cli, HANG, TPRUN

TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture", "tiny.yaml")


class Tidy(Cli):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "a.db")

    def train(self, *args, spec=TINY, **kwargs):
        return self.call("run", spec, "--db", self.db, "-q", *args, **kwargs)

    def tidy(self, command, *args, **kwargs):
        return self.call(command, "--db", self.db, *args, **kwargs)

    def files(self):
        return sorted(os.listdir(self.db + ".checkpoints"))

    def named(self):
        return sorted(row[0] for row in self.sql("SELECT path FROM checkpoint"))

    def keys(self, where="1"):
        return sorted(row[0] for row in self.sql(f"SELECT key FROM all_trials WHERE {where}"))

    def test_nothing_goes_without_a_word(self):
        self.train()
        before = self.digest(), self.files()
        for command in (["rm", "tiny"], ["rm", "--where", "1"], ["gc"]):
            self.assertIn("--yes", self.tidy(*command, status=2, stdin=subprocess.DEVNULL).stderr)
            done = self.tidy(*command, "-n")
            self.assertIn("nothing was removed", done.stderr)
            self.assertEqual((self.digest(), self.files()), before, command)
        self.assertIn("STUDY", self.tidy("rm", "--yes", status=2).stderr)
        self.assertIn("no study", self.tidy("rm", "none", "--yes", status=2).stderr)
        for name, said in (("none", "no variant 'none' (there are: bp, dtp)"), ("dpt", "no variant 'dpt'; did you mean 'dtp'?")):
            self.assertIn(said, self.tidy("rm", "tiny", "--variant", name, "--yes", status=2).stderr)
        self.assertIn("syntax error", self.tidy("rm", "--where", "1) OR (1", "--yes", status=2).stderr)
        self.assertIn("not allowed: function load_extension", self.tidy("rm", "--where", "load_extension('x')", "--yes", status=2).stderr)
        self.assertEqual((self.digest(), self.files()), before)
        self.call("rm", "--db", os.path.join(self.folder, "none.db"), "x", "--yes", status=5)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "none.db")))

    def test_names_that_were_meant(self):
        self.train("train.iterations=0")
        for command in (("show",), ("claims",), ("ls",), ("rm", "--yes"), ("tag", "+x"), ("plot",), ("export",), ("report",), ("diff", "tiny")):
            said = self.tidy(command[0], "tniy", *command[1:], status=2).stderr
            self.assertIn("no study 'tniy'; did you mean 'tiny'?", said, command)
        self.assertIn("no variant 'dpt'; did you mean 'dtp'?", self.tidy("diff", "tiny:dpt", "tiny:bp", status=2).stderr)
        for sql, said in (("SELECT * FROM trails", "no such table: trails; did you mean trials?"), ("SELECT t.vraiant FROM trials t", "did you mean variant?"),
                          ("SELECT * FROM b", "no such table: b\n"),
                          ("SELECT cell FROM study_tiny", "no such column: cell\n")):
            self.assertIn(said, self.tidy("sql", sql, status=2).stderr)

    def ask(self, answer, *command):
        """Runs the command with a terminal that gives this answer to its question; returns what it said."""
        terminal, other = pty.openpty()
        process = subprocess.Popen([TPRUN, *command, "--db", self.db], stdin=other, stdout=other, stderr=other, env=self.environment)
        os.close(other)
        said = b""
        while True:
            self.assertTrue(select.select([terminal], [], [], HANG)[0])
            try:
                bytes_ = os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            if not bytes_:
                break
            said += bytes_
            if b"[y/N]" in said and answer:
                os.write(terminal, answer)
                answer = b""
        os.close(terminal)
        self.assertEqual(process.wait(HANG), 0, said)
        return said.decode()

    def test_a_terminal_is_asked(self):
        self.train()
        self.assertIn("remove study 'tiny' and its 2 trials from", self.ask(b"n\n", "rm", "tiny"))
        self.assertEqual(len(self.keys()), 2)
        self.ask(b"\n", "rm", "tiny")
        self.assertEqual(len(self.keys()), 2)
        self.ask(b"y\n", "rm", "tiny")
        self.assertEqual(self.keys(), [])

    def test_trials_go_and_come_back(self):
        self.train("seeds=2")
        digest, trials = self.digest(), self.sql("SELECT variant, seed FROM trials ORDER BY 1, 2")
        done = self.tidy("rm", "tiny", "--variant", "bp", "--where", "seed = 2", "--yes", "--format=csv")
        self.assertIn("tiny,bp,1,1,1,0,0,", done.stdout)
        self.assertIn("1 of them is asked for by the study and waits for the next run", done.stderr)
        self.assertEqual(self.sql("SELECT variant, seed FROM trials WHERE state = 'done' ORDER BY 1, 2"), [t for t in trials if t != ("bp", 2)])
        self.assertEqual(self.sql("SELECT (SELECT count(*) FROM metric m WHERE m.trial_id = t.id) + step, state FROM trial t WHERE variant = 'bp' AND seed = 2"),
                         [(0, "queued")])
        self.assertEqual(self.files(), self.named())
        self.assertEqual(self.sql("SELECT DISTINCT n, n_asked, n_unfinished, last_mean FROM finals WHERE variant = 'bp'"), [(1, 2, 1, None)], "survivors are no mean")
        self.train("seeds=2")
        self.assertEqual(self.digest(), digest)
        self.tidy("rm", "tiny", "--yes")
        self.assertEqual(self.files(), [])
        self.assertEqual(self.sql("SELECT count(*) FROM study"), [(0,)])
        self.assertEqual(self.tidy("ls", "--format=csv").stdout.count("\n"), 1)
        self.train("seeds=2")
        self.assertEqual(self.digest(), digest)

    def test_cells(self):
        spec = os.path.join(self.folder, "swept.yaml")
        with open(TINY, encoding="utf-8") as f:
            text = f.read()
        with open(spec, "w", encoding="utf-8") as out:
            out.write(text + "sweep: {grid: {train.optimizer.stepsize: [0.01, 0.1]}}\n")
        self.train(spec=spec)
        cells = sorted(row[0] for row in self.sql("SELECT DISTINCT cell FROM trials"))
        self.tidy("rm", "--cell", cells[0], "--yes")
        self.assertEqual(self.sql("SELECT DISTINCT cell FROM trials WHERE state = 'done'"), [(cells[1],)])
        with open(spec, "w", encoding="utf-8") as out:
            out.write(text + "sweep: {grid: {train.optimizer.stepsize: [0.1]}}\n")
        self.train(spec=spec)
        self.tidy("rm", "--cell", cells[0], "--yes")
        self.assertEqual(self.sql("SELECT DISTINCT cell FROM all_trials"), [(cells[1],)], "what no file asks for goes")

    def test_a_choice_is_of_all_cells(self):
        spec = os.path.join(self.folder, "tuned.yaml")
        with open(TINY, encoding="utf-8") as f, open(spec, "w", encoding="utf-8") as out:
            endless = f.read().replace("{name: gaussian, features: 8, classes: 3, train_size: 64, test_size: 32}", "{name: temporal_order, length: 12, test_size: 20}")
            out.write(endless.replace("- dense: {units: 6, activation: tanh}", "- rnn: {units: 6}").replace("- dense: {units: 3}", "- dense: {units: 4}")
                      .replace("[train_loss, test_accuracy]", "[train_loss, test_loss]")
                      + "sweep: {grid: {train.optimizer.stepsize: [0.01, 0.1]}}\ntune: {metric: train_loss, retrain: {seeds: [7, 8]}}\n")
        self.train("--variant", "bp", spec=spec)
        chosen, test_loss = self.sql("SELECT chosen, test_loss FROM tuned")[0]
        self.assertIsNotNone(test_loss)
        self.tidy("rm", "--where", f"cell = '{chosen}'", "--yes")
        chosen_now, n, test_loss, note = self.sql("SELECT chosen, n, test_loss, note FROM tuned")[0]
        self.assertEqual((chosen_now, n, test_loss), (None, 0, None), "the trials of the former choice are not those of another one")
        self.assertIn("1 of 2 trials of the sweep are not finished", note)

    def test_cells_as_tables_show_them(self):
        """Two swept keys end in the same word; sql gives what WHERE finds, and tables tell the cells apart."""
        spec = os.path.join(self.folder, "swept.yaml")
        claim = "claims: [{id: c, value: {variant: dtp, metric: test_accuracy, cell: %s}, expect: [0, 100]}]\n"
        keys = ("train.optimizer.stepsize", "algorithm.feedback.optimizer.stepsize")
        with open(TINY, encoding="utf-8") as f:
            text = f.read()
        for key in keys:
            with open(spec, "w", encoding="utf-8") as out:
                out.write(text.replace("experiment: tiny", "experiment: " + key.split(".")[0]) + f"sweep: {{grid: {{{key}: [0.01, 0.1]}}}}\n" + claim % "stepsize=0.1")
            self.train("--variant", "dtp", spec=spec)
        lines = self.tidy("sql", "SELECT DISTINCT cell FROM trials ORDER BY 1").stdout.split()
        self.assertEqual(lines[1:], sorted(f"{key}={value}" for key in keys for value in ("0.01", "0.1")))
        self.assertIn("  stepsize=0.1  ", self.tidy("ls", "train").stdout)
        self.assertNotIn("train.optimizer", self.tidy("ls", "train").stdout)
        refused = self.tidy("rm", "--cell", "stepsize=0.1", "--yes", status=2).stderr
        for key in keys:
            self.assertIn(key + "=0.1", refused)
        self.assertIn("did you mean 'stepsize=0.1'?", self.tidy("rm", "train", "--cell", "stepsiz=0.1", "--yes", status=2).stderr)
        self.assertIn("no cell with 'stepsiz=0.1'; did you mean 'stepsize=0.1'?", self.tidy("plot", "train", "--cell", "stepsiz=0.1", status=2).stderr)
        self.tidy("plot", "train", "--cell", "stepsize=0.1")
        self.tidy("rm", "train", "--cell", "stepsize=0.1", "--yes")
        self.assertEqual(self.sql("SELECT DISTINCT cell FROM trials WHERE study = 'train' AND state = 'done'"), [(keys[0] + "=0.01",)])
        self.assertEqual(self.sql("SELECT DISTINCT n FROM claims WHERE study = 'algorithm'"), [(1,)])

    def test_a_run_is_not_disturbed(self):
        process = self.start("seeds=2", "checkpoint.seconds=0.01")
        self.wait_rows(process, 1)
        for command in (["rm", "small", "--yes"], ["gc", "--yes"]):
            self.assertIn("is in use by tprun", self.tidy(*command, status=3).stderr)
        self.tidy("rm", "--where", "1", "-n")
        process.kill()
        process.wait(HANG)

    def test_gc(self):
        self.train()
        self.train("train.optimizer.stepsize=0.5", "--variant", "bp")  # a one-off
        edited = os.path.join(self.folder, "edited.yaml")
        with open(TINY, encoding="utf-8") as f, open(edited, "w", encoding="utf-8") as out:
            out.write(f.read().replace("units: 6", "units: 7"))
        self.train(spec=edited)
        self.train("seeds=2", "train.iterations=20", spec=edited)
        one_offs, old = self.keys("generation = 0"), self.keys("NOT current AND generation > 0")
        self.assertEqual((len(one_offs), len(old)), (1, 2))
        with open(os.path.join(self.db + ".checkpoints", "0" * 16 + ".5.safetensors"), "w", encoding="ascii") as f:
            f.write("garbage")
        with open(os.path.join(self.db + ".checkpoints", "mine.txt"), "w", encoding="ascii") as f:
            f.write("not ours")
        waiting = self.sql("SELECT key FROM all_trials WHERE state <> 'done'")
        self.assertEqual(waiting, [])
        self.tidy("gc", "--yes", "--only", "generations")
        self.assertEqual((self.keys("generation = 0"), self.keys("NOT current AND generation > 0")), (one_offs, []))
        self.assertEqual(self.files(), sorted(self.named() + ["mine.txt"]))
        self.assertNotEqual(self.named(), [])
        before = self.digest()
        said = self.tidy("gc", "-n").stdout
        self.assertIn(f"checkpoints of {len(self.keys())} finished trials", said)
        self.assertIn(f"{len(self.named())} files of checkpoints", said)
        self.tidy("gc", "--yes")
        self.assertEqual((self.files(), self.named(), self.digest()), (["mine.txt"], [], before))
        self.tidy("gc", "--yes", "--only", "space")
        self.train("seeds=2", "train.iterations=20", spec=edited)  # finished trials are not trained again
        self.assertEqual(self.digest(), before)

    def test_gc_leaves_what_is_gone_on_from(self):
        process = self.start("seeds=1", "checkpoint.seconds=0.001")
        self.wait_rows(process, 20)
        process.terminate()
        self.assertEqual(process.wait(HANG), 75)
        named = self.named()
        self.assertNotEqual(named, [])
        kept = self.sql("SELECT c.path FROM checkpoint c JOIN trial t ON t.id = c.trial_id WHERE t.state = 'interrupted'")
        self.tidy("gc", "--yes")
        self.assertEqual(self.named(), sorted(row[0] for row in kept))
        self.assertEqual(self.files(), self.named())

    def test_backup_while_a_run_writes(self):
        process = self.start("log.every=1")
        self.wait_rows(process, 1)
        rows, copies = 0, 0
        while process.poll() is None and copies < 20:
            copy = os.path.join(self.folder, f"copy{copies}.db")
            self.tidy("backup", copy, "-q")
            connection = sqlite3.connect(copy)
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            n = connection.execute("SELECT count(*) FROM metric").fetchone()[0]
            self.assertGreaterEqual(n, rows)
            rows = n
            connection.close()
            self.assertFalse(any(os.path.exists(copy + end) for end in ("-wal", "-shm", "-journal")))
            copies += 1
        self.assertGreater(copies, 0)
        process.kill()
        process.wait(HANG)

    def test_backup(self):
        self.train()
        copy = os.path.join(self.folder, "copy.db")
        self.tidy("backup", copy)
        self.assertEqual(self.digest(copy), self.digest())
        with open(copy, "rb") as f:
            self.assertEqual(f.read(20)[18:20], b"\x01\x01")  # no log
        self.tidy("backup", copy, "--force", "-q")
        self.assertIn("itself", self.tidy("backup", self.db, "--force", status=2).stderr)

    def test_tags_and_notes(self):
        self.train()
        digest, key = self.digest(), self.keys("variant = 'bp'")[0]
        self.tidy("tag", "tiny", "paper", "draft", "paper")
        self.tidy("tag", key[:8], "bad")
        self.assertEqual(self.tidy("tag", "tiny", "draft", "none", "--remove").stderr, "tprun: warning: tiny has no tag 'none'\n")
        self.assertEqual(self.sql("SELECT study, variant, seed, key, tag FROM tags ORDER BY trial_id"),
                         [("tiny", None, None, None, "paper"), ("tiny", "bp", 1, key, "bad")])
        self.assertIn(f"tiny,bp,,1,{key[:8]},bad", self.tidy("tag", "--format=csv").stdout)
        self.assertNotIn("paper", self.tidy("tag", key[:8]).stdout)
        for wrong in ("two words", "", "x" * 65, "\x1b[2J"):
            self.assertIn("is no tag", self.tidy("tag", "tiny", "fine", wrong, status=2).stderr)
        self.assertIn("the tag is not UTF-8", self.tidy("tag", "tiny", os.fsdecode(b"caf\xe9"), status=2).stderr)
        self.assertIn("the note is not UTF-8", self.tidy("note", "tiny", os.fsdecode(b"caf\xe9"), status=2).stderr)
        self.tidy("note", "tiny", "of Figure 3\nsecond line")
        self.tidy("note", key[:8], "the stepsize is odd")
        self.tidy("note", key[:8], "the stepsize is too large")
        self.assertEqual(self.tidy("note", key[:8]).stdout, "the stepsize is too large\n")
        self.assertEqual(self.sql("SELECT variant, note FROM notes ORDER BY trial_id"),
                         [(None, "of Figure 3\nsecond line"), ("bp", "the stepsize is too large")])
        self.assertIn("too large", self.tidy("show", "tiny").stdout)
        self.assertIn("bad", self.tidy("show", key[:8]).stdout)
        self.assertIn("no study", self.tidy("note", "none", "x", status=2).stderr)
        self.assertEqual(self.digest(), digest)
        self.tidy("rm", "--where", "trial_id IN (SELECT trial_id FROM tags WHERE tag = 'bad')", "--yes")
        self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state = 'done'"), [(1,)])
        self.tidy("note", "tiny", "")
        self.assertEqual(self.sql("SELECT count(*) FROM note"), [(0,)])
        self.assertEqual(self.sql("SELECT tag FROM tags"), [("paper",)])


class Machine(Cli):
    def test_doctor(self):
        scratch = os.path.join(self.folder, "scratch")
        os.mkdir(scratch)
        done = self.call("doctor", env={"TMPDIR": scratch})
        self.assertEqual((done.stdout.count("\nok "), done.stdout.count("BAD"), done.stderr), (6, 0, ""), done.stdout)
        self.assertIn("OpenBLAS", done.stdout)
        self.assertEqual(os.listdir(scratch), [])
        self.call("doctor", status=1, env={"TMPDIR": os.path.join(self.folder, "none")})

    def complete(self, *words):
        script = self.call("completion", "bash").stdout
        words = " ".join(f"'{w}'" for w in words)
        done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _tprun; echo \"${{COMPREPLY[@]}}\""],
                              capture_output=True, text=True, check=True, timeout=HANG, cwd=self.folder)
        return done.stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("tprun", "rm", "--dr"), ["--dry-run"])
        self.assertEqual(self.complete("tprun", "ls", "--format", "=", "js"), ["json"])
        self.assertEqual(self.complete("tprun", "gc", "--only", ""), ["checkpoints", "generations", "space"])
        self.assertIn("doctor", self.complete("tprun", "do"))
        for command in self.call("--help").stdout.split("Commands:")[1].split("\n\n")[0].splitlines()[1:]:
            name = command.split()[0]
            offered = {o.rstrip("=") for o in self.complete("tprun", name, "--")}
            helped = {w for line in self.call(name, "--help").stdout.split("Options:")[1].splitlines() for w in line.split()[:3] if w.startswith("--")}
            self.assertEqual(offered, helped, name)
        self.assertIn("#compdef tprun", self.call("completion", "zsh").stdout)
        self.assertIn("none of bash, zsh", self.call("completion", "fish", status=2).stderr)


if __name__ == "__main__":
    unittest.main()
