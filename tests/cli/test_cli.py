#!/usr/bin/env python3
"""End-to-end tests of the real program: TPRUN_BUILD names the build folder."""
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("TPRUN_BUILD", ".")
TPRUN = os.path.join(BUILD, "tprun")
SPEC = os.path.join(HERE, "..", "torture", "small.yaml")
HANG = 1000  # seconds: ends what hangs; tests wait for facts


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-cli-")
        self.db = os.path.join(self.folder, "deep", "er", "results.db")
        self.cache = tempfile.mkdtemp(prefix="tprun-cache-")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.environment["XDG_CACHE_HOME"] = self.cache

    def tearDown(self):
        shutil.rmtree(self.folder)
        shutil.rmtree(self.cache)

    def call(self, *args, status=0, env=None, **kwargs):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env={**self.environment, **(env or {})},
                              timeout=HANG, check=False, **kwargs)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def run_study(self, *args, db=None, **kwargs):
        return self.call("run", SPEC, "--db", db or self.db, "train.iterations=60", "seeds=1", *args, **kwargs)

    def start(self, *args, db=None, env=None):
        process = subprocess.Popen([TPRUN, "run", SPEC, "--db", db or self.db, *args], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env={**self.environment, **(env or {})})
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate() if not process.stdout.closed else None))
        return process

    def sql(self, text, db=None):
        with sqlite3.connect(db or self.db) as connection:
            rows = connection.execute(text).fetchall()
        connection.close()
        return rows

    def digest(self, db=None):
        return self.call("digest", db or self.db).stdout.split()[0]

    @staticmethod
    def children(process, option):
        """Those of its children that are workers (--worker) or what these are forked from (--starter)."""
        def is_one(pid):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                    return f.read().split("\0")[:2] == ["tprun-worker", option]
            except OSError:
                return False
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as f:
                return [pid for pid in map(int, f.read().split()) if is_one(pid)]
        except OSError:  # it has ended
            return []

    def workers(self, process):
        return self.children(process, "--worker")

    def wait_worker(self, process, known=()):
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline and process.poll() is None:
            new = [pid for pid in self.workers(process) if pid not in known]
            if new:
                return new[0]
            time.sleep(0.005)
        return None

    def wait_rows(self, process, n):
        """Until the database holds n metric rows."""
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.sql("SELECT count(*) FROM metric")[0][0] >= n:
                    return
            except sqlite3.OperationalError:
                pass
            time.sleep(0.02)
        self.fail("no rows came")


