#!/usr/bin/env python3
"""Figures as a reader sees them: twelve named studies (studies.py) in a column's width and in their own, as PDF. No two texts overlap, none
leaves the page, none is smaller than 7 points. TPRUN_BUILD names the build folder; poppler's pdftotext tells where the words are."""
import contextlib
import math
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET

import studies

TPRUN = os.path.abspath(os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun"))
SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["two_lines", "forty_lines", "diverging", "one_seed", "many_decades", "same_lines", "all_zero", "two_keys", "three_keys", "random_search",
         "who_wins", "cells"]
MORE = [("many_decades", "--log", "--log-x"), ("two_lines", "--x", "seconds", "--band", "ci95"), ("cells", "--x", "stepsize"),
        ("random_search", "--x", "activation", "--metric", "train_loss", "--log"), ("two_keys", "--heatmap", "--metric", "test_accuracy"),
        ("all_zero", "--bars", "--metric", "angle_bp"), ("diverging", "--legend", "below", "--font-size", "9"),
        ("two_lines", "--legend", "inside"), ("diverging", "--legend", "inside"), ("forty_lines", "--legend", "inside"),
        ("three_keys", "--heatmap", "--x", "target_stepsize", "--y", "units", "--metric", "train_loss", "--log")]
COLUMN = 85 / 25.4 * 72  # points


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-pictures-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.db = os.path.join(cls.folder, "results.db")
        studies.make(cls.db)

    def tprun(self, *args, status=0):
        done = subprocess.run([TPRUN, *args, "--db", self.db], capture_output=True, text=True, check=False, timeout=600,
                              env={k: v for k, v in os.environ.items() if not k.startswith("TPRUN_")})
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def changed(self, *statements):
        """A copy of the database in which something else was stored; :study is the id of the study that the first word names."""
        copy = os.path.join(self.folder, f"{self.id()}.db")
        shutil.copy(Pictures.db, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db, db:
            for study, statement in statements:
                db.execute(statement, {"study": db.execute("SELECT id FROM study WHERE name = ?", (study,)).fetchone()[0]})
        self.db = copy

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

    def words(self, *args):
        """Width and height of the page and [(left, top, right, bottom, word)], in points, of the figure as a PDF."""
        path = os.path.join(self.folder, "figure.pdf")
        self.tprun("plot", *args, "-o", path)
        page = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
        width, height = re.search(r'<page width="([\d.]+)" height="([\d.]+)"', page).groups()
        found = re.findall(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', page)
        return float(width), float(height), [(*map(float, at), word) for *at, word in found]

    def check_page(self, *args):
        width, height, words = self.words(*args)
        self.assertGreater(len(words), 5)
        for left, top, right, bottom, word in words:
            self.assertTrue(left >= 0 and top >= 0 and right <= width and bottom <= height, f"{args}: '{word}' leaves the page")
        for i, a in enumerate(words):
            for b in words[:i]:  # boxes are as high as letters may be: lines one below the other share some of that
                across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                slack = 0.3 * min(a[3] - a[1], a[2] - a[0], b[3] - b[1], b[2] - b[0])
                self.assertFalse(across > slack and down > slack, f"{args}: '{a[4]}' and '{b[4]}' overlap: {a}, {b}")
        return width

    def test_a_legend_inside_lies_in_the_first_panel(self):
        plot = self.plot("two_lines", "--legend", "inside")
        frame = next(r for r in plot.iter(SVG + "rect") if r.get("stroke") and r.get("fill") == "none")
        x, y, width, height = (float(frame.get(name)) for name in ("x", "y", "width", "height"))
        names = {v for v, in self.sql("SELECT DISTINCT variant FROM trials WHERE study = 'two_lines'")}
        entries = [t for t in plot.iter(SVG + "text") if t.text in names]
        self.assertEqual(len(entries), 2)
        for entry in entries:
            self.assertTrue(x < float(entry.get("x")) < x + width and y < float(entry.get("y")) < y + height, entry.text)
        self.assertLess(float(plot.get("width")), float(self.plot("two_lines").get("width")), "no room is kept for it at the right")

    def test_no_texts_overlap(self):
        for name in NAMES:
            self.check_page(name)
            self.assertAlmostEqual(self.check_page(name, "--size", "85"), COLUMN, delta=1)
        for args in MORE:
            self.check_page(*args)
            self.check_page(*args, "--size", "85")
            self.check_page(*args, "--size", "170")

    def test_letters_are_read_in_a_column(self):
        for args in [(name,) for name in NAMES] + [args for args in MORE if "--font-size" not in args]:
            svg = self.plot(*args, "--size", "85")
            self.assertAlmostEqual(0.75 * float(svg.get("width")), COLUMN, delta=1)
            smallest = min(float(t.get("font-size")) for t in svg.iter(SVG + "text"))
            self.assertGreaterEqual(0.75 * smallest, 7, args)

    def test_size_and_letters_as_asked(self):
        svg = self.plot("two_lines", "--size", "120x90", "--font-size", "10")
        for side, mm in (("width", 120), ("height", 90)):
            self.assertAlmostEqual(float(svg.get(side)), mm / 25.4 * 96, delta=3)
        self.assertIn(f"{10 / 0.75:.1f}", [t.get("font-size") for t in svg.iter(SVG + "text")])
        for option, value, words in (("--size", "wide", "no width in millimetres"), ("--size", "85x", "no width"), ("--font-size", "0", "from 3 to 40"),
                                     ("--smooth", "1", "from 0.001 to 0.9999"), ("--band", "se", "none of sd, ci95, quartiles, minmax, none"),
                                     ("--legend", "left", "none of auto, right, below, inside, none")):
            self.assertIn(words, self.tprun("plot", "two_lines", option, value, status=2).stderr)

    def last(self, study, metric, variant, cell=""):
        return [r[0] for r in self.sql("SELECT last FROM summaries WHERE study = ? AND metric = ? AND variant = ? AND cell = ? ORDER BY seed",
                                       study, metric, variant, cell)]

    def affine(self, svg, values, log=False):
        """The places of the line's points, and of its band's, are an affine map of the means, and of what `values` says of bands."""
        line = [tuple(map(float, p.split(","))) for p in next(svg.iter(SVG + "polyline")).get("points").split()]
        band = [tuple(map(float, p.split(","))) for p in next(svg.iter(SVG + "polygon")).get("points").split()]
        n = len(line)
        self.assertEqual((len(values), len(band)), (n, 2 * n))
        place = math.log if log else float
        means = [place(v[1]) for v in values]
        a, b = means.index(min(means)), means.index(max(means))
        scale = (line[b][1] - line[a][1]) / (means[b] - means[a])
        for i, (low, mean, high) in enumerate(values):
            for value, y in ((mean, line[i][1]), (high, band[i][1]), (low, band[2 * n - 1 - i][1])):
                self.assertAlmostEqual(y, line[a][1] + scale * (place(value) - means[a]), delta=0.3)

    def bands(self, *args):
        """The points of each band."""
        return [p.get("points").split() for p in self.plot(*args).iter(SVG + "polygon")]

    def series(self, study, metric, variant):
        rows = {}
        for step, value in self.sql("SELECT step, value FROM metrics WHERE study = ? AND metric = ? AND variant = ? ORDER BY step, seed",
                                    study, metric, variant):
            rows.setdefault(step, []).append(value)
        return rows

    def test_bands(self):
        rows = self.series("two_lines", "test_accuracy", "back_propagation").values()
        half = {5: 2.7764451051978}  # Student's t, 4 degrees of freedom, 97.5 %

        def quartiles(v):
            low, middle, high = statistics.quantiles(v, n=4, method="inclusive")
            return low, middle, high

        def interval(v):
            mean, reach = statistics.mean(v), half[len(v)] * statistics.stdev(v) / math.sqrt(len(v))
            return mean - reach, mean, mean + reach

        def deviation(v):
            return statistics.mean(v) - statistics.stdev(v), statistics.mean(v), statistics.mean(v) + statistics.stdev(v)
        for band, what in (("sd", deviation), ("ci95", interval), ("quartiles", quartiles),
                           ("minmax", lambda v: (min(v), statistics.mean(v), max(v)))):
            svg = self.plot("two_lines", "--metric", "test_accuracy", "--variant", "back_propagation", "--band", band)
            self.affine(svg, [what(v) for v in rows])
        svg = self.plot("two_lines", "--metric", "test_accuracy", "--band", "none")
        self.assertEqual(len(list(svg.iter(SVG + "polygon"))), 0)

    def test_a_band_is_interrupted_where_its_deviation_is_not_known(self):
        way = ("two_lines", "--metric", "test_accuracy", "--variant", "back_propagation", "--band")
        whole = {band: self.bands(*way, band)[0] for band in ("sd", "ci95")}
        copy = os.path.join(self.folder, "unknown.db")
        subprocess.run([TPRUN, "merge", self.db, "-o", copy, "-q"], check=True)  # which keeps the means
        with contextlib.closing(sqlite3.connect(copy)) as db, db:
            kept, step = db.execute("SELECT curve_id, step FROM kept_curves JOIN curve_stat USING (curve_id) WHERE study = 'two_lines' AND "
                                    "metric = 'test_accuracy' AND variant = 'back_propagation' ORDER BY step LIMIT 1 OFFSET 2").fetchone()
            db.execute("UPDATE curve_stat SET sd = NULL WHERE curve_id = ? AND step = ?", (kept, step))  # as what overflows has
        self.db = copy
        for band, points in whole.items():
            n = len(points) // 2
            self.assertEqual(self.bands(*way, band), [points[:2] + points[-2:], points[3:2 * n - 3]])

    def test_geometric_mean_on_a_logarithmic_axis(self):
        rows = self.series("many_decades", "train_loss", "gnt").values()
        svg = self.plot("many_decades", "--variant", "gnt", "--log")
        self.assertTrue(any(t.startswith("geometric mean over seeds") for t in self.texts(svg)))

        def deviation(v):
            mean, sd = statistics.mean(map(math.log, v)), statistics.stdev(map(math.log, v))
            return math.exp(mean - sd), math.exp(mean), math.exp(mean + sd)
        self.affine(svg, [deviation(v) for v in rows], log=True)
        ticks = [t for t in self.texts(svg) if t.startswith("10")]
        self.assertTrue({"10⁰", "10⁻²", "10⁻⁴"} <= set(ticks), ticks)  # one notation

    def test_no_band_of_rolled_points_about_geometric_means(self):
        for args, band in (((), "one seed; band: mean ± sd of these points"), (("--log",), "one seed; band: mean ± sd of these points, not on the logarithmic axis"),
                           (("--log", "--metric", "train_loss"), "one seed")):
            svg = self.plot("one_seed", "--rolling", "3", *args)
            said = " ".join(self.texts(svg))
            self.assertIn("mean over the last 3 points; " + band, said)
            self.assertEqual(" band: " in said, any(True for _ in svg.iter(SVG + "polygon")))
            self.assertEqual("logarithmic" in said, "logarithmic" in band)

    def test_axes_of_what_was_spent(self):
        steps = self.series("two_lines", "train_loss", "back_propagation")
        for x, name in (("epoch", "epoch"), ("samples", "samples seen"), ("seconds", "processor time of training (s)"), ("flops", "floating-point operations")):
            svg = self.plot("two_lines", "--metric", "train_loss", "--x", x)
            self.assertTrue(any(t.startswith(name) for t in self.texts(svg)), self.texts(svg))
            points = [float(p.split(",")[0]) for p in next(svg.iter(SVG + "polyline")).get("points").split()]
            self.assertEqual(len(points), len(steps))
        across = [float(p.split(",")[0]) for p in next(self.plot("two_lines", "--metric", "train_loss", "--log-x").iter(SVG + "polyline")).get("points").split()]
        self.assertEqual(len(across), len(steps) - 1)  # step 0 has no place
        spacing = [b - a for a, b in zip(across, across[1:])]
        self.assertEqual(spacing, sorted(spacing, reverse=True))

    def test_last_values_against_a_key(self):
        svg = self.plot("cells", "--x", "stepsize", "--variant", "bp")
        means = [statistics.mean(self.last("cells", "test_accuracy", "bp", f"train.optimizer.stepsize={s}")) for s in ("0.01", "0.1", "1")]
        line = [tuple(map(float, p.split(","))) for p in next(svg.iter(SVG + "polyline")).get("points").split()]
        scale = (line[1][1] - line[0][1]) / (means[1] - means[0])
        self.assertAlmostEqual(line[2][1], line[0][1] + scale * (means[2] - means[0]), delta=0.3)
        self.assertAlmostEqual(line[1][0] - line[0][0], line[2][0] - line[1][0], delta=0.2)  # logarithmic by itself
        self.assertIn("no swept key 'depth'", self.tprun("plot", "cells", "--x", "depth", status=2).stderr)
        said = ["".join(t.itertext()) for t in self.plot("random_search", "--x", "activation").iter(SVG + "text")]
        self.assertEqual(sum("; a point for each " in t for t in said), 1, said)  # what no line or colour tells
        self.assertNotIn("a point for each", "".join(svg.itertext()))

    def test_last_values_of_survivors(self):
        """A line is thin and pale where it leads to fewer seeds; bars about geometric means are geometric."""
        copy = os.path.join(self.folder, "survivors.db")
        shutil.copy(self.db, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db, db:
            db.execute("UPDATE trial SET state = 'diverged' WHERE seed > 0 AND variant = 'bp' AND cell = 'train.optimizer.stepsize=1' AND "
                       "study_id = (SELECT id FROM study WHERE name = 'cells')")
        way = ("plot", "cells", "--x", "stepsize", "--variant", "bp", "--metric", "train_loss")
        self.db = copy
        lines = {n: [p for p in ET.fromstring(self.tprun(*way).stdout).iter(SVG + "polyline") if p.get("stroke-width") == n] for n in ("0.9", "1.6")}
        self.assertEqual([len(p.get("points").split()) for p in lines["1.6"] + lines["0.9"]], [2, 2])
        self.assertEqual([p.get("stroke-opacity") for p in lines["1.6"] + lines["0.9"]], [None, "0.5"])
        for log, bars in (((), "mean ± sd, or"), (("--log",), "mean times or divided by the geometric sd, or")):
            said = " ".join("".join(t.itertext()) for t in ET.fromstring(self.tprun(*way, *log).stdout).iter(SVG + "text"))
            self.assertIn("bars: " + bars, said)

    def test_crosses_and_shorter_trials_of_last_values(self):
        """A cross is where all seeds diverged, not where the others did not finish; fewer steps are told."""
        cell = "study_id = :study AND variant = 'bp' AND cell = 'train.optimizer.stepsize=1'"
        way = ("cells", "--x", "stepsize")

        def crosses():
            return len([p for p in self.plot(*way).iter(SVG + "path") if p.get("class") == "cross"])
        self.assertNotIn("fewer steps", self.said(*way))
        self.changed(("cells", "UPDATE trial SET state = 'queued', step = 0 WHERE " + cell), ("cells", f"UPDATE trial SET state = 'diverged' WHERE seed > 1 AND {cell}"))
        self.assertEqual(crosses(), 0)
        self.assertNotIn("diverged", self.said(*way))
        self.changed(("cells", "UPDATE trial SET state = 'diverged' WHERE " + cell))
        self.assertEqual(crosses(), 2)  # and the legend's
        self.changed(("cells", f"UPDATE trial SET step = 900, budget = 900, finished_budget = 900 WHERE seed > 1 AND {cell}"),
                     ("cells", f"UPDATE summary SET end_step = 900, last_step = 900 WHERE trial_id IN (SELECT id FROM trial WHERE seed > 1 AND {cell})"))
        self.assertIn("; 2 trials have fewer steps than others of their cell", self.said(*way))

    def test_whole_cells_are_ranked_first(self):
        key = "(SELECT id FROM metric_key WHERE name = 'test_accuracy')"
        best = (f"(SELECT u.trial_id FROM summary u JOIN trial t ON t.id = u.trial_id WHERE u.key_id = {key} AND t.study_id = :study AND t.state = 'done' "
                "ORDER BY u.last DESC LIMIT {})")
        found = [r[0] for r in self.sql("SELECT s.last FROM summaries s JOIN trials t ON t.trial_id = s.trial_id WHERE s.study = 'random_search' AND "
                                        "s.metric = 'test_accuracy' AND t.state = 'done' ORDER BY s.last DESC LIMIT 5")]

        def column(svg):
            texts = self.texts(svg)
            at = texts.index("test_accuracy") + 1
            return texts[at:at + 5]

        def marks(svg):
            return len([p for p in svg.iter(SVG + "polyline") if p.get("stroke-width") == "13"])
        lose = (("random_search", f"UPDATE trial SET state = 'failed' WHERE study_id = :study AND id NOT IN {best.format(5)}"),
                ("random_search", f"UPDATE trial SET seed = 2, cell = (SELECT cell FROM trial WHERE id IN {best.format(1)}) WHERE id = "
                 "(SELECT max(id) FROM trial WHERE study_id = :study AND state = 'failed')"))
        self.changed(*lose)
        svg = self.plot("random_search")
        self.assertEqual(column(svg), [f"{v:.4g}" for v in found[1:]] + [f"({found[0]:.4g})"])
        self.assertEqual(marks(svg), 4)
        self.changed(*lose, ("random_search", f"UPDATE trial SET state = 'failed' WHERE study_id = :study AND id NOT IN {best.format(1)}"))
        svg = self.plot("random_search")
        self.assertEqual(column(svg)[0], f"({found[0]:.4g})")
        self.assertEqual(marks(svg), 0)  # the survivors of a cell are best of nothing
        self.changed(("random_search", "UPDATE metric_key SET goal = NULL"))
        svg = self.plot("random_search")
        self.assertIn("ranked, the largest first", " ".join(self.texts(svg)))
        self.assertEqual(marks(svg), 0)

    def test_defaults(self):
        svg = self.plot("random_search")
        best = self.sql("SELECT max(last) FROM summaries s JOIN trials t ON t.trial_id = s.trial_id WHERE s.study = 'random_search' AND "
                        "s.metric = 'test_accuracy' AND t.state = 'done'")[0][0]
        texts = self.texts(svg)
        self.assertIn(f"{best:.4g}", texts)  # of the first row
        self.assertTrue(any("ranked on the test set" in t for t in texts), texts)
        for key in ("stepsize", "momentum", "units", "activation"):
            self.assertEqual(texts.count(key), 2, texts)  # in the table and under a panel
        self.assertTrue({"10⁻³", "10⁻¹"} <= set(texts), texts)  # the stepsize was drawn by its logarithm
        names = self.texts(self.plot("three_keys"))
        self.assertTrue({"target_stepsize=0.01", "target_stepsize=0.1", "target_stepsize=1"} <= set(names), names)
        self.assertTrue(any(t.startswith("best: target_stepsize=") for t in names), names)
        self.assertEqual(len(list(self.plot("forty_lines").iter(SVG + "polyline"))), 40)
        self.assertTrue(any(re.fullmatch(r"tp: best in \d+ of 16 cells", t) for t in self.texts(self.plot("who_wins"))))

    def test_keys_that_end_alike(self):
        """A figure calls a key by as many of its last parts as tell it from the study's others."""
        file = os.path.join(self.folder, "alike.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write("""version: 1
experiment: alike
dataset: {name: gaussian, features: 9, classes: 4, train_size: 40, test_size: 20}
network: {layers: [{dense: {units: 8, activation: tanh}}, {dense: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {noise: 0.1}, feedback: {optimizer: {name: sgd, stepsize: 0.1}}}
train: {optimizer: {name: sgd, stepsize: 0.1, momentum: 0.9}, batch_size: 10, iterations: 4}
sweep: {grid: {train.optimizer.stepsize: [0.1, 0.2], algorithm.feedback.optimizer.stepsize: [0.1, 0.2], train.optimizer.momentum: [0, 0.5]}}
""")
        self.db = os.path.join(self.folder, "alike.db")
        self.tprun("run", file)
        shown = " ".join(self.texts(self.plot("alike")))
        self.assertIn("feedback.optimizer.stepsize", shown)
        self.assertIn("train.optimizer.stepsize", shown)
        self.assertIn("momentum", shown)
        self.assertNotIn("optimizer.momentum", shown)

    def test_what_was_seen(self):
        texts = self.texts(self.plot("diverging"))
        self.assertIn("diverged before a finite value", texts)
        self.assertIn("failed", texts)
        self.assertNotIn("no values yet", texts)
        texts = self.texts(self.plot("same_lines"))
        self.assertIn("3 seeds; equal to bp", texts)
        svg = self.plot("same_lines", "--metric", "train_loss")
        dashes = [line.get("stroke-dasharray") for line in svg.iter(SVG + "polyline")]
        self.assertEqual(dashes, [None, "6 8", None])
        texts = self.texts(self.plot("all_zero"))
        self.assertIn("0.0", texts)
        self.assertNotIn("-1.0", texts)
        self.assertIn("norm of the weights", texts)  # `labels` of the file
        self.assertIn("target propagation", texts)
        texts = self.texts(self.plot("two_keys", "--heatmap", "--metric", "train_loss"))
        self.assertIn("train_loss", texts)
        self.assertTrue(any(t.startswith("best: regularization 1, stepsize 0.125 (0.1") for t in texts), texts)
        self.assertNotIn("not shown", " ".join(texts))
        texts = " ".join(self.texts(self.plot("who_wins", "--heatmap", "--x", "target_stepsize", "--y", "units", "--metric", "train_loss")))
        self.assertIn("; not shown, without these keys: bp", texts)

    def said(self, *args):
        """All that a figure says, its lines joined."""
        return " ".join(self.texts(self.plot(*args)))

    def test_areas_that_end_elsewhere_do_not_compare(self):
        """A trial that ended early has a small area, and is best of nothing."""
        short = "trial_id = (SELECT min(id) FROM trial WHERE study_id = :study)"
        self.assertIn("the smaller the area under the train loss", self.said("two_keys"))
        self.changed(("two_keys", f"UPDATE summary SET end_step = 500, last_step = 500, auc = auc / 100 WHERE {short}"),
                     ("two_keys", f"UPDATE trial SET step = 500 WHERE {short.replace('trial_id', 'id')}"))
        self.assertIn("study 'two_keys': its trials ended at different steps, from 500 to 1000, and areas under train_loss do not compare them: --metric NAME",
                      self.tprun("plot", "two_keys", "--heatmap", status=2).stderr)
        for args in ((), ("--heatmap", "--metric", "test_accuracy")):
            said = self.said("two_keys", *args)
            self.assertIn("last value, mean over seeds; the better, the brighter", said)
            self.assertEqual("; best on the test set" in said, not args)  # what nobody asked for is told
            self.assertIn("best: regularization 1, stepsize 0.125", said)
        self.changed(("two_keys", "UPDATE summary SET end_step = 500 WHERE key_id = (SELECT id FROM metric_key WHERE name = 'train_loss') AND "
                      "trial_id = (SELECT min(id) FROM trial WHERE study_id = :study)"))
        titles = [t.text for t in self.plot("two_keys").iter(SVG + "title")]  # what left the log before the end has no area
        self.assertEqual(len([t for t in titles if t.endswith(" of 2 of 3 seeds")]), 1, titles)

    def test_a_heatmap_of_last_values_is_of_validation(self):
        """As a ranking is, where there is no area."""
        self.changed(("two_keys", "INSERT INTO metric_key (name, goal, unit, followed, split) VALUES ('valid_accuracy', 'max', '%', 1, 'valid')"),
                     ("two_keys", "UPDATE summary SET key_id = (SELECT id FROM metric_key WHERE name = 'valid_accuracy') WHERE key_id = "
                      "(SELECT id FROM metric_key WHERE name = 'train_loss') AND trial_id IN (SELECT id FROM trial WHERE study_id = :study)"))
        said = self.said("two_keys")
        self.assertIn("valid_accuracy (%)", said)
        self.assertNotIn("test set", said)

    def test_marks_of_a_heatmap(self):
        """What diverged did so with all seeds; fewer steps are told; where neither end of a metric is better nothing is best."""
        cell = "study_id = :study AND cell = (SELECT max(cell) FROM trial WHERE study_id = :study AND state = '{}')"
        self.changed(("two_keys", "UPDATE trial SET state = 'failed' WHERE seed > 0 AND " + cell.format("queued")),
                     ("two_keys", "UPDATE trial SET state = 'diverged' WHERE seed = 0 AND " + cell.format("failed")),
                     ("two_keys", "UPDATE trial SET finished_budget = 900, step = 900, budget = 900 WHERE seed = 1 AND cell = "
                      "'train.optimizer.stepsize=0.125, algorithm.mapping.regularization=1' AND study_id = :study"),
                     ("two_keys", "UPDATE summary SET end_step = 900, last_step = 900 WHERE trial_id = (SELECT id FROM trial WHERE study_id = :study "
                      "AND step = 900)"))
        svg = self.plot("two_keys", "--heatmap", "--metric", "test_accuracy")
        said, titles = " ".join(self.texts(svg)), [t.text for t in svg.iter(SVG + "title")]
        whole = self.sql("SELECT count(*) FROM heatmap WHERE study = 'two_keys' AND n_diverged = n_asked")[0][0]
        self.assertGreater(whole, 0)
        self.assertEqual([t.split(": ", 1)[1] for t in titles if "diverged" in t and "test_accuracy" not in t], ["no value, 1 diverged"] + whole * ["diverged"])
        self.assertIn(f" diverged ({whole} of 42 cells)", said)
        self.assertIn("some seeds diverged, no value (1 of 42 cells)", said)
        self.assertIn("; 1 trial has fewer steps than others of its cell", said)
        self.assertEqual(len([t for t in titles if t.endswith(", 1 of fewer steps")]), 1, titles)
        self.assertIn("best: ", said)
        self.changed(("two_keys", "UPDATE metric_key SET goal = NULL WHERE name = 'test_accuracy'"))
        said = self.said("two_keys", "--heatmap", "--metric", "test_accuracy")
        self.assertIn("last value, mean over seeds; the larger, the brighter", said)
        self.assertNotIn("best", said)

    def test_what_a_map_of_winners_cannot_compare(self):
        """Areas that end elsewhere, and a variant that has no value although it did not diverge; only what diverged is told so."""
        trials = "SELECT id FROM trial WHERE study_id = :study AND variant = '{}' AND cell LIKE '%length={}, %units=16, %stepsize={}'"
        short, two, gone = trials.format("bp", 10, "0.01"), trials.format("tp", 20, "%"), trials.format("bp", 40, "%")
        accuracy = "key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')"

        def titles(*args):
            found = [re.match(r"dataset.length (\d+), network.layers.0.rnn.units 16: (.*)", t.text) for t in self.plot("who_wins", *args).iter(SVG + "title")]
            return {int(t.group(1)): t.group(2) for t in found if t}
        self.changed(("who_wins", f"UPDATE summary SET end_step = 500, last_step = 500 WHERE trial_id IN ({short})"),
                     ("who_wins", f"UPDATE trial SET step = 500 WHERE id IN ({short})"),
                     ("who_wins", f"DELETE FROM summary WHERE {accuracy} AND trial_id IN ({two})"),
                     ("who_wins", f"UPDATE trial SET state = 'diverged' WHERE id IN ({gone})"))
        told = titles()
        self.assertRegex(told[10], r"^cannot be compared, the areas end at steps 500 to 1000; tp: test_accuracy area .* up to step 1000 \(.*; bp: .* up to steps 500 to 1000 ")
        self.assertRegex(told[20], r"^cannot be compared, a variant has no value; tp: no value; bp: test_accuracy area [\d.e+]+ \(")
        self.assertRegex(told[40], "^tp wins, the others diverged; .*; bp: diverged$")
        self.assertRegex(told[80], r"^(tp|bp) wins by \d")
        self.assertIn("cannot be compared (2 cells)", self.said("who_wins"))
        self.changed(("who_wins", f"DELETE FROM summary WHERE {accuracy} AND trial_id IN ({trials.format('tp', 20, '0.01')})"),
                     ("who_wins", f"UPDATE trial SET state = 'failed' WHERE id IN ({short})"))
        told = titles()  # one of two settings has a value, and is chosen; what failed is open
        self.assertRegex(told[20], r"^(tp|bp) wins by \d.*; tp: test_accuracy area .*stepsize=0.1\)")
        self.assertRegex(told[10], "^no result yet; .*; bp: not finished$")
        self.changed(("who_wins", "UPDATE summary SET end_step = 500, last_step = 500 WHERE trial_id IN (SELECT id FROM trial WHERE study_id = :study AND variant = 'bp')"),
                     ("who_wins", "UPDATE trial SET step = 500 WHERE study_id = :study AND variant = 'bp'"))
        self.assertEqual(len(titles("--winners")), 4)
        self.assertNotIn("best in", self.said("who_wins"))  # by itself it draws something else
        self.changed(("who_wins", "UPDATE metric_key SET goal = NULL WHERE name = 'test_accuracy'"))
        self.assertIn("study 'who_wins': nothing says which end of 'test_accuracy' is better", self.tprun("plot", "who_wins", "--winners", status=2).stderr)

    def test_bars_leave_out_what_was_logged_later(self):
        """The mean over the last steps of a trial is not one over all of them."""
        late = "trial_id IN (SELECT id FROM trial WHERE study_id = :study AND seed < 2 AND variant = '{}')"
        self.changed(("two_lines", f"DELETE FROM metric WHERE step < 500 AND {late.format('back_propagation')} AND key_id = "
                      "(SELECT id FROM metric_key WHERE name = 'test_accuracy')"),
                     ("two_lines", f"UPDATE summary SET n = 11 WHERE {late.format('back_propagation')} AND key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy')"),
                     ("all_zero", f"DELETE FROM layer_metric WHERE step < 200 AND layer = 2 AND {late.format('tp')}"))
        values = [statistics.mean(v for v, in self.sql("SELECT value FROM metrics WHERE study = 'two_lines' AND variant = 'back_propagation' AND "
                                                       "metric = 'test_accuracy' AND seed = ? AND step > 0", seed)) for seed in (2, 3, 4)]
        texts = self.texts(self.plot("two_lines", "--bars", "--metric", "test_accuracy"))
        self.assertIn(f"{statistics.mean(values):.3g} ± {statistics.stdev(values):.2g}, n = 3 of 5 seeds, 2 logged it in part", texts)
        self.assertEqual(len([t for t in texts if t.endswith(", n = 5")]), 1, texts)
        texts = self.texts(self.plot("all_zero", "--bars", "--metric", "angle_bp"))
        self.assertEqual([t for t in texts if "in part" in t], ["54.5, n = 1 of 3 seeds, 2 logged it in part"], texts)

    def test_the_chosen_cell_is_none_of_the_best_of_a_sweep(self):
        """It is one of them with fresh seeds."""
        def best():
            return re.findall(r"^\| test_accuracy \(%\) \| (.*?) \|", self.tprun("report", "random_search").stdout, re.M)
        before = best()
        self.assertEqual(len(before), 3)
        self.changed(("random_search", "UPDATE trial SET cell = 'tuned', tuning = 'tuned' WHERE id = (SELECT u.trial_id FROM summary u JOIN trial t ON t.id = u.trial_id "
                      "WHERE t.study_id = :study AND t.state = 'done' AND u.key_id = (SELECT id FROM metric_key WHERE name = 'test_accuracy') ORDER BY u.last DESC LIMIT 1)"))
        after = best()
        self.assertEqual((len(after), after[:2]), (3, before[1:]))

    def test_figures_and_labels_of_the_file(self):
        """The options of a file's figure are those of the command line; its labels stand in place of names."""
        whole = self.plot("asked")
        ways = (("--x", "stepsize", "--band", "minmax"), ("--metric", "train_loss", "--x", "seconds", "--smooth", "0.5", "--log", "--log-x"),
                ("--metric", "train_loss", "--cell", "stepsize=0.1"))
        parts = [self.plot("cells", *way) for way in ways]
        self.assertEqual(len(list(whole.iter(SVG + "polyline"))), sum(len(list(p.iter(SVG + "polyline"))) for p in parts))
        names = " ".join(self.texts(whole)).replace("DTP", "dtp").replace("stepsize η", "stepsize")
        self.assertEqual(names.split(), [word for part in parts for word in " ".join(self.texts(part)).split()])  # wherever lines break
        self.assertIn("DTP", self.texts(whole))
        self.assertIn("DTP stepsize η=0.01", self.texts(whole))
        self.check_page("asked", "--size", "85")

    def test_marks_lie_within_the_frame(self):
        for name in NAMES:
            svg = self.plot(name)
            frames = [[float(r.get(k)) for k in ("x", "y", "width", "height")] for r in svg.iter(SVG + "rect") if r.get("stroke") and r.get("fill") == "none"]
            for cross in (p for p in svg.iter(SVG + "path") if p.get("class") == "cross"):
                x0, y0, x1, y1 = map(float, re.match(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", cross.get("d")).groups())
                for x, y, width, height in frames:
                    if x < (x0 + x1) / 2 < x + width and y < (y0 + y1) / 2 < y + height:
                        self.assertTrue(x <= x0 and x1 <= x + width and y <= y0 and y1 <= y + height, (name, x0, y0))


if __name__ == "__main__":
    unittest.main()
