#!/usr/bin/env python3
"""What a database of others may do to its reader: nothing. TPRUN_BUILD names the build folder.

Every text of a database is made hostile, and every command prints it in every format."""
import csv
import io
import json
import os
import pty
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

TPRUN = os.path.join(os.environ.get("TPRUN_BUILD", "."), "tprun")
FORMATS = ["table", "csv", "json", "ndjson", "md"]
SPEC = """\
version: 1
experiment: clean
seeds: 2
dataset: {name: temporal_order, length: 10, eval_size: 100, test_size: 100}
network: {layers: [{rnn: {units: 8, activation: tanh}}, {dense: {units: 4}}]}
loss: cross_entropy
train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 5, iterations: 20}
log: {every: 10, metrics: [train_loss, test_accuracy, update_norm, angle_bp]}
variants:
  bp: {algorithm: bp}
  tp: {algorithm: {name: tp, target_stepsize: 0.1}}
claims:
  - {id: good, text: a claim, measure: SELECT 1, expect: [0, 2]}
  - {id: bad, text: another, measure: "SELECT 'text'", expect: [0, 2]}
"""
STEERING = [(0, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
            (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xFFFE, 0xFFFF), (0xE0000, 0xE0FFF)]
HOSTILE = ("=HYPERLINK(\"x\")\x1b[31m\x1b]0;title\x07\n\r\n\t\x08\x7f\x85\x9b31m\u061c\u200b\u200f\u2028\u202egnol\u2066\u2069\ufeff\ufffe"
           "\U000e0041<script>alert(1)</script>&lt;|`*_[a](b)#~\\|\"',;]]>-->").encode() + b"\xff\xc3\xed\xa0\x80"
# Columns whose text the program itself looks for, or that have a CHECK.
KEPT = {("trial", "key"), ("trial", "state"), ("trial", "config"), ("study", "spec"), ("run", "state"), ("claim", "measure"),
        ("cost", "phase"), ("trial", "inputs"), ("param", "key"), ("metric_key", "goal"), ("metric_key", "split"), ("claim", "kind"), ("_doc", "table"), ("_doc", "column"), ("_doc", "class")}


def steers(character):
    return any(first <= ord(character) <= last for first, last in STEERING)


def cells(line):
    """Cells of a row of a Markdown table: bars without a backslash part them."""
    return len(re.findall(r"\|", re.sub(r"\\.", "", line))) - 1


class Database(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-reading-")
        cls.spec = os.path.join(cls.folder, "clean.yaml")
        cls.original = os.path.join(cls.folder, "original.db")
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        with open(cls.spec, "w", encoding="utf-8") as f:
            f.write(SPEC)
        subprocess.run([TPRUN, "run", cls.spec, "--db", cls.original, "-q"], env=cls.environment, check=True, stdout=subprocess.DEVNULL)
        cls.hostile, cls.study = cls.spoil("hostile.db", True)
        cls.half, _ = cls.spoil("half.db", False)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def spoil(cls, name, study_too):
        """A copy in which every text that may be another begins with HOSTILE. Returns its path and the name of the study."""
        path = os.path.join(cls.folder, name)
        shutil.copy(cls.original, path)
        connection = sqlite3.connect(path)
        spoiled = 0
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if kind != "TEXT" or (table, column) in KEPT or ((table, column) == ("study", "name") and not study_too):
                    continue
                where = " WHERE name NOT IN ('train_loss', 'test_accuracy')" if (table, column) == ("metric_key", "name") else ""
                connection.execute(f'UPDATE "{table}" SET "{column}" = CAST(? || CAST(coalesce("{column}", \'\') AS BLOB) AS TEXT)' + where,
                                   (HOSTILE,))
                spoiled += 1
        connection.execute("INSERT INTO event (trial_id, step, time_ms, kind, text) VALUES (1, 1, 1, CAST(?1 AS TEXT), CAST(?1 AS TEXT))", (HOSTILE,))
        connection.execute("UPDATE trial SET state = 'failed', diverged_tensor = CAST(?1 AS TEXT) WHERE id = 1", (HOSTILE,))
        connection.commit()
        connection.close()
        assert spoiled > 20
        return path, HOSTILE + b"clean" if study_too else b"clean"

    def call(self, *args, status=0, db=None):
        """Standard output; both outputs are clean UTF-8."""
        command = [TPRUN, *args] + (["--db", db] if db else [])
        done = subprocess.run(command, capture_output=True, env=self.environment, timeout=100, check=False)
        if status is not None:
            self.assertEqual(done.returncode, status, (command, done.stdout, done.stderr))
        self.check_clean(done.stderr.decode(), command)
        out = done.stdout.decode()
        self.check_clean(out.replace("\r\n", "\n") if "--format=csv" in args or args[0] == "export" else out, command)
        return out

    def check_clean(self, text, what):
        found = {hex(ord(c)) for c in text if c != "\n" and steers(c)}
        self.assertEqual(found, set(), (what, text[:2000]))

    def check_format(self, out, form, columns=None):
        """Parsed by others: the number of columns is that of the SELECT, where it is known. Returns the number of rows."""
        if form in ("json", "ndjson"):
            rows = json.loads(out) if form == "json" else [json.loads(line) for line in out.splitlines()]
            for row in rows if isinstance(rows, list) and columns else []:
                self.assertEqual(len(row), columns, row)
            self.assertEqual(len(re.findall("<script>", re.sub(r'"(\\.|[^"\\])*"', "", out))), 0)
            return len(rows)
        if form == "csv":
            rows = list(csv.reader(io.StringIO(out, newline=""), strict=True))
            self.assertEqual({len(row) for row in rows}, {columns or len(rows[0])})
            for field in {field for row in rows for field in row if field[:1] in "=+-@\t\r\n" and field}:
                float(field)  # a number, or it is a formula
            return len(rows) - 1
        if form == "md":
            self.check_markdown(out, columns)
        return None

    def check_markdown(self, out, columns=None):
        self.assertNotIn("<script", re.sub(r"\\.|`[^`]*`", "", out))  # without escapes and code spans
        width = None
        for line in out.splitlines():
            width = (width or cells(line)) if line.startswith("|") else None
            if width:
                self.assertEqual(cells(line), width, line)
                self.assertEqual(width, columns or width)


class Names(Database):
    def test_sql_of_every_table_and_view(self):
        connection = sqlite3.connect(self.hostile)
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'study_%' AND name NOT LIKE 'sqlite%'")]
        self.assertGreater(len(names), 25)
        for name in names:
            cursor = connection.execute(f"SELECT * FROM {name} LIMIT 50")
            rows = len(cursor.fetchall())
            for form in FORMATS:
                out = self.call("sql", f"SELECT * FROM {name} LIMIT 50", f"--format={form}", db=self.hostile)
                found = self.check_format(out, form, len(cursor.description))
                self.assertEqual(rows if found is None else found, rows, (name, form))
        connection.close()

    def test_json_keeps_what_csv_spells_out(self):
        with sqlite3.connect(self.hostile) as connection:
            text = connection.execute("SELECT CAST(title AS BLOB) FROM study").fetchone()[0]
        connection.close()
        rows = json.loads(self.call("sql", "SELECT title FROM study", "--format=json", db=self.hostile))
        self.assertEqual(rows[0]["title"], text.decode("utf-8", "replace"))

    def test_equal_column_names(self):
        rows = json.loads(self.call("sql", "SELECT t.*, p.* FROM trials t JOIN params p USING (trial_id) LIMIT 1", "--format=json", db=self.original))
        with sqlite3.connect(self.original) as connection:
            cursor = connection.execute("SELECT t.*, p.* FROM trials t JOIN params p USING (trial_id) LIMIT 1")
        self.assertEqual(len(rows[0]), len(cursor.description))
        self.assertEqual(rows[0]["seed_2"], rows[0]["seed"])
        connection.close()

    def test_commands_in_every_format(self):
        for db, study in (self.hostile, self.study), (self.half, b"clean"):
            with sqlite3.connect(db) as connection:
                key = connection.execute("SELECT key FROM trial WHERE id = 1").fetchone()[0]
            connection.close()
            for form in FORMATS:
                for args in (["ls"], ["ls", study], ["show", study], ["show", key], ["claims"], ["export", study], ["export", study, "--metrics"],
                             ["export", study, "--params"], ["list"], ["list", "mapping"]):
                    out = self.call(*args, f"--format={form}", db=None if args[0] == "list" else db)
                    self.assertNotEqual(out, "", args)
                    self.check_format(out, form)

    def test_what_should_be_json(self):
        """A specification and inputs that are none are refused by name, not by SQLite."""
        db = os.path.join(self.folder, "no_json.db")
        shutil.copy(self.original, db)
        with sqlite3.connect(db) as connection:
            connection.execute("UPDATE study SET spec = '{'")
            connection.execute("UPDATE trial SET inputs = 'x' || id")
        connection.close()
        for command, words in ((["plot", "clean"], "study 'clean': the specification that the database has of it is no JSON"),
                               (["compare", "clean:bp", "clean:tp"], "the inputs that the database has of a trial with seed")):
            done = subprocess.run([TPRUN, *command, "--db", db], capture_output=True, env=self.environment, timeout=100, check=False)
            self.assertEqual(done.returncode, 5, (command, done.stderr))
            self.assertIn(words, done.stderr.decode())

    def test_layer_metrics_are_exported(self):
        rows = list(csv.DictReader(io.StringIO(self.call("export", "clean", "--metrics", db=self.original), newline="")))
        self.assertEqual({r["metric"] for r in rows if r["layer"]}, {"angle_bp", "update_norm"})
        with sqlite3.connect(self.original) as connection:
            counts = connection.execute("SELECT (SELECT count(*) FROM metric), (SELECT count(*) FROM layer_metric)").fetchone()
        connection.close()
        self.assertEqual((sum(not r["layer"] for r in rows), sum(r["layer"] != "" for r in rows)), counts)
        self.assertGreater(counts[1], 0)

    def test_show_is_one_document(self):
        sections = json.loads(self.call("show", "clean", "--format=json", db=self.original))
        self.assertEqual(sorted(sections), ["claims", "finals", "notes", "other trials", "study", "swept", "tags", "tuned", "variants"])
        self.assertEqual(len(sections["variants"]), 2)
        self.assertEqual(sections["swept"], [])
        rows = [json.loads(line) for line in self.call("show", "clean", "--format=ndjson", db=self.original).splitlines()]
        self.assertEqual({row["section"] for row in rows}, {"claims", "finals", "study", "variants"})
        rows = list(csv.reader(io.StringIO(self.call("show", "clean", "--format=csv", db=self.original))))
        self.assertIn(["variants", "2", "variant", "tp"], rows)

    def test_run_of_two_files_is_one_document(self):
        second, db = os.path.join(self.folder, "second.yaml"), os.path.join(self.folder, "two.db")
        with open(second, "w", encoding="utf-8") as f:
            f.write(SPEC.replace("experiment: clean", "experiment: second"))
        for form in FORMATS:
            out = self.call("run", self.spec, second, "-q", f"--format={form}", db=db)
            rows = self.check_format(out, form, 19)
            self.assertEqual(4 if rows is None else rows, 4)
            self.assertEqual(out.count("second"), 2)

    def test_reports_and_figures(self):
        with sqlite3.connect(self.hostile) as connection:
            connection.text_factory = bytes
            metric, = connection.execute("SELECT name FROM metric_key WHERE name LIKE '%update_norm%'").fetchone()
            variants = [name for (name,) in connection.execute("SELECT DISTINCT variant FROM trial ORDER BY 1")]
        connection.close()
        self.check_markdown(self.call("report", self.study, "--title", HOSTILE, db=self.hostile))
        report = os.path.join(self.folder, "re<port|`.md")
        self.call("report", "clean", "-o", report, db=self.half)
        with open(report, encoding="utf-8") as f:
            self.check_clean(f.read(), "report")
        with open(report, encoding="utf-8") as f:
            self.check_markdown(f.read())
        for db, study in (self.hostile, self.study), (self.half, b"clean"):
            for args in ([], ["--metric", "test_accuracy"], ["--metric", metric], ["--bars", "--metric", metric], ["--variant", variants[0]]):
                out = self.call("plot", study, *args, db=db)
                self.assertNotIn("<script", out)
                self.assertIn("<svg", out)
                xml.fromstring(out)
        side = [self.study + b":" + name for name in variants]
        for given in ([*side], [*side, "--metric", metric]):
            self.call("compare", *given, db=self.hostile, status=None)
        self.call("compare", *variants, "--study", "clean", db=self.half, status=None)

    def test_messages(self):
        strange = HOSTILE.replace(b"/", b"|")
        for args in (["show", strange], ["ls", strange], ["plot", strange], ["report", strange], ["export", strange], ["claims", strange],
                     ["sql", b"SELECT " + strange], ["sql", b"SELECT \"" + strange.replace(b'"', b"") + b"\" FROM trials x JOIN nothing"],
                     ["show", "aaaa"], ["plot", self.study, "--metric", strange], ["plot", self.study, "--variant", strange],
                     ["plot", self.study, "--cell", strange], ["compare", strange, strange]):
            self.call(*args, db=self.hostile, status=2)
        self.assertEqual(self.call("ls", "nothing_of_this_name", db=self.hostile, status=2), "", "a message, and no table before it")
        self.call("ls", "--db", os.path.join(self.folder, "x").encode() + strange, status=5)
        self.call("digest", os.path.join(self.folder, "x").encode() + strange, status=5)
        for args in ([b"x" + strange.replace(b"=", b"").replace(b".", b"")], ["ls", b"--" + strange], ["ls", "--format", strange], ["fetch", strange],
                     ["list", strange], ["run", strange], [strange]):
            self.call(*args, status=2)
        moved = os.path.join(self.folder, "moved").encode() + strange
        shutil.copy(self.original, moved)
        self.call("digest", moved)

    def test_plan_on_a_terminal(self):
        spec = os.path.join(self.folder, "title.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write(SPEC + 'title: "\\e[31mred\\u202egnol\\x85\\n"\n')
        main, side = pty.openpty()
        process = subprocess.Popen([TPRUN, "plan", spec], stdout=side, stderr=subprocess.DEVNULL, env=self.environment)
        os.close(side)
        out = b""
        try:
            while chunk := os.read(main, 4096):
                out += chunk
        except OSError:  # the terminal's other side is closed
            pass
        os.close(main)
        self.assertEqual(process.wait(), 0)
        self.check_clean(out.decode().replace("\r\n", "\n"), "plan")
        self.assertIn("clean: \\x1b[31mred\\u202egnol\\x85\\n", out.decode())

    def test_progress_and_notes_of_a_run(self):
        """In a database whose texts are hostile; a label of a trial that the file makes so."""
        db = os.path.join(self.folder, "resumed.db")
        shutil.copy(self.half, db)
        self.call("run", self.spec, "-v", db=db)
        self.call("run", self.spec, "-v", "train.batch_size=4", db=db)
        strange = os.path.join(self.folder, "strange.yaml")
        with open(strange, "w", encoding="utf-8") as f:
            f.write(SPEC + 'sweep: {grid: {experiment_note: ["\\e[31m", "\\u202e"]}}\n')
        self.call("run", strange, "-v", db=db, status=2)  # told with the line of the file
        with open(strange, "w", encoding="utf-8") as f:
            f.write(SPEC.replace("name: temporal_order, length: 10", 'name: mnist, path: "/none/\\e[31m\\u202e"'))
        self.call("run", strange, db=db, status=None)
        self.call("plan", strange, status=None)


class Limits(Database):
    """`tprun sql` has a process of its own."""
    ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"

    def start(self, *args):
        process = subprocess.Popen([TPRUN, "sql", self.ENDLESS, "--db", self.original, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment, start_new_session=True)
        self.addCleanup(lambda: (process.stdout.close(), process.stderr.close(), process.poll() is None and process.kill(), process.wait()))
        return process

    @staticmethod
    def child(process):
        path = f"/proc/{process.pid}/task/{process.pid}/children"
        while True:  # until it is there; a process that ends without one has no such file any more
            with open(path, encoding="ascii") as f:
                words = f.read().split()
            if words:
                return int(words[0])
            time.sleep(0.005)

    def wait_gone(self, pid):
        while True:  # a zombie whose parent is not us is gone soon, too
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.005)

    def test_options(self):
        error = subprocess.run([TPRUN, "sql", self.ENDLESS.replace("SELECT i FROM", "SELECT count(*) FROM"), "--cpu-seconds", "0.2", "--db", self.original],
                               capture_output=True, text=True, env=self.environment, check=False)
        self.assertEqual((error.returncode, error.stdout), (2, ""))
        self.assertEqual(error.stderr, "tprun: error: the query was stopped after 0.2 s of processor time; --cpu-seconds allows more\n")
        sort = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT hex(hex(hex(i))) FROM n ORDER BY 1"
        error = subprocess.run([TPRUN, "sql", sort, "--temp-size", "1M", "--db", self.original], capture_output=True, text=True, env=self.environment,
                               check=False)
        self.assertEqual((error.returncode, error.stdout), (2, ""))
        self.assertEqual(error.stderr, "tprun: error: the query needs more than 1 MB of temporary files; --temp-size allows more\n")
        self.assertEqual(len(self.call("sql", sort, "--temp-size", "1G", db=self.original).splitlines()), 50001)
        for bad in (["--cpu-seconds", "0"], ["--cpu-seconds", "x"], ["--temp-size", "1"], ["--temp-size", "x"]):
            self.call("sql", "SELECT 1", *bad, db=self.original, status=2)
        self.call("claims", "--cpu-seconds", "10", "--temp-size", "1M", db=self.original)

    def test_a_closed_pipe_ends_both(self):
        process = self.start("--format=csv")
        self.assertEqual(process.stdout.readline(), b"i\r\n")
        child = self.child(process)
        process.stdout.close()
        self.assertEqual(process.wait(), -signal.SIGPIPE)
        self.wait_gone(child)
        self.assertEqual(process.stderr.read(), b"")

    def test_signals_end_both(self):
        for number, group in (signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False):
            process = self.start("--format=csv")
            process.stdout.readline()
            child = self.child(process)
            if group:  # as a terminal does
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            self.assertEqual(process.wait(), -number)
            self.wait_gone(child)

    def test_a_reader_that_is_killed_is_told(self):
        process = self.start("--format=csv")
        process.stdout.readline()
        os.kill(self.child(process), signal.SIGKILL)
        process.stdout.read()
        self.assertEqual(process.wait(), 1)
        self.assertIn(b"the process that reads the database was ended by SIGKILL", process.stderr.read())

    def test_too_few_descriptors_are_told(self):
        """However few there are: an answer, or the reason."""
        said = set()
        for most in range(4, 12):
            done = subprocess.run([TPRUN, "sql", "SELECT 1 AS n", "--format=csv", "--db", self.original], capture_output=True, text=True,
                                  env=self.environment, check=False,
                                  preexec_fn=lambda n=most: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            if done.returncode == 0:
                self.assertEqual(done.stdout, "n\n1\n")
            else:
                self.assertRegex(done.stderr, "[Tt]oo many open files")
            said.add(done.returncode)
        self.assertIn(0, said)
        self.assertTrue(said & {5, 6}, said)

    def test_from_standard_input(self):
        done = subprocess.run([TPRUN, "sql", "-", "7", "--format=csv", "--db", self.original], input=b"SELECT ?1 + 1 AS n", capture_output=True,
                              env=self.environment, check=True)
        self.assertEqual(done.stdout, b"n\r\n8\r\n")
        done = subprocess.run([TPRUN, "sql", "-", "--db", self.original], input=b"SELECT 1\0 AS n", capture_output=True, env=self.environment, check=False)
        self.assertEqual(done.returncode, 2)
        done = subprocess.run([TPRUN, "sql", "-", "--db", self.original], input=b"SELECT 1 -- " + b"x" * (2 << 20), capture_output=True,
                              env=self.environment, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"1 MB", done.stderr)

    def test_the_hidden_argument_alone_does_nothing(self):
        done = subprocess.run([TPRUN, "--reader-of", "1"], capture_output=True, env=self.environment, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
