#!/usr/bin/env python3
"""Claims from the file to the verdict, through the real program. TPRUN_BUILD names the build folder."""
import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
HANG = 1000  # seconds: ends what hangs

HEAD = """version: 1
experiment: ct
seeds: {seeds}
dataset: {{name: temporal_order, length: 10, eval_size: 100, test_size: 100}}
network: {{layers: [{{rnn: {{units: 8, activation: tanh}}}}, {{dense: {{units: 4}}}}]}}
loss: cross_entropy
train: {{optimizer: {{name: sgd, stepsize: 0.1}}, batch_size: 5, iterations: {iterations}}}
log: {{every: 10, metrics: [train_loss]}}
variants:
  bp: {{algorithm: bp}}
"""


def obey_permissions():
    """In a child of root, which could write anything: the program that it becomes cannot."""
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP; without the right to do so the user is no root


class Claims(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-claims-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        self.db = os.path.join(self.folder, "r.db")

    def write(self, claims, seeds=3, iterations=20, more=""):
        path = os.path.join(self.folder, "in.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(HEAD.format(seeds=seeds, iterations=iterations) + more + "claims:\n" + "".join(f"  - {c}\n" for c in claims))
        return path

    def call(self, *args, status=0):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False)
        self.assertEqual(done.returncode, status, f"tprun {' '.join(args)}\n{done.stdout}\n{done.stderr}")
        return done

    def run_file(self, path, *args):
        return self.call(path, "--db", self.db, "-q", *args)

    def verdicts(self):
        with sqlite3.connect(self.db) as connection:
            rows = connection.execute("SELECT id, verdict, n, note FROM claims").fetchall()
        connection.close()
        return {row[0]: row[1:] for row in rows}

    def test_a_fraction_needs_a_tolerance_and_sql_must_compile(self):
        path = self.write(["{id: sum, text: t, measure: SELECT 0.1 + 0.2, expect: 0.3}",
                           "{id: typo, text: t, measure: SELECT last_men FROM finals, expect: [0, 1]}"])
        said = self.call("plan", path, status=2).stderr
        self.assertIn(":12:59: error: claims.0.expect: one number needs a 'tolerance'", said)
        self.assertIn("claims.1.measure: no such column: last_men", said)
        self.call(path, "--db", self.db, "-q", status=2)
        self.assertFalse(os.path.exists(self.db))
        path = self.write(["{id: sum, text: t, measure: SELECT 0.1 + 0.2, expect: 0.3, tolerance: 1e-9}",
                           "{id: pivot, measure: SELECT count(*) FROM study_ct, expect: 3}",
                           "{id: rounding, measure: 'SELECT 3 * (1.1 - 0.1 - 1e-16 * 5)', expect: 3}"])
        self.run_file(path)
        verdicts = self.verdicts()
        self.assertEqual(verdicts["sum"][0], "reproduced")
        self.assertEqual(verdicts["pivot"][0], "reproduced")
        if verdicts["rounding"][0] == "refuted":
            self.assertIn("by rounding only", verdicts["rounding"][2])

    def test_the_view_of_the_study_is_compiled_too(self):
        """With the swept keys of the file and of the profile that a claim belongs to."""
        more = "sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2]}}\nprofiles: {paper: {sweep: {grid: {train.batch_size: [5, 10]}}}}\n"
        mean = "{id: %s, measure: 'SELECT avg(%s) FROM study_ct WHERE [%s] = 0.1', expect: [0, 9]}"
        good = [mean % ("own", "last_train_loss", "train.optimizer.stepsize"), mean % ("paper", "last_train_loss", "train.batch_size")]
        self.call("plan", self.write(good, more=more))
        quoted = "{id: quoted, measure: 'SELECT avg(step) FROM study_ct WHERE \"train.batch_siz\" = 0.1', expect: [0, 9]}"
        said = self.call("plan", self.write(good + [mean % ("value", "last_tran_loss", "train.batch_size"), mean % ("key", "step", "train.batch_siz"), quoted],
                                            more=more), status=2).stderr
        self.assertIn("claims.4.measure: no such column: train.batch_siz", said)  # which SQLite may take for a text
        self.assertIn("claims.2.measure: no such column: last_tran_loss", said)
        self.assertIn("claims.3.measure: no such column: train.batch_siz", said)
        self.assertEqual(said.count("error:"), 3, said)

    def test_sql_gives_one_value_for_each_seed_that_was_asked_for(self):
        last = "SELECT last_train_loss%s FROM trials WHERE variant = 'bp'"
        measures = {"whole": last % ", seed", "number": "SELECT avg(last_train_loss) FROM trials", "rows": "SELECT last_train_loss FROM trials",
                    "numbered": "SELECT last_train_loss, trial_id + 2 FROM trials", "missing": last % ", seed" + " AND seed <> 2",
                    "nulls": "SELECT CASE WHEN seed <> 2 THEN last_train_loss END, seed FROM trials WHERE variant = 'bp'",
                    "invented": last % ", seed" + " AND seed <= 2 UNION ALL SELECT 0.2, 77", "more": last % ", seed" + " UNION ALL SELECT 0.2, 77",
                    "twice": "SELECT last_train_loss, seed FROM trials", "none": last % ", seed" + " AND 0", "no_number": last % "" + " AND 0",
                    "many": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 9) SELECT 1, x FROM c"}
        path = self.write([f"{{id: {name}, measure: \"{sql}\", expect: [0, 9]}}" for name, sql in measures.items()], more="  again: {algorithm: bp}\n")
        self.run_file(path)
        without_seeds = "the measure gives several rows without seeds: it gives one number, or (value, seed) with one row for each seed"
        other = "the measure gives rows of seeds that nobody asked for: "
        notes = {"whole": None, "number": "one number without seeds: no interval", "rows": without_seeds, "numbered": other + "4, 5, 6, 7, 8; 2 of the 3 seeds have no value: 1, 2",
                 "missing": "1 of the 3 seeds has no value: 2", "nulls": "1 of the 3 seeds has no value: 2",
                 "invented": other + "77; 1 of the 3 seeds has no value: 3", "more": other + "77", "twice": "the measure gives seed 1 twice",
                 "none": "3 of the 3 seeds have no value", "no_number": "the measure gives no value",
                 "many": other + "4, 5, 6, 7, 8, ..."}
        for name, (verdict, _, note) in self.verdicts().items():
            self.assertEqual(verdict, "reproduced" if name in ("whole", "number") else "undecided", name)
            self.assertEqual((note or "").split("; mean of the ")[0] or None, notes[name], name)

    def test_sql_about_what_was_tuned_has_the_fresh_seeds(self):
        tuned = "SELECT last_train_loss, seed FROM trials WHERE cell %s 'tuned' AND variant = 'bp'"
        path = self.write(["{id: tuned, measure: \"" + tuned % "=" + "\", expect: [0, 9]}",
                           "{id: part, measure: \"" + tuned % "=" + " AND seed < 13\", expect: [0, 9]}",
                           "{id: sweep, measure: \"" + tuned % "<>" + " GROUP BY seed\", expect: [0, 9]}",
                           "{id: mixed, measure: \"" + tuned % "=" + " UNION ALL SELECT 1, 2\", expect: [0, 9]}"],
                          more="sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2]}}\ntune: {metric: train_loss, retrain: {seeds: [11, 12, 13, 14]}}\n")
        self.run_file(path)
        verdicts = self.verdicts()
        self.assertEqual(verdicts["tuned"], ("reproduced", 4, None))
        self.assertEqual(verdicts["sweep"], ("reproduced", 3, None))
        self.assertEqual(verdicts["part"][0], "undecided")
        self.assertTrue(verdicts["part"][2].startswith("2 of the 4 seeds have no value: 13, 14; "), verdicts["part"])
        self.assertEqual(verdicts["mixed"][0], "undecided")
        self.assertTrue(verdicts["mixed"][2].startswith("the measure gives rows of seeds that nobody asked for beside the fresh ones: 2; "))

    def test_one_offs_are_in_no_claim(self):
        path = self.write(["{id: n_trials, measure: SELECT count(*) FROM trials, expect: 2}",
                           "{id: n_summaries, measure: SELECT count(*) FROM summaries, expect: 2}",
                           "{id: n_metrics, measure: SELECT count(*) FROM metrics WHERE step = 20, expect: 2}",
                           "{id: mean_trials, measure: SELECT avg(last_train_loss) FROM trials WHERE variant = 'bp', expect: [0, 1.5]}",
                           "{id: mean_finals, measure: SELECT last_mean FROM finals WHERE variant = 'bp', expect: [0, 1.5]}"], seeds=2)
        self.run_file(path, "train.optimizer.stepsize=50")
        self.run_file(path)
        self.assertEqual({v[0] for v in self.verdicts().values()}, {"reproduced"})

    def test_a_fraction_of_the_length_decides_nothing(self):
        claims = ["{id: file, profile: null, value: {variant: bp, metric: train_loss}, expect: [0, 9]}",
                  "{id: below, value: {variant: bp, metric: train_loss, at: {step: 10}}, expect: [0, 1.49]}",
                  "{id: before, profile: null, value: {variant: bp, metric: train_loss, at: {step: 0}}, expect: [0, 9]}",
                  "{id: paper, compare: {better: bp, than: slow, metric: train_loss}}",
                  "{id: sql, measure: \"SELECT value, seed FROM metrics WHERE variant = 'bp' AND step = 20\", expect: [0, 9]}",
                  "{id: quick, profile: quick, compare: {better: bp, than: slow, metric: train_loss}}"]
        path = self.write(claims, iterations=20, more="  slow: {algorithm: bp, train: {optimizer: {stepsize: 1e-5}}}\n"
                          "profiles: {paper: {train: {iterations: 40}}, quick: {dataset: {length: 12}}}\n")
        self.run_file(path)
        verdicts = self.verdicts()
        self.assertEqual(verdicts["file"], ("undecided", 3, verdicts["file"][2]))
        self.assertIn("an untrained network satisfies it", verdicts["file"][2])
        self.assertEqual(verdicts["before"][0], "undecided")
        self.assertIn("an untrained network satisfies it", verdicts["before"][2])
        self.assertEqual(verdicts["paper"], ("undecided", 3, "run too short: 'bp' has 20 steps, and 40 with profile paper"))
        self.assertEqual(verdicts["sql"], ("undecided", 3, "run too short: 'bp' has 20 steps, and 40 with profile paper"))
        self.assertEqual(verdicts["quick"][2], "it is about other trials (profile quick) than those that were run (profile none)")
        self.run_file(path, "--profile", "paper")
        verdicts = self.verdicts()
        self.assertEqual(verdicts["paper"], ("reproduced", 3, None))
        self.assertEqual(verdicts["sql"], ("reproduced", 3, None))
        self.assertIn("run too long", verdicts["file"][2])
        self.assertNotIn("run too", verdicts["below"][2] or "")
        self.run_file(path, "--profile", "quick")
        self.assertEqual(self.verdicts()["quick"][1:], (3, None))  # nothing but its interval decides
        self.assertEqual(self.verdicts()["paper"][0], "undecided")

    def test_where_nothing_can_be_written_the_last_verdicts_are_shown(self):
        self.run_file(self.write(["{id: ok, value: {variant: bp, metric: train_loss}, reported: 1.2, tolerance: 0.9}"]))
        whole = self.call("claims", "--db", self.db)
        self.assertEqual(whole.stderr, "")
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o755)
        before = sorted(os.listdir(self.folder))
        done = subprocess.run([TPRUN, "claims", "--db", self.db], capture_output=True, text=True, env=self.environment, timeout=HANG, check=False,
                              preexec_fn=obey_permissions)
        self.assertEqual((done.returncode, done.stdout), (0, whole.stdout))
        self.assertEqual(done.stderr, f"tprun: note: {self.db} cannot be written here: these are the verdicts of its last refresh\n")
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_what_is_shown(self):
        path = self.write(["{id: ok, text: a loss, value: {variant: bp, metric: train_loss}, reported: {mean: 1.2, sd: 0.1, n: 10}, tolerance: 0.9}",
                           "{id: far, value: {variant: bp, metric: train_loss}, reported: 9, tolerance: 0.5}",
                           "{id: even, compare: {better: bp, than: twin, metric: train_loss}}"], iterations=40, more="  twin: {algorithm: bp}\n")
        self.run_file(path)
        rows = json.loads(self.call("claims", "--db", self.db, "--format=json", status=1).stdout)
        row = dict(zip(rows["columns"], rows["rows"][0])) if isinstance(rows, dict) else rows[0]
        for name in ("measured", "n", "sd", "interval_low", "interval_high", "low", "high"):
            self.assertIsNotNone(row[name], name)
        self.assertLess(row["interval_low"], row["measured"])
        table = self.call("claims", "--db", self.db, status=1).stdout
        for name in ("measured", "sd", "interval_low", "interval_high"):
            self.assertRegex(table, rf"\s{format(row[name], '.5g')}\s", "five digits for people")
            self.assertNotIn(str(row[name]), table)
        shown = self.call("show", "ct", "--db", self.db).stdout
        self.assertIn("interval_low", shown)
        report = self.call("report", "ct", "--db", self.db).stdout
        for expected in ("0.3 to 2.1", "8.5 to 9.5", "> 0"):  # the margin itself is not enough
            for output in (table, shown, report):
                self.assertIn(expected, output)
        listed = self.call("ls", "--db", self.db, "--format=csv").stdout.splitlines()
        self.assertEqual({k: v for k, v in zip(listed[0].split(","), listed[1].split(",")) if k in ("claims", "refuted")},
                         {"claims": "3", "refuted": "2"})
        report = self.call("report", "ct", "--db", self.db, "-o", "-").stdout
        self.assertIn("| claim | what | reported | measured | n | 95 % interval | expected | verdict |", report)
        self.assertIn("| `ok` | a loss | 1.2 ± 0.1 | ", report)


if __name__ == "__main__":
    unittest.main()
