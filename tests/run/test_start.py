#!/usr/bin/env python3
"""Starting studies with the real program: what is stored once, what is not composed again, and a large study. test_start.py TPRUN SOURCE"""
import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

TPRUN, SOURCE = sys.argv[1:3]
TRIAL = """version: 1
experiment: start
seeds: 2
dataset: {name: temporal_order, length: 10, eval_size: 20, test_size: 20}
network: {layers: [{rnn: {units: 4, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 8, iterations: 2}
log: {every: 1, metrics: [train_loss]}
variants:
  bp: {algorithm: bp}
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {regularization: 1}}}
"""
STUDIES = {
    "seeds": "",
    "grid": "sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2], algorithm.mapping.regularization: [1, 2]}}",
    "exclude": "sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2]}, exclude: [{variant: tp, train.optimizer.stepsize: 0.2}, {variant: bp, seed: 1}]}",
    "zip": "sweep: {zip: {size: {network.layers.0.rnn.units: [3, 5], dataset.length: [10, 12]}}}",
    "random": "sweep: {random: {samples: 4, seed: 3, parameters: {train.optimizer.stepsize: {choice: [0.1, 0.2]}, train.batch_size: {choice: [8, 4]}}}}",
    "reference": "train.stop.loss_above_initial: ${train.batch_size}\nsweep: {grid: {train.batch_size: [4, 8, 6]}}",
    "parts": "sweep: {grid: {train.optimizer: [{name: sgd, stepsize: 0.1}, {name: adam, stepsize: 0.01}], network.init.weights: [xavier, orthogonal]}}",
    "lists": "sweep: {grid: {network.layers.0.rnn.frozen: [[], [weight_hh]], network.layers.0.rnn.bias: [true, false], dataset.second_position: [code, text]}}",
}
COUNT = 20000


def leaves(value, path=""):
    """Paths and values of a configuration, as the view params names them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(x, dict) for x in value):
        for i, item in enumerate(value):
            (kind,) = item
            yield f"{path}.{i}", kind
            yield from leaves(item, f"{path}.{i}")
    elif isinstance(value, list) and not (path.endswith("damping") and len(value) == 1):
        yield path, json.dumps(value, separators=(",", ":"))
    else:
        yield path, value[0] if isinstance(value, list) else value


def fill(value, params, path=""):
    """A stored configuration with the trial's own values in its nulls."""
    if isinstance(value, dict):
        return {k: fill(v, params, f"{path}.{k}" if path else k) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, params, f"{path}.{i}") for i, v in enumerate(value)]
    if value is not None:
        return value
    number, text = params[path]
    return text if number is None else text == "true" if text in ("true", "false") else number


