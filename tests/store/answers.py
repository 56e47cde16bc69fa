#!/usr/bin/env python3
"""Right answers from stock SQLite: every query over our tables and views gives the rows that the same query gives over plain copies.

SQLite 3.40 leaves out a LEFT JOIN whose columns are not read, and then may sort what is left the wrong way (see docs/store.md). So
thousands of queries over all pairs of tables and views, and over each alone, are compared row by row with the same text over
`CREATE TEMP TABLE ... AS SELECT *` copies, which have no index and no view. A view with LEFT JOINs, as `trials` once was, must fail.
With a log of the program's own statements (prepared.c), these are compared in the same way.

    answers.py TPRUN [PREPARED]
"""
import os
import random
import sqlite3
import subprocess
import sys
import tempfile

import database

QUERIES = 3  # for each ordered pair of relations and kind of join: there are some 2500 pairs, whose number grows as the square of the views
IDS = {"trial": "trial_id", "study": "study_id", "run": "run_id", "metric_key": "key_id"}
NAMES = {"study", "variant", "cell", "seed", "metric", "trial_id", "study_id", "run_id", "key_id", "param", "phase"}
CONTROL = """CREATE VIEW control AS
SELECT s.name AS study, t.variant, t.cell, t.seed, t.state, trl.last AS last_train_loss, tel.last AS last_test_loss, t.id AS trial_id, t.study_id
FROM trial t
JOIN study s ON s.id = t.study_id
LEFT JOIN summary trl ON trl.trial_id = t.id AND trl.key_id = (SELECT id FROM metric_key WHERE name = 'train_loss')
LEFT JOIN summary tel ON tel.trial_id = t.id AND tel.key_id = (SELECT id FROM metric_key WHERE name = 'test_loss')"""