class Commands(Cli):
    def test_help_and_version(self):
        self.assertIn("Usage: tprun", self.call("--help").stdout)
        self.assertRegex(self.call("--version").stdout, r"^tprun \d")
        for name in ["run", "plan", "ls", "show", "claims", "sql", "list", "schema", "probe", "verify", "digest"]:
            self.assertIn(f"Usage: tprun {name}", self.call(name, "--help").stdout)

    def test_mistakes_in_the_command(self):
        self.assertIn("did you mean 'plan'", self.call("pln", status=2).stderr)
        self.assertIn("; did you mean --jobs?; see tprun run --help", self.call("run", "--jbos", "2", SPEC, status=2).stderr)
        self.assertIn("needs a value", self.call("run", SPEC, "--jobs", status=2).stderr)
        self.assertIn("--jobs", self.call("run", SPEC, "-j", "0", status=2).stderr)
        for word, said in (("--versoin", "'--versoin' is no option of tprun; did you mean --version?"), ("--hlep", "did you mean --help?; see tprun --help")):
            self.assertIn(said, self.call(word, status=2).stderr)
        self.assertIn("no option of tprun ls", self.call("ls", "--jobs", "2", status=2).stderr)
        twins = os.path.join(self.folder, "twins")
        os.mkdir(twins)
        for name in "a", "b":
            with open(SPEC, encoding="utf-8") as f, open(os.path.join(twins, name + ".yaml"), "w", encoding="utf-8") as out:
                out.write(f.read())
        self.assertIn(f"{twins}/a.yaml and {twins}/b.yaml are both called 'torture'", self.call("plan", twins, status=2).stderr)
        for args, said in ((("ls", "mine", "-Zq"), "'-Z' is no option of tprun ls;"), (("run", "x.yaml", "-k=3"), "a short option takes no '=': -j 3, or --jobs=3"),
                           (("ls", "--quiet=3"), "--quiet takes no value"), (("ls", "mine", "-é"), "'-é' is no option of tprun ls")):
            self.assertIn(said, self.call(*args, status=2).stderr)
        self.assertIn("'--db' is no option of tprun merge; did you mean --output", self.call("merge", "a.db", "--db", "b.db", status=2).stderr)
        self.run_study("seeds=1", "train.iterations=1")
        for asked in "PRAGMA table_info(trial)", "SELECT * FROM pragma_table_info('trial')":
            self.assertIn("not allowed: PRAGMA", self.call("sql", asked, "--db", self.db, status=2).stderr)
            self.assertIn("SELECT * FROM _doc tells their columns", self.call("sql", asked, "--db", self.db, status=2).stderr)
        self.assertIn("usage: tprun sql", self.call("sql", status=2).stderr)
        for given in (("serve", "--port", "0x50"), ("run", SPEC, "-j", "0x2"), ("run", SPEC, "--memory", "0x40000000"), ("run", SPEC, "--stop-after", "0x10"),
                      ("plot", "x", "--smooth", "0x0.8"), ("plot", "x", "--size", "0x55"), ("compare", "x", "y", "--at", "0x10")):
            self.assertIn(f"'{given[-1]}' is n", self.call(*given, status=2).stderr)
        self.assertIn("'999999999999h' is longer than a program can wait; at most 11574074d", self.call("run", SPEC, "--stop-after", "999999999999h", status=2).stderr)
        self.call(status=2)

    def test_mistakes_in_a_file_leave_nothing_behind(self):
        bad = os.path.join(self.folder, "bad.yaml")
        with open(SPEC, encoding="utf-8") as f:
            text = f.read()
        with open(bad, "w", encoding="utf-8") as f:
            f.write(text.replace("batch_size: 16", "batch_sise: 16").replace("units: 24", "units: -1"))
        errors = self.call("run", bad, "--db", self.db, status=2).stderr
        self.assertIn("batch_sise", errors)
        self.assertIn("units", errors)
        self.assertRegex(errors, r"bad\.yaml:\d+:\d+: error")
        self.assertFalse(os.path.exists(self.db))
        self.assertIn("did you mean 'tp'", self.run_study("--variant", "tpp", status=2).stderr)
        self.call("run", os.path.join(self.folder, "none.yaml"), "--db", self.db, status=2)

    def test_list_and_schema(self):
        everything = self.call("list").stdout
        for word in ["algorithm", "mapping", "Roulet 2022", "temporal_order", "test_accuracy"]:
            self.assertIn(word, everything)
        self.assertIn("regularization", self.call("list", "mappings").stdout)
        self.assertEqual(self.call("list", "presets").stdout, self.call("list", "algorithm").stdout)
        rows = json.loads(self.call("list", "--format", "json").stdout)
        self.assertIn({"kind": "mapping", "name": "inverse"}, [{k: row[k] for k in ("kind", "name")} for row in rows])
        self.assertIn('mapping,inverse,', self.call("list", "mapping", "--format", "csv").stdout)
        for form in [], ["--format=json"]:
            self.assertIn("there are algorithm", self.call("list", "nonsense", *form, status=2).stderr)
        schema = json.loads(self.call("schema").stdout)
        self.assertIn("draft-07", schema["$schema"])
        self.assertIn("temporal_order", json.dumps(schema))

    def test_plan_tells_missing_data(self):
        empty = os.path.join(self.folder, "no-data")
        os.makedirs(empty, exist_ok=True)
        spec = os.path.join(HERE, "..", "..", "experiments", "roulet2022", "fig6a.yaml")
        done = self.call("plan", spec, "dataset.path=" + empty, "--db", self.db)
        self.assertIn("dense", done.stdout)  # the plan itself is whole
        self.assertEqual(done.stderr.count("the data cannot be read here"), 1, done.stderr)
        self.assertIn("no-data", done.stderr)
        self.assertEqual(self.call("plan", SPEC, "--db", self.db).stderr, "")

    def test_plan(self):
        out = self.call("plan", SPEC, "--db", self.db).stdout
        self.assertRegex(out, r"tp: 3 trials, 0 finished")
        self.assertIn("rnn", out)
        self.assertIn("by steps that were timed on this machine", out)
        self.run_study()
        self.assertRegex(self.call("run", "-n", SPEC, "--db", self.db, "seeds=1", "train.iterations=60").stdout,
                         r"tp: 1 trials, 1 finished")
        self.assertIn("in the database took", self.call("plan", SPEC, "--db", self.db).stdout)

    def test_of_two_assignments_the_later_counts(self):
        for args in ([SPEC, "train.iterations=5", "-S", "train.iterations=7"], ["--set=train.iterations=5", SPEC, "train.iterations=7"],
                     ["-S", "train.iterations=5", "--", SPEC, "train.iterations=7"]):
            self.assertIn(", 7 steps\n", self.call("plan", *args).stdout)

    def test_advice_for_several_values(self):
        for assignment, advice in (("seeds=1,2", "; several are a list: seeds=[1,2]"),
                                   ("train.batch_size=4,5", "; several values are a sweep: sweep.grid.train.batch_size=[4,5]"), ("version=1,2", "")):
            said = self.call("plan", SPEC, assignment, status=2).stderr
            self.assertIn(f"expected an integer, found a string '{assignment.split('=')[1]}'{advice}\n", said)


