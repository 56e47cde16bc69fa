#!/usr/bin/env python3
"""The page in a browser: every view, what it says against SQL, that it follows the database, comes back, and can be used by keyboard and read.
TPRUN_BUILD names the build folder. Skipped, with a reason, where there is no browser."""
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

import browser
from serving import ENVIRONMENT, HANG, HOSTILE, TPRUN, Serving, studies

VIEWS = ("progress", "trials", "curves", "heatmap", "layers", "claims", "costs")
NEW_TRIAL = ("INSERT INTO trial (key, study_id, variant, cell, seed, config_id, budget, state, generation, created_ms, updated_ms) "
             "SELECT hex(randomblob(16)), t.study_id, variant, cell, ?, config_id, budget, 'queued', t.generation, 0, 0 FROM trial t "
             "JOIN study s ON s.id = t.study_id WHERE s.name = ? LIMIT 1")


class Proxy:
    """Between browser and server, so that the connection can be lost; it calls the server by its own name."""

    def __init__(self, port):
        self.there = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock, self.open, self.up = threading.Lock(), [], True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here = self.listener.accept()[0]
            except OSError:
                return
            with self.lock:
                if not self.up:
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self.there))
                self.open += [here, there]
            threading.Thread(target=self.copy, args=(here, there, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(there, here, False), daemon=True).start()

    def copy(self, source, sink, forth):
        try:
            while data := source.recv(65536):
                sink.sendall(data.replace(f"127.0.0.1:{self.port}".encode(), f"127.0.0.1:{self.there}".encode()) if forth else data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            self.up = False
            for s in self.open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
            self.open = []

    def mend(self):
        with self.lock:
            self.up = True

    def close(self):
        self.cut()
        self.listener.close()


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tprun-page-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "results.db")
        self.browser.size(1200, 900)
        self.browser.scheme(False)
        self.browser.open("about:blank")
        self.browser.log()

    def serve(self):
        """Of the named studies, with costs and claims that were measured."""
        studies.make(self.db)
        self.write("INSERT INTO host (description) VALUES ('a machine')", "INSERT INTO code (version) VALUES ('a program')",
                   "INSERT INTO run (trial_id, host_id, code_id, pid, from_step, started_ms, heartbeat_ms, ended_ms, state) "
                   "SELECT id, 1, 1, 1, 0, 1000, 1000 + 7 * step + id, CASE WHEN state <> 'running' THEN 1000 + 7 * step + id END, "
                   "CASE WHEN state IN ('done', 'diverged', 'failed', 'running') THEN state ELSE 'interrupted' END FROM trial",
                   "INSERT INTO cost SELECT id, 'train', 1000000 * (3 + id), 900000 * (3 + id), 1e6 FROM run",
                   "INSERT INTO cost SELECT id, 'evaluate', 100000 * (3 + id), 90000 * (3 + id), 1e4 FROM run",
                   "UPDATE claim SET margin = 0, low = 0, high = NULL WHERE position = 0",
                   "UPDATE claim SET measured = 0.123456789 + position, n = 5, sd = 0.25, interval_low = position, interval_high = 1 + position, verdict = 'refuted'",
                   "INSERT INTO tag SELECT id, 0, 'a-tag' FROM study", "INSERT INTO note SELECT id, 0, 'what <b>somebody</b> said', 0 FROM study")
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        self.url = serving.url
        return serving

    def write(self, *statements):
        connection = sqlite3.connect(self.db)
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            for statement in statements:
                connection.execute(*([statement] if isinstance(statement, str) else statement))
        connection.close()

    def sql(self, text, *arguments):
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        try:
            return connection.execute(text, arguments).fetchall()
        finally:
            connection.close()

    def show(self, place):
        self.browser.open("about:blank")
        self.browser.open(self.url + place)
        self.browser.wait("page.rendered > 0 && !page.pending && (page.version > 0 || !source.live) && !document.getElementById('trouble')")

    def table(self, name):
        """[{key of column: text of data-value, or None}] as the page has it."""
        return self.browser.run("return [...document.querySelector(`table[aria-label=\"${arguments[0]}\"]`).tBodies[0].rows].map((row) => Object.fromEntries("
                                "[...row.cells].map((c) => [c.dataset.key, c.dataset.value ?? null])))", name)

    def silent(self):
        self.assertEqual(self.browser.log(), [])

    def same(self, shown, wanted):
        """Numbers are equal, not their digits."""
        if isinstance(wanted, (int, float)) and shown is not None:
            self.assertEqual(float(shown), wanted)
        else:
            self.assertEqual(shown, wanted)

    def test_studies(self):
        self.serve()
        self.show("")
        rows = {r["study"]: r for r in self.table("studies")}
        wanted = self.sql("SELECT s.name, s.title, count(t.id), sum(t.state = 'done'), sum(t.state = 'diverged'), sum(t.state = 'failed'), sum(t.state = 'running'), "
                          "(SELECT count(*) FROM claim c WHERE c.study_id = s.id) FROM study s JOIN trial t ON t.study_id = s.id GROUP BY s.id")
        self.assertEqual(len(rows), len(wanted))
        for name, *values in wanted:
            for key, value in zip(("title", "trials", "done", "diverged", "failed", "running", "claims"), values):
                self.same(rows[name][key], value)
        self.silent()

    def test_every_view_of_every_study(self):
        self.serve()
        for (study,) in self.sql("SELECT name FROM study ORDER BY name"):
            for view in VIEWS:
                self.show(f"#/{study}/{view}")
                self.assertTrue(self.browser.run("return document.querySelector('main h1').textContent"))
                self.assertEqual(self.browser.run("return document.querySelector('#views [aria-current]').textContent").lower(), view)
        self.silent()

    def test_progress(self):
        self.serve()
        self.show("#/diverging/progress")
        trials, ended = self.sql("SELECT count(*), sum(outcome <> 'unfinished') FROM outcomes WHERE study = 'diverging'")[0]
        self.assertEqual(self.browser.run("return document.querySelector('[data-key=ended]').textContent"), f"{ended} of {trials}")
        speed, left, running = self.sql(
            "WITH t AS (SELECT t.id, t.step, t.budget, t.state, o.outcome FROM outcomes o JOIN trial t ON t.id = o.trial_id WHERE o.study = 'diverging') "
            "SELECT sum(t.step) / sum((coalesce(r.ended_ms, r.heartbeat_ms) - r.started_ms) / 1000.0), sum(CASE outcome WHEN 'unfinished' THEN budget - step ELSE 0 END), "
            "sum(t.state = 'running') FROM t JOIN run r ON r.trial_id = t.id")[0]
        seconds = left / (speed * running)
        self.assertLess(seconds, 0.0995)
        self.assertEqual(self.browser.run("return document.querySelector('[data-key=eta]').textContent"), f"about {float(f'{1e3 * seconds:.2g}'):g} ms")
        self.assertEqual(len(self.table("trials that run now")), running)
        self.assertIn("what <b>somebody</b> said", self.browser.run("return document.querySelector('main').textContent"))
        variants = {r["variant"]: r for r in self.table("variants")}
        for variant, n in self.sql("SELECT variant, sum(outcome = 'done') FROM outcomes WHERE study = 'diverging' GROUP BY variant"):
            self.same(variants[variant]["done"], n)
        self.silent()

    def test_trials(self):
        self.serve()
        self.show("#/forty_lines/trials")
        rows = self.table("trials")
        wanted = {key: values for key, *values in self.sql(
            "SELECT substr(t.key, 1, 8), t.variant, t.seed, t.state, t.step, (SELECT num FROM param p WHERE p.trial_id = t.id), "
            "(SELECT last FROM summaries u WHERE u.trial_id = t.id AND u.metric = 'test_accuracy') FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = 'forty_lines'")}
        self.assertEqual(len(rows), len(wanted))
        for row in rows:
            for column, value in zip(("variant", "seed", "state", "step", "param train.optimizer.stepsize", "last test_accuracy"), wanted[row["key"]]):
                self.same(row[column], value)
        self.browser.run("document.querySelector('input[type=search]').focus()")
        self.browser.keys(*"dtp seed=2 stepsize<0.01")
        n = self.sql("SELECT count(*) FROM trial t JOIN param p ON p.trial_id = t.id JOIN study s ON s.id = t.study_id WHERE s.name = 'forty_lines' AND variant = 'dtp' "
                     "AND seed = 2 AND p.num < 0.01")[0][0]
        self.assertGreater(n, 0)
        self.assertEqual(len(self.table("trials")), n)
        for down in (False, True):  # the heading, by keyboard
            self.browser.run("[...document.querySelectorAll('th button')].find((b) => b.textContent.startsWith('test_accuracy')).focus()")
            self.browser.keys("enter")
            values = [float(r["last test_accuracy"]) for r in self.table("trials")]
            self.assertEqual(values, sorted(values, reverse=down))
            self.assertIn("test_accuracy", self.browser.run("return document.activeElement.textContent"))
        self.silent()

    def test_one_trial(self):
        self.serve()
        self.show("#/two_lines/trials")
        self.browser.run("document.querySelector('tbody button').focus()")
        self.browser.keys("enter")
        self.browser.wait("document.querySelector('dialog[open] table')")
        key = self.table("trials")[0]["key"]
        self.assertTrue(self.table("trial")[0]["key"].startswith(key))
        self.browser.keys("escape")
        self.browser.wait("!document.querySelector('dialog[open]')")
        self.silent()

    def test_values_of_curves(self):
        self.serve()
        self.show("#/two_lines/curves?metric=train_loss")
        wanted = {(v, s): m for v, s, m in self.sql("SELECT variant, step, mean FROM curves WHERE study = 'two_lines' AND metric = 'train_loss'")}
        self.browser.run("document.querySelector('.host').focus()")
        self.browser.keys("right", "right")
        step = sorted({s for _, s in wanted})[1]
        text = self.browser.run("return document.querySelector('.tip').innerText")
        self.assertIn(f"iteration {step}, train_loss", text)
        for variant in ("back_propagation", "target_propagation"):
            self.assertIn(f"{variant} {float(f'{wanted[variant, step]:.6g}')}", text)
        at = self.browser.run("const b = document.querySelector('.tip').getBoundingClientRect(), c = document.querySelector('.host circle').getBoundingClientRect();"
                              "return [c.x + c.width / 2, c.y + c.height / 2, b.width]")
        self.browser.keys("escape")
        self.assertTrue(self.browser.run("return document.querySelector('.tip').hidden"))
        self.browser.point(at[0], at[1] + 3)  # the same by the pointer
        self.assertEqual(self.browser.run("return document.querySelector('.tip').innerText"), text)
        whole = self.browser.run("return document.querySelector('.host svg').getAttribute('viewBox')")
        self.browser.keys("+", "+")
        self.assertNotEqual(self.browser.run("return document.querySelector('.host svg').getAttribute('viewBox')"), whole)
        self.browser.keys("0")
        self.assertEqual(self.browser.run("return document.querySelector('.host svg').getAttribute('viewBox')"), whole)
        self.silent()

    def test_values_of_a_heatmap(self):
        self.serve()
        self.show("#/two_keys/heatmap?metric=train_loss")
        self.browser.run("document.querySelector('.host').focus()")
        self.browser.keys("right")
        self.assertRegex(self.browser.run("return document.querySelector('.tip').innerText"), r"^algorithm.mapping.regularization [\d.e+-]+, train.optimizer.stepsize [\d.e+-]+: train_loss = ")
        self.silent()

    def test_claims_and_costs(self):
        self.serve()
        self.show("#/two_lines/claims")
        rows = {r["id"]: r for r in self.table("claims")}
        wanted = self.sql("SELECT id, verdict, reported, measured, n, sd, interval_low, text, expected FROM claims WHERE study = 'two_lines'")
        self.assertEqual(len(rows), len(wanted))
        for name, *values in wanted:
            for key, value in zip(("verdict", "reported", "measured", "n", "sd", "interval_low", "text", "expected"), values):
                self.same(rows[name][key], value)
        self.show("#/two_lines/costs")
        wanted = self.sql("SELECT variant, phase, sum(wall_s), sum(cpu_s), sum(flops) FROM costs WHERE study = 'two_lines' GROUP BY variant, phase ORDER BY variant, phase")
        rows = self.table("costs by phase")
        self.assertEqual([(r["variant"], r["phase"]) for r in rows], [w[:2] for w in wanted])
        for row, (_, _, *values) in zip(rows, wanted):
            for key, value in zip(("wall_s", "cpu_s", "flops"), values):
                self.assertAlmostEqual(float(row[key]), value, delta=1e-12 * value)
        self.silent()

    def test_what_is_committed_appears(self):
        self.serve()
        self.show("")
        n = self.sql("SELECT count(*) FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = 'all_zero'")[0][0]
        for i in range(3):
            self.write((NEW_TRIAL, (1000 + i, "all_zero")))
            self.browser.wait("document.querySelector('tr[data-row=all_zero] td[data-key=trials]').dataset.value === arguments[0]", str(n + i + 1))
        self.show("#/two_lines/curves?metric=train_loss")
        trials = [t for (t,) in self.sql("SELECT t.id FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = 'two_lines' AND variant = 'back_propagation'")]
        key = self.sql("SELECT id FROM metric_key WHERE name = 'train_loss'")[0][0]
        self.browser.run("document.querySelector('.host').focus()")
        for i, step in enumerate((1050, 1100, 1150)):
            self.write(*[("INSERT INTO metric VALUES (?, ?, ?, ?, NULL)", (t, key, step, 0.5 + i)) for t in trials],
                       *[("UPDATE summary SET n = n + 1, last = ?, last_step = ?, end_step = ? WHERE trial_id = ? AND key_id = ?", (0.5 + i, step, step, t, key)) for t in trials],
                       *[("INSERT INTO progress VALUES (?, ?, 1, 1, 1, 1)", (t, step)) for t in trials])
            self.browser.wait("(document.querySelector('.host').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown'})), "
                              "document.querySelector('.host').dispatchEvent(new KeyboardEvent('keydown', {key: 'End'})), "
                              "document.querySelector('.tip').innerText.includes(`iteration ${arguments[0]}, train_loss\\nback_propagation ${arguments[1]}, 5 seeds`))", step, 0.5 + i)
        self.silent()

    def test_focus_and_filter_stay(self):
        self.serve()
        self.show("#/cells/trials")
        self.browser.run("document.querySelector('input[type=search]').focus()")
        self.browser.keys(*"bp seed=1")
        before = self.browser.run("return document.documentElement.dataset.version")
        n = len(self.table("trials"))
        self.write((NEW_TRIAL, (1, "cells")))
        self.browser.wait("document.documentElement.dataset.version !== arguments[0]", before)
        self.assertEqual(self.browser.run("return [document.activeElement.type, document.activeElement.value]"), ["search", "bp seed=1"])
        self.assertIn(len(self.table("trials")), (n, n + 1))

    def test_a_lost_connection_comes_back(self):
        serving = self.serve()
        proxy = Proxy(serving.port)
        self.addCleanup(proxy.close)
        self.url = f"http://127.0.0.1:{proxy.port}/{serving.token}/"
        self.show("")
        n = int(self.browser.run("return document.querySelector('tr[data-row=cells] td[data-key=trials]').dataset.value"))
        for i in range(2):
            self.browser.wait("document.getElementById('state').dataset.state === 'live'")
            proxy.cut()
            self.browser.wait("document.getElementById('state').dataset.state === 'lost'")
            self.write((NEW_TRIAL, (2000 + i, "cells")))
            proxy.mend()
            self.browser.wait("document.querySelector('tr[data-row=cells] td[data-key=trials]').dataset.value === arguments[0]", str(n + i + 1))
        self.browser.wait("document.getElementById('state').dataset.state === 'live' && !document.getElementById('trouble')")

    def test_trouble_is_told(self):
        self.serve()
        self.browser.open(self.url + "#/no_such_study/trials")
        self.browser.wait("document.getElementById('trouble') && document.getElementById('trouble').textContent.includes(\"no study 'no_such_study'\")")

    def hostile(self):
        made = studies.Studies(self.db)
        for i, name in enumerate(HOSTILE):
            study = made.study(name, title=name, paper=name, locator=name, path=name)
            made.trial(study, name, i, made.learning(2), {"train.optimizer.stepsize": name})
            made.claim(study, name, name, 0, 1)
            made.db.execute("INSERT INTO note VALUES (?, 0, ?, 0)", (study, name))
        made.db.commit()
        made.db.close()

    def test_hostile_texts(self):
        self.hostile()
        serving = Serving(self.db)
        self.addCleanup(serving.stop)
        self.url = serving.url
        self.show("")
        self.assertEqual(sorted(r["study"] for r in self.table("studies")), sorted(HOSTILE))
        for name in HOSTILE:
            for view in VIEWS:
                self.show(f"#/{urllib.parse.quote(name, safe='')}/{view}")
                self.assertEqual(self.browser.run("return [window.hurt ?? null, document.querySelectorAll('main img, main script, main b img').length]"), [None, 0], name)
                self.assertNotRegex(self.browser.run("return document.body.innerText"), "[\u2028\u2029\u202e]")
        self.silent()

    def report(self, *args):
        """Opened from disk."""
        path = os.path.join(self.folder, "r.html")
        subprocess.run([TPRUN, "report", *args, "--html", "-o", path, "--db", self.db], check=True, env=ENVIRONMENT, timeout=HANG)
        self.url = "file://" + path
        return path

    def test_report_in_one_file(self):
        self.serve()
        self.report("--title", "All <b>studies</b>")
        for (study,) in self.sql("SELECT name FROM study ORDER BY name"):
            for view in VIEWS:
                self.show(f"#/{study}/{view}")
                self.assertEqual(self.browser.run("return document.querySelector('#views [aria-current]').textContent").lower(), view)
                self.try_choices()
        self.show("")
        self.assertEqual(self.browser.run("return document.querySelector('.home').textContent"), "All <b>studies</b>")
        self.assertTrue(self.browser.run("return document.title").endswith("All <b>studies</b>"))
        self.assertEqual(self.browser.run("return performance.getEntriesByType('resource').length"), 0)
        self.silent()

    def try_choices(self):
        """Every choice of every control has its answer in the file."""
        for i in range(self.browser.run("return document.querySelectorAll('.controls select').length")):
            for option in self.browser.run("return [...document.querySelectorAll('.controls select')[arguments[0]].options].map((o) => o.value)", i):
                before = self.browser.run("return page.rendered")
                self.browser.run("const s = document.querySelectorAll('.controls select')[arguments[0]]; s.value = arguments[1]; s.dispatchEvent(new Event('change'))", i, option)
                self.browser.wait("page.rendered > arguments[0] && !page.pending", before)
                self.assertIsNone(self.browser.run("return document.getElementById('trouble')?.textContent ?? null"), option)

    def test_report_of_one_study(self):
        serving = self.serve()
        with open(self.report("two_lines"), encoding="utf-8") as f:
            first = f.read()
        self.assertNotIn("forty_lines", first)
        with open(self.report("two_lines"), encoding="utf-8") as f:
            self.assertEqual(f.read(), first)
        self.show("")
        rows = {r["variant"]: r for r in self.table("variants")}
        self.assertEqual(sorted(rows), ["back_propagation", "target_propagation"])
        self.show("#/two_lines/curves?metric=train_loss")
        self.browser.run("document.querySelector('.host').focus()")
        self.browser.keys("end")
        text = self.browser.run("return document.querySelector('.tip').innerText")
        mean = self.sql("SELECT mean FROM curves WHERE study = 'two_lines' AND metric = 'train_loss' AND variant = 'back_propagation' ORDER BY step DESC")[0][0]
        self.assertIn(f"back_propagation {float(f'{mean:.6g}')}", text)
        data = json.loads(re.search(r'id="data">(.*?)</script>', first, re.S).group(1))
        self.assertEqual(data["claims?study=two_lines"], serving.view("claims?study=two_lines"))
        self.assertEqual(data["figure?study=two_lines&kind=curves&metric=train_loss"], serving.view("figure?study=two_lines&kind=curves&metric=train_loss"))
        self.silent()

    def test_report_of_hostile_texts(self):
        self.hostile()
        with open(self.report(), encoding="utf-8") as f:
            self.assertEqual(len(re.findall(r"<script|<style|<img", f.read())), 3)
        for name in HOSTILE:
            for view in ("progress", "trials", "claims"):
                self.show(f"#/{urllib.parse.quote(name, safe='')}/{view}")
                self.assertEqual(self.browser.run("return [window.hurt ?? null, document.querySelectorAll('main img, main script').length]"), [None, 0], name)
        self.silent()

    def test_what_no_report_is(self):
        self.serve()
        for args, said in ((["no_such_study", "--html"], "no study 'no_such_study'"), (["two_lines", "--html", "--figures", "f"], "--figures and --intro are of reports in Markdown"),
                           ([], "usage: tprun report STUDY")):
            done = subprocess.run([TPRUN, "report", *args, "--db", self.db], capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=HANG)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(said, done.stderr)

    def test_every_control_has_a_name(self):
        self.serve()
        for place in ("", *(f"#/two_keys/{view}" for view in VIEWS), "#/all_zero/layers"):
            self.show(place)
            self.browser.run("for (const d of document.querySelectorAll('details')) d.open = true")
            nodes, seen = self.browser.cdp("Accessibility.getFullAXTree")["nodes"], 0
            for node in nodes:
                role = node.get("role", {}).get("value")
                if not node.get("ignored") and role in ("button", "link", "textbox", "searchbox", "combobox", "checkbox", "progressbar", "table", "group", "figure", "navigation", "region",
                                                        "DisclosureTriangle", "progress", "Progress", "ProgressIndicator", "progressIndicator"):
                    if role == "figure":
                        continue  # its group has the name
                    self.assertTrue(node.get("name", {}).get("value") or role == "group" and not node.get("properties"), f"{place}: {role} without a name")
                    seen += 1
            self.assertGreater(seen, 5, place)

    def test_contrast(self):
        script = """
          const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
          const back = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
          const bad = [];
          let n = 0;
          for (const e of document.body.querySelectorAll('*')) {
            if (e.closest('svg') || !e.offsetParent || e.closest('.skip') || ![...e.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
            const a = luminance(numbers(getComputedStyle(e).color)), b = luminance(back(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            n++;
            if (ratio < 4.5) bad.push([e.tagName, e.className, e.textContent.slice(0, 40), ratio]);
          }
          return [n, bad];"""
        self.serve()
        for dark in (False, True):
            self.browser.scheme(dark)
            for place in ("", *(f"#/two_lines/{view}" for view in VIEWS), "#/diverging/trials", "#/diverging/progress"):
                self.show(place)
                n, bad = self.browser.run(script)
                self.assertGreater(n, 8, place)
                self.assertEqual(bad, [], f"{place}, dark {dark}")

    def test_narrow(self):
        self.serve()
        self.browser.size(400, 800)
        for place in ("", *(f"#/two_keys/{view}" for view in VIEWS), "#/forty_lines/curves", "#/three_keys/heatmap", "#/all_zero/layers"):
            self.show(place)
            self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), 400, place)
        self.silent()

    def test_by_keyboard_alone(self):
        """From the studies into one, to a view, to a choice."""
        self.serve()
        self.show("")
        self.assertTrue(self.tab_to("document.activeElement.textContent === 'two_lines'"))
        self.browser.keys("enter")
        self.browser.wait("location.hash === '#/two_lines/progress' && document.querySelector('#views a')")
        self.assertTrue(self.tab_to("document.activeElement.textContent === 'Curves'"))
        self.browser.keys("enter")
        self.browser.wait("document.querySelector('.host svg') && location.hash === '#/two_lines/curves'")
        self.assertTrue(self.tab_to("document.activeElement.labels?.[0]?.textContent.startsWith('Metric')"))
        self.browser.keys("down")
        self.browser.wait("location.hash === '#/two_lines/curves?metric=test_accuracy'")
        self.assertTrue(self.tab_to("document.activeElement.classList.contains('host')"))
        self.browser.keys("right")
        self.assertFalse(self.browser.run("return document.querySelector('.tip').hidden"))
        self.silent()

    def tab_to(self, condition):
        for _ in range(120):
            if self.browser.run(f"return Boolean({condition})"):
                return True
            self.browser.keys("tab")
        return False


if __name__ == "__main__":
    if browser.missing():
        print("skipped: " + browser.missing())
        sys.exit(77)
    unittest.main(verbosity=2)