class Start(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-start-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, text, name="study.yaml"):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def call(self, *args, status=0):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=self.environment, check=False)
        self.assertEqual(done.returncode, status, f"{args}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, spec, db, *args):
        """Standard error of a run: its last line counts the trials."""
        return self.call("run", spec, "--db", self.path(db), "-v", *args).stderr

    def sql(self, db, text, *values):
        connection = sqlite3.connect(self.path(db))
        with connection:
            rows = connection.execute(text, values).fetchall()
        connection.close()
        return rows

    def state(self, db):
        places = self.sql(db, "SELECT s.name, p.position, t.key, t.variant, t.cell, t.seed, t.generation = s.generation FROM place p "
                              "JOIN trial t ON t.id = p.trial_id JOIN study s ON s.id = p.study_id ORDER BY 1, 2")
        params = self.sql(db, "SELECT t.key, p.param, p.value, p.num, p.text, p.swept FROM all_params p JOIN trial t ON t.id = p.trial_id ORDER BY 1, 2")
        return places, params, self.call("digest", self.path(db)).stdout.split()[0]

    def copy(self, source, to):
        shutil.copy(self.path(source), self.path(to))
        return to

    def check_configurations(self, db):
        """What is stored of each trial is whole: JSON and rows say the same."""
        for (trial,) in self.sql(db, "SELECT id FROM trial"):
            ((text,),) = self.sql(db, "SELECT text FROM config WHERE id = (SELECT config_id FROM trial WHERE id = ?)", trial)
            own = {key: (number, word) for key, number, word in self.sql(db, "SELECT key, num, text FROM param WHERE trial_id = ?", trial)}
            wanted = dict(leaves(fill(json.loads(text), own)))
            rows = {key: (number, word, swept) for key, number, word, swept in
                    self.sql(db, "SELECT param, num, text, swept FROM all_params WHERE trial_id = ?", trial)}
            for key, value in wanted.items():
                number, word, _ = rows.pop(key)
                self.assertEqual(word if word is not None else number, {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value, key)
            self.assertTrue(all(swept for _, _, swept in rows.values()), rows)  # swept keys that are no leaves

    def test_a_second_start_composes_nothing_and_does_the_same(self):
        for name, sweep in STUDIES.items():
            with self.subTest(name):
                spec = self.write(TRIAL + sweep + "\n")
                first = self.start(spec, f"{name}.db", "--variant", "bp")
                self.assertNotIn("were queued before", first)
                slow = self.copy(f"{name}.db", f"{name}-slow.db")
                self.sql(slow, "UPDATE study SET queued_sha256 = NULL")
                fast_said, slow_said = (self.start(spec, db, "--variant", "bp") for db in (f"{name}.db", slow))
                self.assertIn("were queued before", fast_said)
                self.assertNotIn("were queued before", slow_said)
                self.assertEqual(fast_said.splitlines()[-1], slow_said.splitlines()[-1])
                self.assertRegex(fast_said, r" trials: 0 done, [1-9]\d* were finished before\n")
                # what was queued for one variant is queued anew for all
                for db in (f"{name}.db", slow):
                    self.assertRegex(self.start(spec, db), r" trials: [1-9]\d* done, [1-9]\d* were finished before\n")
                self.assertEqual(self.state(f"{name}.db"), self.state(slow))
                self.check_configurations(slow)
                again = self.start(spec, f"{name}.db")
                self.assertRegex(again.splitlines()[-1], r"(\d+) trials: 0 done, \1 were finished before")
                ((configs, variants, keys),) = self.sql(slow, "SELECT (SELECT count(*) FROM config), count(DISTINCT variant), count(*) FROM trial")
                self.assertLessEqual(configs, 8 * variants if name in ("parts", "lists") else 2 * variants, keys)

    def test_an_edited_study_is_composed_again(self):
        text = TRIAL + STUDIES["grid"] + "\n"
        db = "edited.db"
        self.start(self.write(text), db)
        keys = set(self.sql(db, "SELECT key FROM trial"))
        more = self.start(self.write(text), db, "train.iterations=3")
        self.assertNotIn("were queued before", more)
        self.assertEqual(set(self.sql(db, "SELECT key FROM trial")), keys)
        self.assertEqual(self.sql(db, "SELECT DISTINCT state, step, budget FROM trial"), [("done", 3, 3)])
        edited = self.start(self.write(text.replace("batch_size: 8", "batch_size: 6")), db)
        self.assertIn("batch_size", edited)  # the note of what changed
        self.assertEqual(len(self.sql(db, "SELECT 1 FROM trial t JOIN study s ON s.id = t.study_id WHERE t.generation < s.generation")), len(keys))
        self.assertEqual(set(self.sql(db, "SELECT t.key FROM place p JOIN trial t ON t.id = p.trial_id")) & keys, set())
        back = self.start(self.write(text), db)
        self.assertNotIn("were queued before", back)
        self.assertRegex(back.splitlines()[-1], r"(\d+) trials: 0 done, \1 were finished before")
        self.assertEqual(set(self.sql(db, "SELECT t.key FROM place p JOIN trial t ON t.id = p.trial_id")), keys)
        turned = text.replace("  bp: {algorithm: bp}\n", "")
        turned = turned.replace("sweep:", "  bp: {algorithm: bp}\nsweep:")
        self.assertNotIn("were queued before", self.start(self.write(turned), db))  # other places
        self.check_configurations(db)
        self.assertEqual(self.sql(db, "SELECT count(*) FROM config WHERE id NOT IN (SELECT config_id FROM trial)"), [(0,)])

    def test_force_trains_again_what_was_queued_before(self):
        spec, db = self.write(TRIAL), "force.db"
        self.start(spec, db)
        before = self.state(db)
        said = self.start(spec, db, "--force", "--variant", "tp")
        self.assertIn("were queued before", said)
        self.assertIn("2 trials: 2 done\n", said)
        self.assertEqual(self.state(db), before)

    def test_a_configuration_that_was_changed_is_refused(self):
        spec, db = self.write(TRIAL), "changed.db"
        self.start(spec, db, "--variant", "bp")
        self.sql(db, "UPDATE config SET text = replace(text, '\"batch_size\":8', '\"batch_size\":9')")
        said = self.call("run", spec, "--db", self.path(db), status=5).stderr
        self.assertIn("is not the one that the trial's key was made of", said)
        self.sql(db, "DELETE FROM param WHERE key = 'seed'")
        self.assertIn("there is no value of seed", self.call("run", spec, "--db", self.path(db), status=5).stderr)

    def test_places_that_do_not_hold_are_made_again(self):
        spec, db = self.write(TRIAL), "places.db"
        self.start(spec, db)
        before = self.state(db)
        self.sql(db, "UPDATE place SET trial_id = 999 WHERE position = 1")
        self.assertNotIn("were queued before", self.start(spec, db))
        self.assertEqual(self.state(db), before)

    def test_a_database_of_schema_2_keeps_its_params(self):
        old = os.path.join(SOURCE, "tests", "data", "old")
        with gzip.open(os.path.join(old, "schema2.db.gz")) as f, open(self.path("old.db"), "wb") as to:
            shutil.copyfileobj(f, to)
        params = "SELECT trial_id, param, value, num, text, swept FROM params ORDER BY 1, 2"
        trials = "SELECT id, key, variant, cell, seed, budget, finished_budget, state, step, generation FROM trial ORDER BY 1"
        configs = self.sql("old.db", "SELECT id, config FROM trial ORDER BY 1")
        before = [self.sql("old.db", x) for x in (params, trials)]
        self.assertGreater(len(before[0]), 500)
        self.call("claims", "old", "--db", self.path("old.db"))
        everyone = params.replace("FROM params", "FROM all_params")  # the view of schema 2 had the superseded trials too
        self.assertEqual([self.sql("old.db", x) for x in (everyone, trials)], before)
        self.assertEqual(self.sql("old.db", "SELECT t.id, c.text FROM trial t JOIN config c ON c.id = t.config_id ORDER BY 1"), configs)
        self.check_configurations("old.db")

    # ---- a large study ----

    def large_study(self):
        """COUNT trials of the variant `many` in half as many cells, one of the variant `one`."""
        sizes = list(range(1, 101))
        text = TRIAL[:TRIAL.index("variants:")] + "variants:\n  one: {algorithm: bp}\n  many: {algorithm: bp}\n"
        text += f"sweep:\n  grid: {{network.layers.0.rnn.units: {sizes}, train.batch_size: {sizes}}}\n  exclude:\n    - {{variant: one, seed: 2}}\n"
        text += f"    - {{variant: one, network.layers.0.rnn.units: {sizes[1:]}}}\n    - {{variant: one, train.batch_size: {sizes[1:]}}}\n"
        return self.write(text)

    def test_twenty_thousand_trials(self):
        spec = self.large_study()
        said = self.start(spec, "large.db", "--variant", "one")
        self.assertTrue(said.startswith("tprun: start: 40000 trials are checked and queued\n"), said)  # 40000 before exclusions
        self.assertIn("1 trials: 1 done\n", said)
        count = COUNT + 1
        self.assertEqual(self.sql("large.db", "SELECT count(*), count(DISTINCT key) FROM trial"), [(count, count)])
        self.assertEqual(self.sql("large.db", "SELECT count(*) FROM place"), [(count,)])
        ((size, page, free),) = self.sql("large.db", "SELECT page_count, page_size, freelist_count FROM pragma_page_count, pragma_page_size, pragma_freelist_count")
        self.assertLessEqual((size - free) * page / count, 1536)
        self.assertEqual(self.sql("large.db", "SELECT count(*) FROM config"), [(2,)])
        rows = self.sql("large.db", "SELECT variant, x.num, y.num, count(*), group_concat(seed) FROM trial t JOIN param x ON x.trial_id = t.id AND x.key = "
                        "'network.layers.0.rnn.units' JOIN param y ON y.trial_id = t.id AND y.key = 'train.batch_size' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
        self.assertEqual(rows[:COUNT // 2], [("many", float(x), float(y), 2, "1,2") for x in range(1, 101) for y in range(1, 101)])
        self.assertEqual(rows[COUNT // 2:], [("one", 1.0, 1.0, 1, "1")])
        self.sql("large.db", "UPDATE trial SET state = 'done', step = budget, finished_budget = budget")
        self.assertIn("were queued before", self.start(spec, "large.db", "--variant", "one"))
        self.assertNotIn("were queued before", self.start(spec, "large.db"))  # known are those of one variant
        said = self.start(spec, "large.db")
        self.assertIn("were queued before", said)
        self.assertIn(f"{count} trials: 0 done, {count} were finished before\n", said)

    def test_sigkill_while_trials_are_queued(self):
        spec = self.large_study()
        self.start(spec, "whole.db", "--variant", "one")
        for megabytes in (1, 8):
            db = f"killed{megabytes}.db"
            self.interrupt(spec, db, megabytes, signal.SIGKILL)
            rows = self.sql(db, "SELECT (SELECT count(*) FROM trial), queued_sha256 IS NOT NULL FROM study")
            self.assertIn(rows, ([], [(COUNT + 1, 1)]))
            self.start(spec, db, "--variant", "one")
            self.assertEqual(self.state(db), self.state("whole.db"))

    def interrupt(self, spec, db, megabytes, number):
        """Sends the signal when the log has so many megabytes of what is being queued; ends by itself where it was faster."""
        process = subprocess.Popen([TPRUN, "run", spec, "--db", self.path(db), "--variant", "one"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env=self.environment)
        log = self.path(db + "-wal")
        while process.poll() is None:
            try:
                if os.path.getsize(log) > megabytes << 20:
                    break
            except FileNotFoundError:
                pass
            time.sleep(0.001)
        process.send_signal(number)
        return process.wait()

    def test_stopped_while_an_edited_file_is_queued(self):
        """Half of the trials in the new specification would be a study that looks whole, and `gc` would take the others."""
        spec = self.large_study()
        self.start(spec, "edited.db", "--variant", "one")
        self.sql("edited.db", "UPDATE trial SET state = 'done', step = budget, finished_budget = budget")
        everything = "SELECT s.title, s.generation, s.queued_sha256, t.id, t.generation, t.variant, t.cell FROM study s JOIN trial t ON t.study_id = s.id ORDER BY t.id"
        before = self.sql("edited.db", everything)
        with open(spec, encoding="utf-8") as f:
            text = f.read()
        edited = self.write(text.replace("\nseeds", "\ntitle: Another\nseeds", 1))
        self.assertNotEqual(open(edited, encoding="utf-8").read(), text)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            self.interrupt(edited, "edited.db", 1, number)
            after = self.sql("edited.db", everything)
            self.assertTrue(after == before or self.is_edited(after), number)  # a signal may come when all is queued
        self.start(edited, "edited.db", "--variant", "one")
        self.assertTrue(self.is_edited(self.sql("edited.db", everything)))

    def is_edited(self, rows):
        return len(rows) == COUNT + 1 and {(row[0], row[1], row[4]) for row in rows} == {("Another", 2, 2)}


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