class Running(Cli):
    def test_run_then_again_then_further(self):
        done = self.run_study()
        self.assertIn("test_accuracy", done.stdout)
        self.assertEqual(self.sql("SELECT DISTINCT state, step, seed FROM trial WHERE seed = 1 OR state <> 'queued'"), [("done", 60, 1)])
        self.assertEqual(self.sql("SELECT count(*) FROM metric")[0][0], 2 * 3 * 7)
        before = self.digest()
        self.assertIn("2 were finished before", self.run_study().stderr)
        self.assertEqual(self.digest(), before)
        self.run_study("train.iterations=100")
        self.assertEqual(self.sql("SELECT DISTINCT state, step, seed FROM trial WHERE seed = 1 OR state <> 'queued'"), [("done", 100, 1)])
        self.assertEqual(self.sql("SELECT from_step FROM run ORDER BY id"), [(0,), (0,), (60,), (60,)])
        straight = os.path.join(self.folder, "straight.db")
        self.run_study("train.iterations=100", db=straight)
        self.assertEqual(self.digest(), self.digest(straight))

    def test_order_and_number_of_workers_do_not_matter(self):
        other = os.path.join(self.folder, "other.db")
        self.run_study("-j", "1", "seeds=2")
        self.run_study("-j", "4", "seeds=2", db=other, env={"MALLOC_PERTURB_": "85", "OPENBLAS_CORETYPE": "Prescott",
                                                            "OPENBLAS_NUM_THREADS": "3", "LC_ALL": "de_DE.UTF-8"})
        self.assertEqual(self.digest(), self.digest(other))

    def test_variant_and_force(self):
        self.run_study("--variant", "bp")
        self.assertEqual(self.sql("SELECT variant, state FROM trial WHERE seed = 1 ORDER BY variant"), [("bp", "done"), ("tp", "queued")])
        self.run_study("--variant", "bp", "--force")
        self.assertEqual(len(self.sql("SELECT id FROM run")), 1)
        named = {os.path.basename(row[0]) for row in self.sql("SELECT path FROM checkpoint")}
        self.assertEqual(set(os.listdir(self.db + ".checkpoints")), named)

    def test_a_changed_file_is_noticed(self):
        self.run_study()
        edited = os.path.join(self.folder, "edited.yaml")
        with open(SPEC, encoding="utf-8") as f, open(edited, "w", encoding="utf-8") as out:
            out.write(f.read().replace("stepsize: 0.05", "stepsize: 0.2"))
        again = ("run", edited, "--db", self.db, "train.iterations=60", "seeds=1")
        self.assertIn("train.optimizer.stepsize: 0.05 in the database, 0.2 in the file: these are new trials", self.call(*again).stderr)
        self.assertNotIn("in the database", self.call(*again).stderr)
        self.assertEqual(self.sql("SELECT (SELECT count(*) FROM trials), count(*) FROM all_trials"), [(6, 12)])

    def test_queries(self):
        self.run_study()
        self.assertIn("torture", self.call("ls", "--db", self.db).stdout)
        self.assertEqual(len(json.loads(self.call("ls", "torture", "--db", self.db, "--format=json").stdout)), 6)
        self.assertIn("test_loss", self.call("show", "torture", "--db", self.db).stdout)
        key = self.sql("SELECT key FROM trial")[0][0]
        self.assertIn("train.optimizer.stepsize", self.call("show", key[:10], "--db", self.db).stdout)
        self.call("show", "0000ffff", "--db", self.db, status=2)
        out = self.call("sql", "SELECT count(*) AS n FROM metric WHERE step = ?1 + 0", "60", "--format=csv", "--db", self.db).stdout
        self.assertEqual(out.split(), ["n", "6"])
        self.assertNotEqual(subprocess.run([TPRUN, "sql", "DELETE FROM metric", "--db", self.db], capture_output=True,
                                           check=False, env=self.environment).returncode, 0)
        self.assertEqual(self.sql("SELECT count(*) FROM metric")[0][0], 42)
        self.call("claims", "--db", self.db)
        self.call("ls", "--db", os.path.join(self.folder, "none.db"), status=5)

    def test_weights_go_from_one_trial_into_another(self):
        net, picture = (os.path.join(self.folder, n) for n in ("net.safetensors", "filters.png"))
        spec = os.path.join(self.folder, "flat.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write("{version: 1, experiment: flat, seeds: 1, dataset: {name: gaussian, features: 9, train_size: 50}, network: {layers: [dense: "
                    "{units: 5, activation: tanh}, dense: {units: 3}]}, loss: cross_entropy, algorithm: bp, train: {optimizer: {name: sgd, "
                    "stepsize: 0.1}, batch_size: 10, iterations: 20}, checkpoint: {keep: last}}")
        self.call("run", spec, "--db", self.db)
        key = self.sql("SELECT key FROM trial")[0][0]
        self.call("export", "weights", key[:12], "--db", self.db, status=2)
        self.call("export", "weights", key[:12], "-o", net, "--db", self.db)
        with open(net, "rb") as f:
            first = f.read()
        header = json.loads(first[8:8 + int.from_bytes(first[:8], "little")])
        facts = header.pop("__metadata__")
        self.assertEqual((facts["study"], facts["variant"], facts["seed"], facts["step"], facts["trial"]), ("flat", "base", "1", "20", key))
        self.assertEqual({name: t["shape"] for name, t in header.items()},
                         {"layers.0.weight": [5, 9], "layers.0.bias": [5], "layers.1.weight": [3, 5], "layers.1.bias": [3]})
        self.assertIn("--force writes over it", self.call("export", "weights", key, "-o", net, "--db", self.db, status=2).stderr)
        self.call("export", "weights", key, "-o", net, "--force", "--db", self.db)
        with open(net, "rb") as f:
            self.assertEqual(f.read(), first)
        # what is read is where the other trial ended
        self.call("run", spec, "--db", self.db, "network.init.from.file=" + net)
        kind, text = self.sql("SELECT kind, text FROM event")[0]
        self.assertEqual((kind, text.split()[-3:]), ("initial_weights", ["layers", "0", "1"]))
        self.assertIn(hashlib.sha256(first).hexdigest(), text)
        values = dict(self.sql("SELECT m.trial_id || '@' || m.step, m.value FROM metric m JOIN metric_key k ON k.id = m.key_id "
                               "WHERE k.name = 'train_loss'"))
        self.assertEqual(values["2@0"], values["1@20"])
        missing = self.call("run", spec, "--db", self.db, "network.init.from.file=" + net, "network.layers.0.dense.units=6", status=1).stderr
        self.assertIn("tensor 'layers.0.weight' has shape [5, 9], expected [6, 9]", missing)
        out = self.call("plot", "--filters", key, "-o", picture, "--db", self.db).stdout
        self.assertRegex(out, r"^5 filters of 3 x 3; medians: smoothness \S+, localisation 1\.000, kurtosis \S+\n$")
        with open(picture, "rb") as f:
            self.assertEqual(f.read(24), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x13\0\0\0\x03")
        self.call("plot", "--filters", "torture", "-o", picture, "--db", self.db, status=2)
        os.unlink(os.path.join(self.db + ".checkpoints", self.sql("SELECT path FROM checkpoint WHERE trial_id = 1 ORDER BY id DESC")[0][0]))
        self.assertIn("No such file", self.call("export", "weights", key, "-o", net, "--force", "--db", self.db, status=1).stderr)

    def test_claims_refuted(self):
        spec = os.path.join(self.folder, "claims.yaml")
        with open(SPEC, encoding="utf-8") as f:
            text = f.read()
        with open(spec, "w", encoding="utf-8") as f:
            f.write(re.sub(r"iterations: *[0-9]+", "iterations: 20", text) + "claims:\n  - {id: good, measure: SELECT 1, expect: [0, 2]}\n"
                           "  - {id: wrong, measure: SELECT 5, expect: [0, 2]}\n")
        self.call("run", spec, "--db", self.db, "seeds=1")
        self.assertEqual(self.call("claims", "--db", self.db, "--format=csv").stdout.count("undecided"), 2)  # seeds 2 and 3 wait
        self.call("run", spec, "--db", self.db)
        out = self.call("claims", "--db", self.db, "--format=csv", status=1).stdout
        self.assertRegex(out, r"good.*reproduced")
        self.assertRegex(out, r"wrong.*refuted")

    def test_verify(self):
        out = self.call("verify", SPEC, "train.iterations=200").stdout
        self.assertRegex(out, r"straight ([0-9a-f]{64})\nresumed  \1 \(stopped at step 100\)\nidentical\n")
        self.assertIn("OpenBLAS", out)

    def test_broken_standard_descriptors(self):
        for redirect in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]:
            db = os.path.join(self.folder, f"closed{len(redirect)}.db")
            code = subprocess.run(["sh", "-c", f'"$0" run "$1" --db "$2" seeds=1 train.iterations=20 {redirect}', TPRUN, SPEC, db],
                                  capture_output=True, env=self.environment, check=False).returncode
            self.assertEqual(code, 0, redirect)
            self.assertEqual(self.sql("PRAGMA integrity_check", db), [("ok",)])
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(subprocess.run([TPRUN, "list"], stdout=full, stderr=subprocess.PIPE, check=False).returncode, 1)

    def test_worker_is_clean(self):
        process = self.start("train.iterations=100000", "checkpoint.seconds=1000", env={"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "8"})
        pid = self.wait_worker(process)
        self.wait_rows(process, 3)
        with open(f"/proc/{pid}/environ", encoding="utf-8") as f:
            variables = f.read().split("\0")
        self.assertIn("OPENBLAS_NUM_THREADS=1", variables)
        self.assertIn("OMP_NUM_THREADS=1", variables)
        self.assertFalse([v for v in variables if v.startswith("OPENBLAS_CORETYPE")])
        files = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        self.assertEqual([fd for fd in sorted(files) if ".libxsmm" not in files[fd]], [0, 1, 2, 3])  # it has a lock file
        self.assertEqual(len(os.listdir(f"/proc/{pid}/task")), 1)
        self.assertNotEqual(os.getpgid(pid), os.getpgid(process.pid))
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(process.returncode, 75)


class Interrupted(Cli):
    def straight(self):
        db = os.path.join(self.folder, "straight.db")
        self.call("run", SPEC, "--db", db, "-q", "seeds=1")
        return self.digest(db)

    def resume(self):
        self.call("run", SPEC, "--db", self.db, "-q", "seeds=1")
        return self.digest()

    def test_each_signal_stops_at_a_checkpoint(self):
        expected = self.straight()
        endless = os.path.join(self.folder, "endless.db")
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]:
            process = self.start("seeds=1", "train.iterations=100000000", db=endless)
            self.assertIsNotNone(self.wait_worker(process))
            process.send_signal(number)
            process.communicate(timeout=HANG)
            self.assertEqual(process.returncode, 75)
            process = self.start("seeds=1")
            self.assertIsNotNone(self.wait_worker(process))
            process.send_signal(number)
            process.communicate(timeout=HANG)
            self.assertIn(process.returncode, [75, 0])  # 0 if it was done before the signal
        self.assertEqual(self.sql("SELECT count(*) FROM trial WHERE state = 'running'"), [(0,)])
        self.assertEqual(self.resume(), expected)

    def test_second_signal_is_at_once_and_hup_goes_on(self):
        process = self.start("seeds=1", "train.iterations=100000000")
        self.wait_rows(process, 3)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        worker = self.wait_worker(process)
        os.kill(worker, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG)
        self.assertEqual(process.returncode, 75)

    def test_killed_workers_are_retried_then_given_up(self):
        expected = self.straight()
        process = self.start("seeds=1", "-j", "1")
        for _ in range(2):
            os.kill(self.wait_worker(process), signal.SIGKILL)
            time.sleep(0.1)
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn("killed by SIGKILL", errors)
        self.assertEqual(self.digest(), expected)
        other = os.path.join(self.folder, "other.db")
        process = self.start("seeds=1", "-j", "1", "--variant", "tp", "train.iterations=100000000", db=other)
        killed = []
        for _ in range(3):
            killed.append(self.wait_worker(process, killed))
            os.kill(killed[-1], signal.SIGSEGV)
            time.sleep(0.1)
        process.communicate(timeout=HANG)
        self.assertEqual(process.returncode, 1)
        state, reason = self.sql("SELECT state, reason FROM trial WHERE variant = 'tp'", other)[0]
        self.assertEqual(state, "failed")
        self.assertRegex(reason, r"killed by SIGSEGV at step \d+")

    def test_stopped_worker_is_found(self):
        expected = self.straight()
        process = self.start("seeds=1", "--stall-seconds", "4")
        self.wait_rows(process, 3)
        os.kill(self.wait_worker(process), signal.SIGSTOP)
        _, errors = process.communicate(timeout=HANG)
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn("stalled", errors)
        self.assertEqual(self.digest(), expected)

    def test_second_runner_is_refused(self):
        process = self.start("train.iterations=100000")
        self.wait_rows(process, 3)
        errors = self.run_study(status=3).stderr
        self.assertIn(str(process.pid), errors)
        process.kill()
        process.communicate()
        self.run_study()

    def test_no_orphans(self):
        process = self.start("train.iterations=100000000")
        self.wait_rows(process, 3)
        workers = self.workers(process)
        process.kill()
        process.communicate()
        deadline = time.monotonic() + HANG
        left = workers
        while left and time.monotonic() < deadline:
            left = [pid for pid in workers if os.path.exists(f"/proc/{pid}/fd/3")]
            time.sleep(0.02)
        self.assertEqual(left, [])

    def test_damaged_checkpoints_are_refused(self):
        expected = self.straight()
        process = self.start("seeds=1", "-j", "1")
        deadline = time.monotonic() + HANG
        while self.wait_rows(process, 3) or not self.sql("SELECT 1 FROM checkpoint GROUP BY trial_id HAVING count(*) = 2"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        process.kill()
        process.communicate()
        self.assertEqual(self.sql("SELECT count(*) FROM checkpoint c WHERE NOT EXISTS (SELECT 1 FROM cost k JOIN run r ON r.id = k.run_id "
                                  "WHERE r.trial_id = c.trial_id AND k.phase = 'train' AND k.flops > 0)"), [(0,)], "what was killed has cost something")
        folder = self.db + ".checkpoints"
        newest = self.sql("SELECT path FROM checkpoint ORDER BY step DESC")[0][0]
        with open(os.path.join(folder, newest), "r+b") as f:
            f.seek(-5, os.SEEK_END)
            byte = f.read(1)
            f.seek(-5, os.SEEK_END)
            f.write(bytes([byte[0] ^ 4]))
        garbage = os.path.join(folder, "0123456789abcdef.7.safetensors")
        foreign = os.path.join(folder, "notes.txt")
        for path in (garbage, foreign):
            with open(path, "w", encoding="ascii") as f:
                f.write("x")
        self.assertEqual(self.resume(), expected)
        self.assertEqual(len(self.sql("SELECT * FROM event WHERE kind = 'checkpoint_refused'")), 1)
        self.assertFalse(os.path.exists(garbage))
        self.assertTrue(os.path.exists(foreign))

    def test_a_different_result_is_a_conflict(self):
        self.run_study("-j", "1")
        self.sql("UPDATE metric SET value = value + 1e-9 WHERE step = 50")
        self.sql("DELETE FROM checkpoint")
        self.sql("UPDATE trial SET state = 'interrupted', step = 40")
        errors = self.run_study("-j", "1", status=4).stderr
        self.assertRegex(errors, r"not deterministic at step 50")

    def test_memory_limit(self):
        with open(TPRUN, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("AddressSanitizer needs terabytes of address space")
        done = self.call("run", SPEC, "--db", self.db, "seeds=1", "--variant", "bp", "--memory-limit", "64M",
                         "train.batch_size=100000", "network.layers.0.rnn.units=200", "train.iterations=2", status=1)
        self.assertIn("out of memory", done.stderr)
        self.assertEqual(self.sql("SELECT state, reason, step FROM trial WHERE variant = 'bp'"), [("failed", "out of memory", 0)])

    def test_divergence_is_a_result(self):
        wild = ["train.optimizer.stepsize=1e3", "train.stop.loss_above_initial=1.5", "train.stop.every=5"]
        said = self.run_study(*wild, "log.metrics=[train_loss, test_loss]").stderr
        self.assertEqual({row[0] for row in self.sql("SELECT state FROM trial")}, {"diverged"})
        # what was logged before is not told as what it came to
        self.assertEqual(len(re.findall(r"  diverged  step [0-9]+  test_loss [0-9.e+]+ at step 0  ", said)), 2, said)
        again = self.run_study(*wild, "train.iterations=90")
        self.assertIn("2 were finished before", again.stderr)


if __name__ == "__main__":
    if not re.search("tprun", TPRUN) or not os.path.exists(TPRUN):
        sys.exit(f"no {TPRUN}: set TPRUN_BUILD")
    unittest.main()
