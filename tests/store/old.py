#!/usr/bin/env python3
"""tests/data/old: databases of the last programs of schema 2 to 4, with finished, superseded, interrupted and queued trials. Readers say what
brings it up to date; the same command resumes it, and what it held stays as it was.

    old.py TPRUN SOURCE
"""
import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

FINISHED = "('done', 'diverged')"
STEPS = {  # of each version the interrupted ones, and where their newest checkpoints are
    2: {"72d3b5cd": 1356, "ed044865": 1212},
    3: {"72d3b5cd": 327, "3744e4f0": 5723},
    4: {"69239688": 137, "3744e4f0": 259},
}
READERS = [["ls"], ["ls", "old"], ["show", "old"], ["sql", "SELECT * FROM trials"], ["digest"], ["export", "old"], ["report", "old"],
           ["compare", "old:bp", "old:tp"], ["plot", "old"], ["plan", "study.yaml"]]
FAILED = 0


def check(good, *what):
    global FAILED
    if not good:
        FAILED += 1
        print("FAILED:", *what)


def unpack(source, version, folder):
    old = os.path.join(source, "tests", "data", "old", f"schema{version}")
    with gzip.open(old + ".db.gz") as packed, open(os.path.join(folder, "old.db"), "wb") as out:
        shutil.copyfileobj(packed, out)
    shutil.copy(old + ".yaml", os.path.join(folder, "study.yaml"))
    shutil.copytree(old + ".db.checkpoints", os.path.join(folder, "old.db.checkpoints"))


def call(folder, tprun, *command):
    ran = subprocess.run([tprun, *command, "--db", "old.db"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def rows(path, sql):
    connection = sqlite3.connect(path)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def kept(path, trials):
    """What must not change of these trials; doubles compare bit for bit, since none is NaN."""
    return [rows(path, sql.format(trials=trials)) for sql in (
        "SELECT key, variant, cell, seed FROM trial WHERE id IN ({trials}) ORDER BY key",
        "SELECT t.key, k.name, m.step, m.value, m.nonfinite FROM metric m JOIN trial t ON t.id = m.trial_id JOIN metric_key k ON k.id = m.key_id "
        "WHERE t.id IN ({trials}) ORDER BY 1, 2, 3",
        "SELECT t.key, r.id, r.from_step, r.state, r.started_ms FROM run r JOIN trial t ON t.id = r.trial_id WHERE t.id IN ({trials}) ORDER BY r.id")]


def numerics(source):
    with open(os.path.join(source, "src", "trial", "numerics.h"), encoding="utf-8") as f:
        return int(re.search(r"NUMERICS_VERSION = ([0-9]+)", f.read())[1])


def try_version(tprun, source, version):
    with tempfile.TemporaryDirectory(prefix="tprun-old-") as folder:
        unpack(source, version, folder)
        db = os.path.join(folder, "old.db")
        shutil.copy(db, db + ".before")
        for command in READERS:
            status, _, said = call(folder, tprun, *command)
            check(status == 5 and f"has schema version {version}" in said and "tprun claims --db" in said, f"{command}: {status}: {said}")
        with open(db, "rb") as a, open(db + ".before", "rb") as b:
            check(a.read() == b.read(), "a reader changed the database")

        finished = f"SELECT id FROM trial WHERE state IN {FINISHED}"
        n_current = rows(db, f"SELECT count(*) FROM trial WHERE state IN {FINISHED} AND generation = 2")[0][0]
        ids = ", ".join(str(row[0]) for row in rows(db, finished))
        everything = "SELECT id FROM trial"
        status, _, said = call(folder, tprun, "claims")
        check(status == 0, f"claims: {status}: {said}")
        begun_with = rows(db, "SELECT DISTINCT numerics_version FROM trial")
        check(begun_with == [(1,)], "the numerics", begun_with)
        connection = sqlite3.connect(db)  # they resume, and are in one mean, as if the numbers were the same since then
        with connection:
            connection.execute("UPDATE trial SET numerics_version = ?", (numerics(source),))
        connection.close()
        before = kept(db, ids)
        metrics = set(kept(db, everything)[1])
        status, out, said = call(folder, tprun, "study.yaml", "-j", "2")
        check(status == 0 and f"{n_current} were finished before" in said, f"resuming: {status}: {said}{out}")
        check(kept(db, ids) == before, "a finished trial is not what it was")
        check(metrics <= set(kept(db, everything)[1]), "a row of a metric is gone or another")
        check(rows(db, f"SELECT count(*) FROM trials WHERE current AND state NOT IN {FINISHED}") == [(0,)], "a trial was not finished")
        for key, step in STEPS[version].items():
            found = rows(db, f"SELECT r.from_step, t.state IN {FINISHED} FROM run r JOIN trial t ON t.id = r.trial_id "
                             f"WHERE substr(t.key, 1, 8) = '{key}' ORDER BY r.id DESC LIMIT 1")
            check(found == [(step, 1)], f"{key} did not go on from step {step}: {found}")
        check(rows(db, "PRAGMA integrity_check") == [("ok",)] and rows(db, "PRAGMA foreign_key_check") == [], "the database is damaged")
        check(rows(db, "PRAGMA user_version") == [(5,)], "the version")
        check(rows(db, "SELECT verdict FROM claims") == [("reproduced",)], "the claim", rows(db, "SELECT * FROM claims"))
        for command in READERS:
            status, _, said = call(folder, tprun, *command)
            check(status == 0, f"{command}: {status}: {said}")
    print(f"a database of schema {version} was read, migrated and resumed" if not FAILED else f"{FAILED} failed")


def main():
    for version in STEPS:
        try_version(os.path.abspath(sys.argv[1]), sys.argv[2], version)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
