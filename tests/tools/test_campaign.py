#!/usr/bin/env python3
"""A small campaign from its table to its pages: what is packed says the same as what was run, where rows were taken out and where none were, and cannot be
changed where they were. TPRUN_BUILD names the build folder."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
HANG = 1000  # seconds: ends what hangs

SPEC = """version: 1
experiment: {name}
title: A {name} study
seeds: [1, 2, 3]
dataset: {{name: student_teacher, units: 10, train_size: 40, validation_size: 40, test_size: 40, data_seed: 1}}
network: {{layers: [dense: {{units: 4, activation: tanh}}, dense: {{units: 2}}]}}
loss: squared_error
train: {{optimizer: {{name: sgd, stepsize: 0.01}}, batch_size: 10, iterations: 3}}
log: {{every: 1, metrics: [train_loss, valid_loss, test_loss, angle_bp]}}
variants:
  bp: {{algorithm: bp}}
  fa: {{algorithm: fa}}
  wild: {{algorithm: bp, train: {{optimizer: {{stepsize: 1e6}}}}}}
targets: [{{metric: test_loss, value: {target}}}]
profiles:
  campaign: {{train: {{iterations: {steps}}}}}
figures:
  - {{metric: test_loss, log: true, variants: [bp, fa]}}
  - {{metric: angle_bp, layer: 0, variants: [bp, fa]}}
claims:
  - {{id: ahead, profile: campaign, compare: {{better: bp, than: fa, metric: test_loss}}}}
  - {{id: halfway, profile: campaign, compare: {{better: bp, than: fa, metric: train_loss, at: {{step: {half}}}}}}}
  - {{id: later, profile: campaign, value: {{variant: bp, metric: test_loss, at: {{from: {half}}}}}, expect: [0, null]}}
  - {{id: selected, profile: campaign, value: {{variant: fa, metric: test_loss, at: selected}}, expect: [0, 1e9]}}
  - id: odd_rows
    profile: campaign
    measure: "SELECT count(*), seed FROM metrics WHERE variant = 'bp' AND step % 2 = 1 GROUP BY seed"
    expect: [1, null]
