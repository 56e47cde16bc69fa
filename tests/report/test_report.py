#!/usr/bin/env python3
"""plot, report and export, through the real program: TPRUN_BUILD names the build folder."""
import csv
import io
import json
import math
import os
import re
import shutil
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
EXPERIMENTS = os.path.join(HERE, "..", "..", "experiments")
VARIANTS = ["tp", "tp_off", "tp_local", "bp", "bp_tuned"]
SVG = "{http://www.w3.org/2000/svg}"

SMALL = """
version: 1
experiment: %(name)s
title: "Stepsize < regularization & more | [x](y)"
seeds: [1, 2]
precision: single
dataset: {name: temporal_order, length: 12, eval_size: 100, test_size: 100}
network:
  layers:
    - rnn: {units: 8, activation: tanh}
    - dense: {units: 4}
  init: {weights: orthogonal, biases: zeros}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 20, stop: {nonfinite: true, loss_above_initial: 2, every: 1}}
log: {every: 10, metrics: [train_loss, test_accuracy]}
algorithm: {name: tp, target_stepsize: 0.01, mapping: {name: inverse, regularization: 1}, update: through_chain}
sweep:
  grid:
    train.optimizer.stepsize: %(stepsizes)s
    algorithm.mapping.regularization: [1e-4, 1, 100]
claims:
  - id: chance
    text: last accuracy lies between 0 and 100
    reported: 50
    measure: SELECT min(last_mean) FROM finals WHERE metric = 'test_accuracy'
    expect: [0, 100]
  - id: impossible
    text: an accuracy above 100
    measure: SELECT max(last_mean) FROM finals WHERE metric = 'test_accuracy'
    expect: [101, null]
  - id: nothing
    text: what cannot be measured
    measure: SELECT NULL
    expect: [0, 1]
"""

WINNERS = SMALL[:SMALL.index("sweep:")] % {"name": "wins"} + """
variants:
  tp: {algorithm: {name: tp}}
  bp: {algorithm: {name: bp}}
sweep:
  grid:
    dataset.length: [10, 14]
    network.layers.0.rnn.units: [4, 6]
    algorithm.target_stepsize: [0.01, 1e-3]
    train.optimizer.stepsize: [0.1, 1e30, 0.5]
  exclude:
    - {variant: tp, train.optimizer.stepsize: [1e30, 0.5]}
    - {variant: bp, algorithm.target_stepsize: 1e-3}
    - {variant: bp, network.layers.0.rnn.units: 6, train.optimizer.stepsize: [0.1, 0.5]}
"""