class Answers:
    def __init__(self, db, study=None):
        """With a study, the temporary views that show a claim its own study only stand before the others."""
        self.views = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
        self.copies = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
        for connection in self.views, self.copies:  # of both in the same order, whatever it is
            connection.create_collation("tprun_cells", lambda a, b: (a > b) - (a < b))
        self.columns = {}
        self.values = {}
        self.random = random.Random(8)
        self.asked = self.different = 0
        self.told = []
        found = self.views.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name")
        for (name,) in found.fetchall():
            columns = [column[0] for column in self.views.execute(f'SELECT * FROM "{name}" LIMIT 0').description]
            select = f'SELECT * FROM main."{name}"'
            if study and name.endswith("s") and "study_id" in columns:
                select += f" WHERE study_id = {study}"
                self.views.execute(f'CREATE TEMP VIEW "{name}" AS {select}')
            elif study:
                continue
            self.copies.execute(f'CREATE TEMP TABLE "{name}" AS {select}')
            self.columns[name] = columns

    def ask(self, connection, sql):
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise SystemExit(f"FAILED: {error}: {sql}") from error

    def compare(self, sql):
        self.asked += 1
        got, right = self.ask(self.views, sql), self.ask(self.copies, sql)
        if "ORDER BY" not in sql.upper():
            got, right = sorted(got, key=repr), sorted(right, key=repr)
        if got == right:
            return
        self.different += 1
        if len(self.told) < 3:
            at = next((i for i, (a, b) in enumerate(zip(got, right)) if a != b), min(len(got), len(right)))
            self.told.append(f"{sql}\n  row {at} of {len(got)} is {got[at:at + 1]}, of {len(right)} copied ones {right[at:at + 1]}")

    def literal(self, relation, column):
        """A value that occurs, as SQL."""
        if (relation, column) not in self.values:
            self.values[relation, column] = [row[0] for row in self.copies.execute(f'SELECT DISTINCT quote("{column}") FROM "{relation}" ORDER BY 1')]
        values = self.values[relation, column]
        return self.random.choice(values) if values else "NULL"

    def condition(self, alias, relation):
        column = self.random.choice([c for c in self.columns[relation] if self.is_key(relation, c)] or self.columns[relation])
        value = self.literal(relation, column)
        return f'{alias}."{column}" IS {value}' if value == "NULL" else f'{alias}."{column}" {self.random.choice(["=", "=", "=", ">=", "<>"])} {value}'

    @staticmethod
    def is_key(relation, column):
        return column in NAMES or (column in ("id", "name", "key") and relation in ("trial", "study", "run", "metric_key", "host", "code"))

    def meeting(self, a, b):
        """Pairs of columns on which two relations may be joined."""
        pairs = [(c, c) for c in self.columns[a] if c in NAMES and c in self.columns[b]]
        if a in IDS and IDS[a] in self.columns[b]:
            pairs.append(("id", IDS[a]))
        if b in IDS and IDS[b] in self.columns[a]:
            pairs.append((IDS[b], "id"))
        for x, y, swap in ((a, b, False), (b, a, True)):
            if x in ("study", "metric_key") and {"study": "study", "metric_key": "metric"}[x] in self.columns[y]:
                pair = ("name", {"study": "study", "metric_key": "metric"}[x])
                pairs.append(pair[::-1] if swap else pair)
        return pairs

    def order(self, columns):
        """ORDER BY one column, then by all that are selected: only equal rows may change places."""
        first, direction = self.random.choice(columns), self.random.choice(["ASC", "DESC"])
        rest = [c for c in columns if c != first]
        self.random.shuffle(rest)
        return ", ".join(f"{c} {d}" for c, d in [(first, direction)] + [(c, self.random.choice(["ASC", direction])) for c in rest])

    def pair(self, a, b, kind):
        on = self.meeting(a, b)
        if not on:
            return
        for _ in range(QUERIES):
            keys = self.random.sample(on, self.random.randint(1, min(2, len(on))))
            tie = " AND ".join(f'a."{x}" = b."{y}"' for x, y in keys)
            where = [self.condition("a", a)] + [self.condition(*self.random.choice([("a", a), ("b", b)])) for _ in range(self.random.randint(0, 2))]
            columns = [f'{alias}."{c}"' for alias, relation in (("a", a), ("b", b)) for c in self.columns[relation]]
            columns = self.random.sample(columns, min(len(columns), self.random.choice([1, 1, 2, 3])))
            self.compare(f'SELECT {self.random.choice(["", "", "", "DISTINCT "])}{", ".join(columns)} FROM "{a}" a {kind} "{b}" b ON {tie} '
                         f'WHERE {" AND ".join(where)} ORDER BY {self.order(columns)} LIMIT {self.random.choice([1, 3, 20, 100])}')

    def single(self, relation):
        """Each column alone, in both directions; groups."""
        for column in self.columns[relation]:
            others = self.random.sample(self.columns[relation], min(2, len(self.columns[relation])))
            chosen = list(dict.fromkeys(f'a."{c}"' for c in [column] + others))
            for direction in ("ASC", "DESC"):
                rest = "".join(f", {c}" for c in chosen[1:])
                self.compare(f'SELECT {", ".join(chosen)} FROM "{relation}" a WHERE {self.condition("a", relation)} '
                             f'ORDER BY a."{column}" {direction}{rest} LIMIT 50')
                self.compare(f'SELECT a."{column}", count(*), min(a."{others[0]}"), max(a."{others[-1]}") FROM "{relation}" a '
                             f'WHERE {self.condition("a", relation)} GROUP BY a."{column}" ORDER BY a."{column}" {direction} LIMIT 50')

    def all(self, relations):
        for a in relations:
            self.single(a)
            for b in self.columns:
                for kind in ("JOIN", "LEFT JOIN"):
                    self.pair(a, b, kind)
                    if a not in self.columns or b not in relations:
                        self.pair(b, a, kind)

    def report(self, what):
        print(f"{what}: {self.asked} queries, {self.different} with other rows than over copies")
        for text in self.told:
            print(" ", text)


def known(relation):
    """The query that told us."""
    return (f"SELECT m.step FROM {relation} t JOIN metrics m ON m.trial_id = t.trial_id WHERE t.trial_id = 1 AND m.metric = 'train_loss' "
            "ORDER BY m.step DESC LIMIT 3")