"""
SAME = {  # views of which every row stays, whether rows were taken out or not
    "trials": "*", "summaries": "*", "finals": "*", "selected_finals": "*", "comparisons": "*", "costs": "*", "targets": "*", "params": "*",
    "claims": "study, id, kind, measured, n, sd, interval_low, interval_high, verdict, note, n_asked, n_diverged, n_unfinished, n_failed"}
ROWS = {"metrics": "*", "layer_metrics": "*", "curves": "*"}


class Campaign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="tprun-campaign-")
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        cls.environment.update(XDG_CACHE_HOME=os.path.join(cls.base, "cache"), TPRUN=TPRUN)
        os.makedirs(os.path.join(cls.base, "files", "page"))
        for name, steps, target in (("short", 60, 0.05), ("long", 700, 0.01)):
            cls.write(os.path.join("files", "page", f"{name}.yaml"), SPEC.format(name=name, steps=steps, half=steps // 2, target=target))
        cls.write(os.path.join("files", "page", "layers.yaml"), SPEC.format(name="layers", steps=300, half=150, target=1).replace(
            "[train_loss, valid_loss, test_loss, angle_bp]", "[angle_bp]").split("targets:", maxsplit=1)[0] + "profiles: {campaign: {train: {iterations: 300}}}\n")
        cls.table = cls.write(os.path.join("files", "campaign.txt"), "# a comment\n\n1 page/short.yaml\n2 page/long.yaml\n2 page/layers.yaml\n")
        cls.whole = os.path.join(cls.base, "whole.db")
        cls.call("run", "--max-hours", "1", "--table", cls.table, "--db", cls.whole)
        cls.tprun("claims", "--db", cls.whole, status=(0, 1))
        cls.packed = os.path.join(cls.base, "campaign.db.zst")
        cls.call("pack", "--db", cls.whole, "--packed", cls.packed)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.base, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    @classmethod
    def process(cls, command, status):
        done = subprocess.run(command, capture_output=True, text=True, env=cls.environment, timeout=HANG, check=False)
        if done.returncode not in status:
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    @classmethod
    def call(cls, *args, status=(0,)):
        return cls.process([sys.executable, os.path.join(ROOT, "tools", "campaign"), *args], status)

    @classmethod
    def tprun(cls, *args, status=(0,)):
        return cls.process([TPRUN, *args], status)

    def rows(self, db, sql):
        connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def unpacked(self):
        path = os.path.join(tempfile.mkdtemp(dir=self.base), "results.db")
        self.call("unpack", "--packed", self.packed, "--db", path)
        return path

    def check_same(self, db, study, views):
        for view, columns in views.items():
            sql = f"SELECT {columns} FROM {view} WHERE study = '{study}' ORDER BY 1, 2, 3, 4, 5, 6"
            whole, rows = self.rows(self.whole, sql), self.rows(db, sql)
            self.assertTrue(whole or view == "selected_finals", view)
            self.assertEqual(rows, whole, view)

    def test_what_is_packed_says_the_same(self):
        db = self.unpacked()
        self.check_same(db, "short", SAME | ROWS)
        self.check_same(db, "long", SAME)
        self.tprun("claims", "--db", db, status=(0, 1))
        self.check_same(db, "short", SAME | ROWS)
        self.check_same(db, "long", SAME)
        self.assertEqual(self.rows(db, "SELECT id FROM claims WHERE study = 'long' AND measured IS NULL"), [])
        self.assertEqual(self.rows(db, "SELECT measured FROM claims WHERE study = 'long' AND id = 'odd_rows'"),
                         self.rows(self.whole, "SELECT count(*) / 3.0 FROM metrics WHERE study = 'long' AND variant = 'bp' AND step % 2 = 1"))
        for command in (["ls"], ["show", "long"], ["plot", "long", "-o", os.path.join(self.base, "p.svg")], ["sql", "SELECT * FROM finals"]):
            self.tprun(*command, "--db", db)

    def test_series_are_thinned_from_end_to_end(self):
        db = self.unpacked()
        for table, layer in (("metrics", ""), ("layer_metrics", ", layer")):
            sql = f"SELECT variant, seed, metric{layer}, min(step), max(step) FROM {table} WHERE study = 'long' GROUP BY variant, seed, metric{layer}"
            self.assertEqual(self.rows(db, sql), self.rows(self.whole, sql))
            lengths = [n for n, in self.rows(db, f"SELECT count(*) FROM {table} WHERE study = 'long' GROUP BY variant, seed, metric{layer}")]
            self.assertGreater(max(lengths), 150)
            self.assertLessEqual(max(lengths), 200)
            missing = f"SELECT count(*) FROM {table} WHERE study = 'long' AND step = 0"
            self.assertEqual(self.rows(db, missing), self.rows(self.whole, missing))
        self.assertEqual(self.rows(db, "SELECT count(*) FROM checkpoint"), [(0,)])
        # curves are those of all rows, at the steps that are left
        thin = self.rows(db, "SELECT * FROM curves WHERE study = 'long' ORDER BY 1, 2, 3, 4, 5")
        self.assertTrue(200 < len(thin) < 4 * 3 * 201)
        self.assertLessEqual(set(thin), set(self.rows(self.whole, "SELECT * FROM curves WHERE study = 'long'")))
        steps = {s for s, in self.rows(db, "SELECT DISTINCT step FROM metric UNION SELECT step FROM layer_metric")}
        self.assertLessEqual({s for s, in self.rows(db, "SELECT step FROM progress")}, steps)

    def test_a_study_of_layers_alone_keeps_its_rows(self):
        sql = "SELECT count(*), max(n) FROM (SELECT count(*) AS n FROM layer_metrics WHERE study = 'layers' GROUP BY variant, seed, layer)"
        (rows, most), = self.rows(self.whole, sql)
        self.assertGreater(most, 200)
        self.assertEqual(self.rows(self.unpacked(), sql), [(rows, most)])

    def test_pages_are_those_of_the_whole(self):
        pages = []
        for name in ("whole", "packed"):
            folder = os.path.join(self.base, name)
            os.makedirs(os.path.join(folder, "figures"))
            self.write(os.path.join(name, "page.intro.md"), "# A page\n\nBy hand.\n")
            self.write(os.path.join(name, "figures", "page_old.svg"), "a figure that the page does not show")
            pages.append(folder)
        # whole: the names of studies and figures are relative, so that both can be compared
        self.process(["sh", "-c", f"cd {ROOT} && {TPRUN} report short long layers --intro {pages[0]}/page.intro.md --figures {pages[0]}/figures "
                      f"-o {pages[0]}/page.md --db {self.whole}"], (0,))
        self.call("pages", "--table", self.table, "--packed", self.packed, "--pages", pages[1])
        read = [self.read_all(folder) for folder in pages]
        self.assertIn("figures/page_old.svg", read[0])
        self.assertNotIn("figures/page_old.svg", read[1])
        del read[0]["figures/page_old.svg"]
        self.assertEqual(set(read[0]), set(read[1]))
        for name in read[0]:
            if "long" not in name:  # its curves have fewer points
                self.assertEqual(read[0][name], read[1][name], name)
        self.assertTrue(any("short" in name for name in read[0]))
        again = os.path.join(self.base, "again")
        shutil.copytree(pages[1], again)
        self.call("pages", "--table", self.table, "--packed", self.packed, "--pages", again)
        self.assertEqual(self.read_all(again), read[1])

    def read_all(self, folder):
        found = {}
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as source:
                    found[os.path.relpath(path, folder)] = source.read().replace(folder.encode(), b".")
        return found

    def test_what_was_thinned_is_not_changed(self):
        db = self.unpacked()
        before = self.rows(db, "SELECT * FROM claims WHERE study = 'long'")
        long, short = (os.path.join(self.base, "files", "page", f"{n}.yaml") for n in ("long", "short"))
        for refused in (["run", long, "--profile", "campaign"], ["run", long, "--profile", "campaign", "train.iterations=900"], ["run", long, "seeds=9"],
                        ["run", long, "dataset.units=9"], ["rm", "long", "--variant", "fa", "--yes"]):
            said = self.tprun(*refused, "--db", db, status=(1, 2, 3, 4, 5)).stderr
            self.assertIn("of study 'long' only some rows of each curve are here", said)
        other = os.path.join(self.base, "other.db")
        self.assertIn("only some rows of each curve", self.tprun("merge", db, "-o", other, status=(1, 2, 3, 4, 5)).stderr)
        self.assertEqual(self.rows(db, "SELECT * FROM claims WHERE study = 'long'"), before)
        self.tprun("run", short, "--profile", "campaign", "seeds=5", "--db", db)  # of which all rows are there
        self.call("run", "--max-hours", "1", "--table", self.table, "--db", db)
        self.assertEqual(self.rows(db, "SELECT * FROM claims WHERE study = 'long'"), before)
        self.tprun("rm", "long", "--yes", "--db", db)
        self.tprun("run", long, "--profile", "campaign", "-q", "--db", db)

    def test_a_study_that_may_go_on_keeps_its_rows(self):
        db, packed = os.path.join(self.base, "going.db"), os.path.join(self.base, "going.zst")
        shutil.copy(self.whole, db)
        connection = sqlite3.connect(db)
        connection.execute("UPDATE trial SET state = 'interrupted' WHERE seed = 1 AND variant = 'fa' AND study_id = (SELECT id FROM study WHERE name = 'long')")
        connection.commit()
        connection.close()
        self.call("pack", "--db", db, "--packed", packed)
        out = os.path.join(self.base, "went.db")
        self.call("unpack", "--packed", packed, "--db", out)
        self.check_same(out, "long", ROWS)

    def test_no_two_versions_of_the_numbers(self):
        db = os.path.join(self.base, "numerics.db")
        shutil.copy(self.whole, db)
        connection = sqlite3.connect(db)
        connection.execute("UPDATE trial SET numerics_version = 99 WHERE seed = 1")
        connection.commit()
        connection.close()
        said = self.call("run", "--max-hours", "1", "--table", self.table, "--db", db, status=(1,)).stderr
        self.assertIn("a campaign is of one version", said)

    def test_status_and_mistakes(self):
        said = self.call("status", "--table", self.table, "--db", self.whole).stdout
        self.assertRegex(said, r"2 +\S*page/long.yaml +9 +9 +0\.00\n")
        self.assertIn("there is no block '7'", self.call("status", "7", "--table", self.table, "--db", self.whole, status=(1,)).stderr)
        self.assertIn("is there already", self.call("unpack", "--packed", self.packed, "--db", self.whole, status=(1,)).stderr)

    def test_the_table_names_every_file_once_with_its_profile(self):
        with open(os.path.join(ROOT, "experiments", "campaign.txt"), encoding="utf-8") as source:
            lines = [line.split() for line in source if line.strip() and not line.startswith("#")]
        files = [line[1] for line in lines]
        self.assertEqual(len(set(files)), len(files))
        for file in files:
            said = self.tprun("plan", os.path.join(ROOT, "experiments", file), "--profile", "campaign", "--variant", "none", "--db", "/nonexistent/x.db",
                              status=(2,)).stderr
            self.assertEqual(said, "tprun: error: no variant 'none'\n", file)  # so that nothing is timed


if __name__ == "__main__":
    unittest.main()