LAYERS = """
version: 1
experiment: layers
title: Metrics of layers
seeds: %(seeds)s
precision: double
dataset: {name: temporal_order, length: 12, eval_size: 20, test_size: 20}
network: {layers: [rnn: {units: 8, activation: tanh}, dense: {units: 4}], init: {weights: orthogonal, biases: zeros}}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 4, iterations: 40}
log: {every: 4, metrics: [train_loss, weight_norm, displacement_norm]}
variants:
  tp: {algorithm: {name: tp, target_stepsize: 0.01, mapping: {name: inverse, regularization: 1}}}
  bp: {algorithm: bp}
%(figures)s
"""
FIGURES = """figures:
  - {metric: weight_norm, layer: 1, rolling: 3, title: "Norms <of> weights"}
  - {kind: bars, metric: displacement_norm, layer: 2, variants: [bp]}
  - {kind: layers, metric: displacement_norm, step: 20, log: true}
"""


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-report-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        cls.db = os.path.join(cls.folder, "results.db")
        cls.environment["TPRUN_DB"] = cls.db
        cls.tprun("run", "-q", os.path.join(EXPERIMENTS, "temporal_order.yaml"), "--profile", "smoke", "seeds=2", "train.iterations=60",
                  "log.every=20")
        for name, stepsizes in (("heat", "[0.01, 10]"), ("lines", "[0.1, 10]")):
            spec = os.path.join(cls.folder, name + ".yaml")
            with open(spec, "w", encoding="utf-8") as f:
                f.write(SMALL % {"name": name, "stepsizes": stepsizes})
            cls.tprun("run", "-q", spec, status=(0, 1))

    @classmethod
    def tprun(cls, *args, status=(0,)):
        done = subprocess.run([TPRUN, *args], capture_output=True, text=True, env=cls.environment, cwd=cls.folder, timeout=1000,
                              check=False)
        if done.returncode not in status:
            raise AssertionError(f"tprun {' '.join(args)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def plot(self, *args):
        return ET.fromstring(self.tprun("plot", *args).stdout)

    def sql(self, text, *arguments):
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        try:
            return connection.execute(text, arguments).fetchall()
        finally:
            connection.close()

    @staticmethod
    def texts(svg):
        return [t.text or "" for t in svg.iter(SVG + "text")]

    def test_curves(self):
        svg = self.plot("temporal_order")
        texts = self.texts(svg)
        for variant in VARIANTS:
            self.assertIn(variant, texts)
        self.assertIn("test_accuracy (%)", texts)
        self.assertIn("train_loss", texts)
        self.assertIn("iteration", texts)
        lines, bands = list(svg.iter(SVG + "polyline")), list(svg.iter(SVG + "polygon"))
        self.assertEqual((len(lines), len(bands)), (2 * len(VARIANTS), 2 * len(VARIANTS)))
        for line in lines:
            self.assertEqual(len(line.get("points").split()), 4)  # steps 0, 20, 40, 60
        for band in bands:
            self.assertEqual(len(band.get("points").split()), 8)

    def test_forms_of_a_file(self):
        """The end of a name says what is written; what cannot be written is refused before anything is."""
        for end, head in ((".svg", b"<svg "), (".pdf", b"%PDF-"), (".png", b"\x89PNG\r\n\x1a\n"), (".PNG", b"\x89PNG\r\n\x1a\n")):
            path = os.path.join(self.folder, "forms" + end)
            previous = None
            for _ in range(2):  # the second time in its place, with the same bytes
                self.tprun("plot", "heat", "-o", path)
                with open(path, "rb") as f:
                    drawn = f.read()
                self.assertTrue(drawn.startswith(head), drawn[:20])
                self.assertIn(previous, (None, drawn))
                previous = drawn
        with open(os.path.join(self.folder, "forms.png"), "rb") as f:
            width, height = struct.unpack(">II", f.read()[16:24])
        svg = self.plot("heat")
        self.assertEqual((width, height), tuple(math.floor(3 * float(svg.get(side)) + 0.5) for side in ("width", "height")))
        for name, words in (("x.jpg", "x.jpg: '.jpg' is no form of a figure that can be written; .svg, .pdf and .png are"), ("x", "by the end of its name"),
                            ("x.", "by the end of its name"), (os.path.join("a.svg", "x"), "by the end of its name")):
            self.assertIn(words, self.tprun("plot", "heat", "-o", os.path.join(self.folder, name), status=(2,)).stderr)
            self.assertFalse(os.path.exists(os.path.join(self.folder, name)))

    def test_points_are_the_means(self):
        """The places of a line's points are an affine map of the means over the seeds."""
        svg = self.plot("temporal_order", "--metric", "train_loss", "--variant", "tp", "--variant", "bp_tuned")
        lines = [[float(p.split(",")[1]) for p in line.get("points").split()] for line in svg.iter(SVG + "polyline")]
        means = [[row[0] for row in self.sql("SELECT mean FROM curves WHERE study = 'temporal_order' AND variant = ? AND metric = "
                                             "'train_loss' ORDER BY step", v)] for v in ("tp", "bp_tuned")]
        pixels, values = lines[0] + lines[1], means[0] + means[1]
        low, high = values.index(min(values)), values.index(max(values))
        scale = (pixels[high] - pixels[low]) / (values[high] - values[low])
        self.assertLess(scale, 0)
        for pixel, value in zip(pixels, values):
            self.assertAlmostEqual(pixel, pixels[low] + scale * (value - values[low]), delta=0.2)

    def test_kept_curves_are_drawn_as_rows_are(self):
        """The same figures from a database that keeps no curves."""
        bare = os.path.join(self.folder, "bare.db")
        with sqlite3.connect(self.db) as connection:
            self.assertGreater(connection.execute("SELECT count(*) FROM kept_curves").fetchone()[0], 0)
            connection.execute("VACUUM INTO ?", (bare,))
        connection.close()
        with sqlite3.connect(bare) as connection:
            connection.executescript("DELETE FROM curve_stat; DELETE FROM curve")
        connection.close()
        studies = [row[0] for row in self.sql("SELECT DISTINCT study FROM kept_curves")]
        for study in studies:
            options = ["--metric", "train_loss"] + (["--cell", "stepsize=0.1"] if study == "lines" else [])
            drawn = [self.tprun("plot", study, *options, "--db", db).stdout for db in (self.db, bare)]
            self.assertEqual(*drawn)
        self.assertIn("temporal_order", studies)

    def test_choice(self):
        svg = self.plot("temporal_order", "--variant", "bp", "--metric", "test_loss", "--log")
        self.assertEqual(len(list(svg.iter(SVG + "polyline"))), 1)
        self.assertNotIn("tp", self.texts(svg))
        cell = self.plot("lines", "--cell", "stepsize=0.1", "--metric", "train_loss")
        self.assertEqual(len([t for t in self.texts(cell) if "regularization=" in t]), 3)

    def test_diverged_curves_end_in_a_cross(self):
        svg = self.plot("lines", "--metric", "train_loss")
        diverged = self.sql("SELECT count(*) FROM trials t JOIN summaries u ON u.trial_id = t.trial_id AND u.metric = 'train_loss' "
                            "WHERE t.study = 'lines' AND t.state = 'diverged'")[0][0]
        crosses = [p for p in svg.iter(SVG + "path") if p.get("class") == "cross"]
        self.assertGreater(len(crosses), 1)
        self.assertEqual(len(crosses), diverged + 1)  # and the legend's
        self.assertIn("diverged: last finite value", self.texts(svg))

    def test_heatmap(self):
        svg = self.plot("heat")
        cells = self.sql("SELECT n, n_diverged FROM heatmap WHERE study = 'heat'")
        groups = list(svg.iter(SVG + "g"))
        self.assertEqual(len(cells), 6)
        self.assertEqual(len(groups), 6)
        diverged = sum(1 for n, d in cells if d)
        self.assertGreater(diverged, 0, "the study of this test must have diverged cells")
        self.assertLess(diverged, 6)
        marked = [g for g in groups if any(p.get("class") == "cross" for p in g.iter(SVG + "path"))]
        self.assertEqual(len(marked), diverged)
        whole = sum(1 for n, d in cells if d and n == 0)
        if whole:
            self.assertIn(f"diverged ({whole} of 6 cells)", self.texts(svg))
        for title in ("stepsize", "regularization"):
            self.assertIn(title, self.texts(svg))
        titles = [g.find(SVG + "title").text for g in groups]
        self.assertTrue(any("1 / area = " in t for t in titles), titles)

    def test_brighter_is_smaller(self):
        groups = list(self.plot("heat").iter(SVG + "g"))
        cells = []
        for g in groups:
            title, color = g.find(SVG + "title").text, g.find(SVG + "rect").get("fill")
            if "1 / area = " in title:
                rgb = [int(color[i:i + 2], 16) for i in (1, 3, 5)]
                cells.append((float(title.split("1 / area = ")[1].split(",")[0]), 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]))
        self.assertGreater(len(cells), 1)
        luminance = [c[1] for c in sorted(cells)]
        self.assertEqual(luminance, sorted(luminance))

    def winners_by_hand(self):
        """{(x, y): {variant: area under the accuracy of the setting with the smallest area under the train loss}}"""
        best = {}
        for variant, x, y, done, loss, score in self.sql(
                "SELECT t.variant, x.num, y.num, count(*) = sum(t.state = 'done'), avg(l.auc), avg(a.auc) FROM trials t JOIN params x ON x.trial_id = t.trial_id AND "
                "x.param = 'network.layers.0.rnn.units' JOIN params y ON y.trial_id = t.trial_id AND y.param = 'dataset.length' "
                "LEFT JOIN summaries l ON l.trial_id = t.trial_id AND l.metric = 'train_loss' "
                "LEFT JOIN summaries a ON a.trial_id = t.trial_id AND a.metric = 'test_accuracy' WHERE t.study = 'wins' "
                "GROUP BY t.variant, t.cell, x.num, y.num"):
            cell = best.setdefault((x, y), {})
            if done and (variant not in cell or loss < cell[variant][0]):
                cell[variant] = (loss, score)
        return {at: {v: score for v, (loss, score) in cell.items()} for at, cell in best.items()}

    def test_winners(self):
        """Every cell names the variant, and the margin, that the rows of the database give; axes are what all variants vary."""
        spec = os.path.join(self.folder, "wins.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write(WINNERS)
        self.tprun("run", "-q", spec, status=(0, 1))
        wanted = self.winners_by_hand()
        svg = self.plot("wins")
        titles = [g.find(SVG + "title").text for g in svg.iter(SVG + "g")]
        self.assertEqual(len(titles), len(wanted))
        for (x, y), scores in wanted.items():
            title, = [t for t in titles if t.startswith(f"dataset.length {y:g}, network.layers.0.rnn.units {x:g}: ")]
            order = sorted(scores, key=scores.get, reverse=True)
            if not order:
                self.assertIn(": all diverged", title)
            elif len(order) == 1:
                self.assertIn(f": {order[0]} wins, the others diverged", title)
            elif scores[order[0]] == scores[order[1]]:
                self.assertIn(": tie", title)
            else:
                self.assertIn(f": {order[0]} wins by {scores[order[0]] - scores[order[1]]:.4g};", title)
        self.assertIn("length", self.texts(svg))
        self.assertIn("units", self.texts(svg))
        self.assertTrue(any("wins, the others diverged" in t for t in titles), titles)  # stepsize 1e30 of bp at units 6
        turned = self.plot("wins", "--x", "units", "--y", "dataset.length")
        self.assertTrue(any(g.find(SVG + "title").text.startswith("network.layers.0.rnn.units 4, dataset.length") for g in turned.iter(
            SVG + "g")))
        curves = self.plot("wins", "--metric", "train_loss", "--cell", "length=10, network.layers.0.rnn.units=4")
        self.assertGreater(len(list(curves.iter(SVG + "polyline"))), 0)
        self.assertEqual(self.tprun("plot", "wins").stdout, self.tprun("plot", "wins").stdout)
        report = os.path.join(self.folder, "wins", "report.md")
        self.tprun("report", "wins", "-o", report)
        with open(os.path.join(self.folder, "wins", "figures", "wins.svg"), encoding="utf-8") as f:
            self.assertEqual(f.read(), self.tprun("plot", "wins").stdout)
        for words, arguments in (("give --x KEY with it", ("--y", "units")), ("no swept key 'depth'", ("--x", "depth")), ("no swept key 'depth'", ("--x", "depth", "--y", "units")),
                                 ("two variants", ("--winners", "--variant", "bp")), ("exclude each other", ("--winners", "--heatmap")),
                                 ("two axes, and 1 numeric", ("--x", "units", "--y", "units"))):
            self.assertIn(words, self.tprun("plot", "wins", *arguments, status=(2,)).stderr)

    def layers(self, seeds, figures=""):
        """Trains the study `layers`; what it has trained before is not trained again."""
        spec = os.path.join(self.folder, "layers.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write(LAYERS % {"seeds": seeds, "figures": figures})
        self.tprun("run", "-q", spec)

    def rows(self, variant, metric, what="l.step", where="1"):
        values = {}
        for at, value in self.sql(f"SELECT {what}, l.value FROM layer_metric l JOIN metric_key k ON k.id = l.key_id JOIN trials t ON t.trial_id = "
                                  f"l.trial_id WHERE t.study = 'layers' AND t.current AND t.variant = ? AND k.name = ? AND {where} ORDER BY 1, t.seed",
                                  variant, metric):
            values.setdefault(at, []).append(value)
        return values

    def assert_affine(self, lines, values, what=lambda y: y):
        """The places of the lines' points are one falling affine map of the values."""
        pixels = [float(p.split(",")[1]) for line in lines for p in line.get("points").split()]
        values = [what(v) for one in values for v in one]
        self.assertEqual(len(pixels), len(values))
        low, high = values.index(min(values)), values.index(max(values))
        scale = (pixels[high] - pixels[low]) / (values[high] - values[low])
        self.assertLess(scale, 0)
        for pixel, value in zip(pixels, values):
            self.assertAlmostEqual(pixel, pixels[low] + scale * (value - values[low]), delta=0.2)

    def test_curves_of_a_layer(self):
        self.layers(3)
        svg = self.plot("layers", "--metric", "weight_norm", "--layer", "1")
        rows = [self.rows(v, "weight_norm", where="l.layer = 1") for v in ("tp", "bp")]
        self.assertEqual([len(r) for r in rows], [11, 11])
        self.assert_affine(svg.iter(SVG + "polyline"), [[statistics.mean(v) for v in r.values()] for r in rows])
        self.assertEqual([len(b.get("points").split()) for b in svg.iter(SVG + "polygon")], [22, 22])
        self.assertIn("weight_norm of layer 1", self.texts(svg))
        both = self.texts(self.plot("layers", "--metric", "weight_norm"))
        self.assertEqual([t for t in both if t.startswith("weight_norm")], ["weight_norm of layer 0", "weight_norm of layer 1"])

    def test_rolling(self):
        def rolled(values, n):
            return [values[max(0, i + 1 - n):i + 1] for i in range(len(values))]
        self.layers(1)
        svg = self.plot("layers", "--metric", "weight_norm", "--layer", "0", "--rolling", "4")
        windows = [rolled([x for x, in self.rows(v, "weight_norm", where="l.layer = 0").values()], 4) for v in ("tp", "bp")]
        self.assert_affine(svg.iter(SVG + "polyline"), [[statistics.mean(w) for w in one] for one in windows])
        self.assertTrue(any("mean over the last 4 points; one seed; band: mean ± sd of these points" in t for t in self.texts(svg)))
        bands = [b.get("points").split() for b in svg.iter(SVG + "polygon")]
        self.assertEqual([len(b) for b in bands], [22, 22])
        lines = [[float(p.split(",")[1]) for p in line.get("points").split()] for line in svg.iter(SVG + "polyline")]
        means = [statistics.mean(w) for w in windows[0]]
        scale = (lines[0][-1] - lines[0][0]) / (means[-1] - means[0])  # pixels of a unit
        for i, window in enumerate(windows[0]):
            upper = lines[0][i] - float(bands[0][i].split(",")[1])
            self.assertAlmostEqual(upper, -scale * (statistics.stdev(window) if i else 0), delta=0.4)
        self.layers(3)  # over seeds: each trial is rolled first, the band is that of the seeds
        svg = self.plot("layers", "--metric", "train_loss", "--rolling", "3", "--variant", "tp")
        seeds = [[r[0] for r in self.sql("SELECT value FROM metrics m JOIN trials t ON t.trial_id = m.trial_id WHERE m.study = 'layers' AND t.current AND "
                                         "m.variant = 'tp' AND m.metric = 'train_loss' AND m.seed = ? ORDER BY m.step", s)] for s in (1, 2, 3)]
        smooth = [[statistics.mean(w) for w in rolled(one, 3)] for one in seeds]
        self.assert_affine(svg.iter(SVG + "polyline"), [[statistics.mean(at) for at in zip(*smooth)]])
        self.assertTrue(any("mean over the last 3 points; mean over seeds" in t for t in self.texts(svg)))

    def test_bars(self):
        self.layers(2)
        svg = self.plot("layers", "--bars", "--metric", "weight_norm", "--layer", "1")
        texts, widths = self.texts(svg), []
        for variant in ("tp", "bp"):
            steps = [at for step, at in self.rows(variant, "weight_norm", where="l.layer = 1").items() if step > 0]
            values = [statistics.mean(seed) for seed in zip(*steps)]  # of each seed: what steps do to it is no spread of seeds
            self.assertEqual((len(steps), len(values)), (10, 2))
            self.assertIn(f"{statistics.mean(values):.3g} ± {statistics.stdev(values):.2g}, n = 2", texts)
            group, = [g for g in svg.iter(SVG + "g") if g.find(SVG + "title").text == variant]
            lines = [(float(l.get("x1")), float(l.get("x2"))) for l in group.iter(SVG + "line")]
            bar = float(group.find(SVG + "rect").get("width"))
            self.assertAlmostEqual((lines[0][1] - lines[0][0]) / bar, 2 * statistics.stdev(values) / statistics.mean(values), delta=0.01)
            widths.append(bar / statistics.mean(values))
        self.assertAlmostEqual(widths[0], widths[1], delta=0.01 * widths[0])  # one axis
        losses = [r[0] for r in self.sql("SELECT avg(value) FROM metrics m JOIN trials t ON t.trial_id = m.trial_id WHERE m.study = 'layers' AND t.current "
                                         "AND m.variant = 'bp' AND m.metric = 'train_loss' AND m.step > 0 GROUP BY m.seed")]
        self.assertIn(f"{statistics.mean(losses):.3g} ± {statistics.stdev(losses):.2g}, n = 2",
                      self.texts(self.plot("layers", "--bars", "--metric", "train_loss", "--variant", "bp")))

    def test_over_the_layers(self):
        self.layers(2)
        for arguments, step in (((), 40), (("--step", "8"), 8)):
            svg = self.plot("layers", "--layers", "--metric", "displacement_norm", "--log", *arguments)
            rows = [self.rows(v, "displacement_norm", "l.layer", f"l.step = {step}") for v in ("tp", "bp")]
            self.assertEqual(list(rows[0]), list(range(len(rows[0]))))
            self.assertGreaterEqual(len(rows[0]), 12)
            self.assert_affine(svg.iter(SVG + "polyline"), [[statistics.geometric_mean(v) for v in r.values()] for r in rows], math.log)
            self.assertIn(f"displacement_norm at iteration {step}", self.texts(svg))
            self.assertNotIn("iteration", self.texts(svg))

    def test_figures_of_the_file(self):
        self.layers(1, FIGURES)
        figures = [self.tprun("plot", "layers", *arguments).stdout for arguments in (
            ("--metric", "weight_norm", "--layer", "1", "--rolling", "3"), ("--bars", "--metric", "displacement_norm", "--layer", "2", "--variant", "bp"),
            ("--layers", "--metric", "displacement_norm", "--step", "20", "--log"))]
        report = os.path.join(self.folder, "wanted", "report.md")
        self.tprun("report", "layers", "-o", report)
        with open(report, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("![Norms &lt;of> weights](<figures/layers_1.svg>)", text)
        for i, figure in enumerate(figures, 1):
            self.assertIn(f"](<figures/layers_{i}.svg>)", text)
            with open(os.path.join(self.folder, "wanted", "figures", f"layers_{i}.svg"), encoding="utf-8") as f:
                drawn = f.read()
            self.assertEqual(drawn.replace("Norms &lt;of&gt; weights", "Metrics of layers"), figure)
        whole = self.plot("layers")
        inner = [g.find(SVG + "rect") for g in whole.findall(SVG + "g")]  # the background of each
        self.assertEqual(len(inner), 3)
        bottom = 0
        for one in inner:  # one below the other, within the frame
            self.assertGreaterEqual(float(one.get("y")), bottom)
            bottom = float(one.get("y")) + float(one.get("height"))
            self.assertLessEqual(float(one.get("width")), float(whole.get("width")))
        self.assertAlmostEqual(bottom, float(whole.get("height")), places=3)
        self.assertEqual(len(list(self.plot("layers", "--metric", "train_loss").iter(SVG + "svg"))), 1)
        self.layers(1, FIGURES.replace("displacement_norm, layer: 2", "weight_norm, layer: 9"))  # a time step, of which there are no weights
        why = "study 'layers': 'weight_norm' has no layer 9 (it has: 0, 1"
        self.assertIn("warning: no figure 2 of 3: " + why, self.tprun("report", "layers", "-o", report).stderr)
        with open(report, encoding="utf-8") as f:
            self.assertIn("No figure 2 of 3: " + why, f.read())
        self.assertIn("No figures: --output FILE or --figures FOLDER", self.tprun("report", "layers").stdout)
        done = self.tprun("plot", "layers")  # the others are drawn, here and on the page
        self.assertIn("warning: not drawn: " + why, done.stderr)
        self.assertEqual(len(re.findall("<polyline", done.stdout)), len(re.findall("<polyline", figures[0] + figures[2])))
        self.assertIn("No figure 2 of 3: study 'layers':", " ".join(self.texts(ET.fromstring(done.stdout))))

    def test_mistakes_about_layers(self):
        self.layers(1)
        for words, arguments in (("'weight_norm' has no layer 7 (it has: 0, 1)", ("--metric", "weight_norm", "--layer", "7")),
                                 ("did you mean 'weight_norm'? (it has: train_loss; of layers: displacement_norm, weight_norm)", ("--metric", "wight_norm")),
                                 ("'train_loss' is a metric of the whole trial", ("--metric", "train_loss", "--layer", "1")),
                                 ("'train_loss' is a metric of the whole trial", ("--metric", "train_loss", "--layers")),
                                 ("'displacement_norm' has 13 layers (0, 1, 2,", ("--metric", "displacement_norm")),
                                 ("has no values of step 5 (it has: 4, 8,", ("--metric", "displacement_norm", "--layers", "--step", "5")),
                                 ("'-1' is not a number from 0", ("--metric", "weight_norm", "--layer", "-1")),
                                 ("'x' is not a number from 0 to 10000", ("--rolling", "x")),
                                 ("--layer needs a layer metric", ("--layer", "1")), ("show a metric", ("--bars",)),
                                 ("--bars and --heatmap exclude each other", ("--heatmap", "--bars")),
                                 ("--step is of a figure over the layers", ("--metric", "weight_norm", "--step", "4")),
                                 ("bars begin at zero", ("--bars", "--metric", "weight_norm", "--log")),
                                 ("exclude each other", ("--layers", "--metric", "weight_norm", "--layer", "1"))):
            self.assertIn(words, self.tprun("plot", "layers", *arguments, status=(2,)).stderr)

    def test_markup_in_titles(self):
        svg = self.plot("heat")  # parses, so it was escaped
        self.assertIn("Stepsize < regularization & more | [x](y)", " ".join(self.texts(svg)))  # in as many lines as it takes
        text = self.tprun("report", "heat").stdout
        self.assertIn(r"## Stepsize &lt; regularization &amp; more \| \[x\](y)", text)

    def test_same_bytes(self):
        for study in ("temporal_order", "heat"):
            self.assertEqual(self.tprun("plot", study).stdout, self.tprun("plot", study).stdout)

    def test_mistakes(self):
        def message(*args):
            return self.tprun(*args, status=(2,)).stderr
        for command in ("plot", "report", "export"):
            self.assertIn("did you mean 'temporal_order'", message(command, "temporal_ordr"))
        self.assertIn("did you mean 'tp_off'", message("plot", "temporal_order", "--variant", "tp_of"))
        self.assertIn("did you mean 'test_loss'", message("plot", "temporal_order", "--metric", "tst_loss"))
        self.assertIn("does not sweep two numeric keys", message("plot", "temporal_order", "--heatmap"))
        self.assertIn("no cell with 'stepsize=7'", message("plot", "heat", "--cell", "stepsize=7"))
        self.assertIn("not STUDY:VARIANT", message("compare", "tp", "bp"))
        self.assertIn("exclude each other", message("export", "heat", "--metrics", "--params"))

    def test_more_lines_are_facets(self):
        spec = os.path.join(self.folder, "many.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write((SMALL % {"name": "many", "stepsizes": "[0.01, 0.02, 0.03, 0.04, 0.05]"}).replace("iterations: 20", "iterations: 1"))
        self.tprun("run", "-q", spec, "seeds=1", status=(0, 1))
        svg = self.plot("many", "--metric", "train_loss")
        self.assertEqual(len(list(svg.iter(SVG + "polyline"))), 15)
        for regularization in ("0.0001", "1", "100"):  # a facet each, with a line for each of five stepsizes
            self.assertEqual(self.texts(svg).count(f"regularization={regularization}"), 1)
        self.assertEqual(len([t for t in self.texts(svg) if t.startswith("stepsize=")]), 5)

    def test_panels_of_one_line_have_no_legend(self):
        spec = os.path.join(self.folder, "panels.yaml")
        variants = "".join(f"  v{i}: {{train: {{batch_size: {i + 1}}}}}\n" for i in range(13))
        with open(spec, "w", encoding="utf-8") as f:
            f.write((SMALL % {"name": "panels", "stepsizes": "[]"}).split("sweep:")[0].replace("iterations: 20", "iterations: 1") + "variants:\n" + variants)
        self.tprun("run", "-q", spec, "seeds=1", status=(0, 1))
        svg = self.plot("panels", "--metric", "train_loss")
        self.assertEqual([self.texts(svg).count(f"v{i}") for i in range(13)], 13 * [1])
        self.assertNotIn("", self.texts(svg))
        self.assertEqual(len([line for line in svg.iter(SVG + "line") if line.get("stroke-width") == "2.6"]), 0)

    def changed(self, *statements):
        """A copy of the database that somebody has been at."""
        copy = os.path.join(self.folder, "changed.db")
        if os.path.exists(copy):
            os.remove(copy)
        connection = sqlite3.connect(self.db)
        connection.execute("VACUUM INTO ?", (copy,))
        connection.close()
        connection = sqlite3.connect(copy)
        for statement, *arguments in statements:
            connection.execute(statement, arguments)
        connection.commit()
        connection.close()
        return copy

    def test_hostile_names(self):
        bad = "\x01</text><script>alert(1)</script>\n&\"'"
        copy = self.changed(("UPDATE study SET name = '../../evil', title = ?, paper = ?, locator = CAST(x'C328FF' AS TEXT) WHERE name = 'heat'", bad, bad),
                            ("UPDATE trial SET variant = ? WHERE study_id = (SELECT id FROM study WHERE name = '../../evil')", bad),
                            ("UPDATE trial SET variant = ? WHERE variant = 'tp'", bad))
        for arguments in (["../../evil"], ["../../evil", "--metric", "train_loss"], ["temporal_order"]):
            svg = self.tprun("plot", *arguments, "--db", copy).stdout
            self.assertNotIn("<script", svg)
            self.assertNotIn("\x01", svg)
            ET.fromstring(svg)
        figures = os.path.join(self.folder, "one", "two", "figures")
        self.assertIn("cannot be the name of a file", self.tprun("report", "../../evil", "--figures", figures, "--db", copy, status=(2,)).stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "one", "evil.svg")))
        text = self.tprun("report", "../../evil", "--db", copy).stdout
        self.assertNotIn("<script", re.sub("`[^`]*`", "", text.replace("\\`", "")))  # in a code span it is only text

    def test_hostile_values(self):
        for values in (["1e308", "-1e308"], ["1e308", "1e308"], ["0", "0"], ["NULL", "NULL"], ["1e-320", "1"], ["-5", "NULL"]):
            copy = self.changed((f"UPDATE metric SET value = {values[0]} WHERE step > 0",), (f"UPDATE metric SET value = {values[1]} WHERE step = 0",),
                                (f"UPDATE summary SET auc = {values[0]}, last = {values[0]}, best = {values[1]}",))
            for arguments in (["lines", "--metric", "train_loss"], ["lines", "--metric", "train_loss", "--log"], ["heat"], ["temporal_order"]):
                svg = self.tprun("plot", *arguments, "--db", copy).stdout
                ET.fromstring(svg)
                for word in ("nan,", ",nan", "inf,", ",inf", '"nan"', '"inf"', '"-inf"', '"-nan"'):
                    self.assertNotIn(word, svg, f"{values} {arguments}")
            self.tprun("report", "temporal_order", "heat", "--db", copy)
            self.tprun("compare", "temporal_order:tp", "temporal_order:bp", "--metric", "train_loss", "--db", copy,
                       status=(0, 2))

    def test_file_is_replaced(self):
        path = os.path.join(self.folder, "figure.svg")
        with open(path, "w", encoding="utf-8") as f:
            f.write("old")
        self.assertEqual(self.tprun("plot", "heat", "-o", path).stdout, "")
        ET.parse(path)
        self.assertEqual([n for n in os.listdir(self.folder) if n.endswith(".tmp")], [])
        self.assertIn("No such file", self.tprun("plot", "heat", "-o", os.path.join(self.folder, "none", "x.svg"), status=(1, 5)).stderr)

    def test_report(self):
        intro = os.path.join(self.folder, "intro.md")
        with open(intro, "w", encoding="utf-8") as f:
            f.write("Written *by hand*.\n\n")
        path = os.path.join(self.folder, "docs", "report.md")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.tprun("report", "temporal_order", "heat", "-o", path, "--title", "What came out", "--intro", intro, "--figures",
                   os.path.join(self.folder, "images"))
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.assertTrue(text.startswith("# What came out\n\nWritten *by hand*.\n\n"))
        for study in ("temporal_order", "heat"):
            self.assertIn(f"](<../images/{study}.svg>)", text)
            ET.parse(os.path.join(self.folder, "images", study + ".svg"))
        verdicts = self.sql("SELECT id, verdict FROM claims WHERE study IN ('temporal_order', 'heat')")
        self.assertEqual({v for i, v in verdicts if i in ("chance", "impossible", "nothing")}, {"reproduced", "refuted", "undecided"})
        for claim, verdict in verdicts:
            line = [l for l in text.splitlines() if l.startswith(f"| `{claim}` |")]
            self.assertEqual(len(line), 1, claim)
            self.assertTrue(line[0].endswith(f"| **{verdict}** |"), line[0])
        self.assertIn("- `nothing` is undecided: the measure gives no value.", text)
        self.assertIn("| `algorithm.propagate.name` | linear | none | linear | linear | linear |", text)
        self.assertIn("- swept: `algorithm.mapping.regularization`, 3 values from 0.0001 to 100", text)
        for seed, step in self.sql("SELECT seed, diverged_step FROM trials WHERE study = 'heat' AND state = 'diverged'"):
            self.assertIn(f" | {seed} | {step} | ", text)
        self.assertIn("ms per iteration", text)
        self.assertNotIn(self.folder, text)
        self.assertTrue(text.endswith("\n") and not text.endswith("\n\n"))

    def test_report_numbers(self):
        text = self.tprun("report", "temporal_order").stdout
        for variant in VARIANTS:
            last = [r[0] for r in self.sql("SELECT last_train_loss FROM trials WHERE study = 'temporal_order' AND variant = ?", variant)]
            wanted = f"| train_loss | `{variant}` | {statistics.mean(last):.4g} ± {statistics.stdev(last):.2g} |"
            self.assertIn(wanted, text)

    def test_export(self):
        rows = list(csv.DictReader(io.StringIO(self.tprun("export", "temporal_order", "--metrics").stdout, newline="")))
        stored = self.sql("SELECT variant, seed, metric, NULL, step, value, trial_id FROM metrics WHERE study = 'temporal_order' UNION ALL SELECT "
                          "variant, seed, metric, layer, step, value, trial_id FROM layer_metrics WHERE study = 'temporal_order'")
        exported = [(r["variant"], int(r["seed"]), r["metric"], int(r["layer"]) if r["layer"] else None, int(r["step"]), float(r["value"]))
                    for r in rows]
        self.assertEqual(sorted(exported, key=repr), sorted((row[:-1] for row in stored), key=repr))
        steps = [(r["variant"], r["seed"], r["layer"] != "", r["metric"], r["layer"], int(r["step"])) for r in rows]
        self.assertEqual(len(set(steps)), len(steps))
        trials = json.loads(self.tprun("export", "heat", "--format", "json").stdout)
        self.assertEqual(len(trials), 12)
        self.assertEqual({t["state"] for t in trials}, {"done", "diverged"})
        lines = self.tprun("export", "heat", "--params", "--format", "ndjson").stdout.splitlines()
        swept = [p for p in map(json.loads, lines) if p["swept"]]
        self.assertEqual(len(swept), 24)

    def test_superseded_trials_have_no_pair(self):
        with open(os.path.join(EXPERIMENTS, "temporal_order.yaml"), encoding="utf-8") as f:
            text = f.read()
        spec = os.path.join(self.folder, "edited.yaml")
        for rows in (4, 5):  # edited in between: the same names, other trials
            with open(spec, "w", encoding="utf-8") as f:
                f.write(text.replace("batch_size: 20", f"batch_size: {rows}"))
            self.tprun("run", "-q", spec, "experiment=edited", "--profile", "smoke", "--variant", "bp", "--variant", "tp", "seeds=2",
                       "train.iterations=3", "log.every=1")
        self.assertEqual(self.sql("SELECT count(*), sum(current) FROM all_trials WHERE study = 'edited' AND variant IN ('tp', 'bp')"), [(8, 4)])
        a, b = ([r[0] for r in self.sql("SELECT last_train_loss FROM trials WHERE study = 'edited' AND variant = ? AND current ORDER BY seed", v)]
                for v in ("tp", "bp"))
        mean = statistics.mean(x - y for x, y in zip(a, b))
        out = self.tprun("compare", "edited:tp", "edited:bp", "--metric", "train_loss", "--format=json")
        self.assertEqual([(r["n"], r["n_asked"]) for r in json.loads(out.stdout)], [(2, 2)])
        self.assertAlmostEqual(json.loads(out.stdout)[0]["difference"], mean, delta=1e-9)
        self.assertNotIn("without a partner", out.stderr)


if __name__ == "__main__":
    unittest.main()