def ours(db):
    answers = Answers(db)
    answers.compare(known("trials"))
    answers.all(list(answers.columns))
    answers.report("tables and views")
    return answers.different == 0 and answers.asked > 5000


def restricted(db):
    """What a claim's measure sees."""
    answers = Answers(db, study=1)
    answers.all(list(answers.columns))
    answers.report("views of one study")
    return answers.different == 0 and answers.asked > 1000


def program(db, tprun, prepared):
    """Every SELECT that the program sends, with its values. Its answers have one order each, or none that is asked for."""
    folder = os.path.dirname(db)
    log = os.path.join(folder, "prepared")
    env = {**os.environ, "LD_PRELOAD": prepared, "TPRUN_PREPARED": log}
    with sqlite3.connect(db) as connection:
        key = connection.execute("SELECT key FROM trials WHERE study = 'plain' AND state = 'done' ORDER BY seed LIMIT 1").fetchone()[0]
    connection.close()
    commands = [["ls"], ["ls", "map"], ["show", "map"], ["show", key], ["claims"], ["digest"], ["plan", f"{folder}/3.yaml"],
                ["export", "map"], ["export", "weights", key, "--output", f"{folder}/w.safetensors"], ["compare", "map:bp", "map:tp"],
                ["compare", "bp", "tp", "--study", "map", "--metric", "weight_norm", "--at", "20"],
                ["compare", "bp", "tp", "--study", "map", "--at", "selected", "--metric", "train_loss"],
                ["compare", "bp", "tp", "--study", "plain", "--target", "cpu_s"],
                ["plot", "map", "--output", f"{folder}/map.svg"], ["plot", "plain", "--output", f"{folder}/plain.svg"],
                ["report", "map", "words", "plain", "--output", f"{folder}/report.md"], [f"{folder}/1.yaml", f"{folder}/3.yaml", "--quiet"]]
    for command in commands:
        with open(log, "ab") as out:
            out.write(b"")
        before = os.path.getsize(log)
        ran = subprocess.run([tprun, *command, "--db", db], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if ran.returncode not in (0, 1) or os.path.getsize(log) == before:  # 1: a claim is refuted, two variants do not differ
            raise SystemExit(f"FAILED: {command}: status {ran.returncode}, {os.path.getsize(log) - before} bytes logged: {ran.stderr}")
    with open(log, encoding="utf-8") as text:
        statements = {s for s in text.read().split("\0") if s.lstrip().upper().startswith(("SELECT", "WITH"))}
    answers = Answers(db)
    for sql in sorted(statements):
        if "sqlite_master" not in sql and "json_each" not in sql:
            answers.compare(sql)
    answers.report(f"statements of the program, {len(commands)} commands")
    return answers.different == 0 and answers.asked > 100


def control(db):
    """A view with LEFT JOINs must be found out, or the queries above prove nothing."""
    with sqlite3.connect(db) as connection:
        connection.execute(CONTROL)
    connection.close()
    answers = Answers(db)
    answers.compare(known("control"))
    by_name = answers.different
    for seed in range(8):  # some hundred queries may meet it by none
        answers.random.seed(seed)
        if answers.different < 2:
            answers.all(["control"])
    answers.report("control, a view with LEFT JOINs")
    if sqlite3.sqlite_version_info >= (3, 41):
        print(f"SQLite {sqlite3.sqlite_version} sorts it rightly: nothing to find")
        return True
    return by_name == 1 and answers.different > 1


def main():
    print("SQLite", sqlite3.sqlite_version)
    with tempfile.TemporaryDirectory(prefix="tprun-answers-") as folder:
        db = database.make(os.path.abspath(sys.argv[1]), folder)
        good = ours(db)
        good = restricted(db) and good
        if len(sys.argv) > 2:
            good = program(db, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])) and good
        else:
            print("statements of the program: not asked for (no PREPARED)")
        good = control(db) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
