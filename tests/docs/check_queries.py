#!/usr/bin/env python3
"""check_queries.py TPRUN: each query of docs/queries.md has rows, by tprun and by plain SQLite; the lines for pandas, DuckDB and
sqlite-utils run where these are installed."""
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TPRUN = os.path.abspath(sys.argv.pop(1))
with open(os.path.join(HERE, "..", "..", "docs", "queries.md"), encoding="utf-8") as file:
    PAGE = file.read()
QUERIES = re.findall(r"^### (\d+)\. (.*?)\n\n```sql\n(.*?)^```", PAGE, re.M | re.S)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tprun-queries-")
        cls.db = os.path.join(cls.folder, "results", "results.db")
        cls.call("run", os.path.join(HERE, "queries.yaml"), "-q", "-j", "2")
        key = json.loads(cls.call("sql", "--format=json", 'SELECT "key" FROM trials ORDER BY trial_id LIMIT 1'))[0]["key"]
        cls.call("tag", key, "odd")
        cls.call("note", key, "looked at")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def call(cls, *args):
        done = subprocess.run([TPRUN, *args], cwd=cls.folder, capture_output=True, text=True, timeout=1000, check=False)
        if done.returncode:
            raise AssertionError(f"tprun {args}: {done.returncode}\n{done.stderr}")
        return done.stdout

    def test_there_are_twenty(self):
        self.assertEqual([int(number) for number, _, _ in QUERIES], list(range(1, 21)))
        self.assertEqual(len(blocks("sql")), 20)

    def test_each_has_rows(self):
        plain = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        for number, title, sql in QUERIES:
            with self.subTest(number=number, title=title):
                rows = plain.execute(sql).fetchall()
                self.assertGreater(len(rows), 0)
                self.assertEqual(len(json.loads(self.call("sql", "--format=json", sql))), len(rows))
                self.assertEqual(plain.execute(f"SELECT count(*) FROM ({sql})").fetchone(), (len(rows),))
        plain.close()

    def test_answers(self):
        answers = {int(number): json.loads(self.call("sql", "--format=json", sql)) for number, _, sql in QUERIES}
        self.assertEqual(sorted(row["variant"] for row in answers[4]), ["bp", "dtp"])
        self.assertTrue(all("stepsize=100" not in row["cell"] for row in answers[4]))
        self.assertLessEqual(answers[5][0]["valid_loss"], answers[5][-1]["valid_loss"])
        for number in (4, 5):
            self.assertNotIn("tuned", {row["cell"] for row in answers[number]})
        self.assertLessEqual(max(row["n"] for row in answers[8]), 4, "two seeds in two cells, without those of tune")
        self.assertTrue(all(row["step"] in (0, 20, 40, 60) for row in answers[12]))
        self.assertTrue(all(row["trials"] >= row["reached"] for row in answers[13]))
        self.assertGreater(sum(row["reached"] for row in answers[13]), 0)
        self.assertEqual({row["layer"] for row in answers[14]}, {0, 1})
        self.assertEqual([row["param"] for row in answers[15]], ["seed"])
        self.assertEqual((answers[20][0]["tags"], answers[20][0]["note"]), ("odd", "looked at"))

    def test_other_programs(self):
        for code in blocks("python"):
            name = "duckdb" if "duckdb" in code else "pandas"
            if importlib.util.find_spec(name) is None:
                print(f"not tried: {name} is not installed", file=sys.stderr)
                continue
            done = subprocess.run([sys.executable, "-c", code], cwd=self.folder, capture_output=True, text=True, timeout=1000, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        for line in blocks("sh")[0].splitlines():
            program, sql = line.split()[0], "SELECT count(*) FROM trials"
            if program == "tprun":
                continue
            if not shutil.which(program):
                print(f"not tried: {program} is not installed", file=sys.stderr)
                continue
            done = subprocess.run(line.replace("SELECT ...", sql), shell=True, cwd=self.folder, capture_output=True, text=True, timeout=1000, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("20", done.stdout)


if __name__ == "__main__":
    unittest.main()
