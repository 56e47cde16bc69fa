#!/usr/bin/env python3
"""Databases that somebody else prepared: what would run in the writer is refused by name before anything is read or written, by the
writer and by every reader; what is not ours and cannot run is left alone.

    hostile.py TPRUN
"""
import hashlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import database

LOOP = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r"

# name, SQL (or a function of the connection), what the message must have
REFUSED = [
    ("trigger on insertion", "CREATE TRIGGER evil AFTER INSERT ON metric BEGIN INSERT INTO event (step, kind, time_ms) "
     "SELECT a.step, 'x', 0 FROM metric a, metric b, metric c, metric d; END", "trigger 'evil' of 'metric'"),
    ("trigger on update", "CREATE TRIGGER evil BEFORE UPDATE ON study BEGIN DELETE FROM trial; END", "trigger 'evil' of 'study'"),
    ("trigger on a view", "CREATE TRIGGER evil INSTEAD OF INSERT ON trials BEGIN DELETE FROM trial; END", "trigger 'evil' of 'trials'"),
    ("generated column", "ALTER TABLE event ADD COLUMN g AS (hex(zeroblob(100000000)))", "table 'event'"),
    ("another column", "ALTER TABLE study ADD COLUMN mine DEFAULT 7", "table 'study'"),
    ("CHECK with a function", lambda c: redefine(c, "trial", "budget INTEGER NOT NULL",
                                                 "budget INTEGER NOT NULL CHECK (length(hex(zeroblob(budget * 1000000))))"), "table 'trial'"),
    ("default with a function", lambda c: redefine(c, "run", "kernel TEXT", "kernel TEXT DEFAULT (hex(zeroblob(100000000)))"),
     "table 'run'"),
    ("foreign key with an action", lambda c: redefine(c, "run", "REFERENCES trial (id)", "REFERENCES trial (id) ON DELETE CASCADE"),
     "table 'run'"),
    ("index on an expression", "CREATE INDEX evil ON metric (hex(zeroblob(step)))", "index 'evil' of 'metric'"),
    ("partial index", "CREATE INDEX evil ON trial (seed) WHERE length(hex(zeroblob(budget))) > 0", "index 'evil' of 'trial'"),
    ("unique index", "CREATE UNIQUE INDEX evil ON run (pid, id)", "index 'evil' of 'run'"),
    ("index of another sort", lambda c: (c.create_collation("mine", lambda a, b: 0),
                                         c.execute("CREATE INDEX evil ON trial (variant COLLATE mine)")), "index 'evil' of 'trial'"),
    ("foreign key to ours", "CREATE TABLE mine (t INTEGER REFERENCES trial (id) ON DELETE CASCADE)", "table 'mine'"),
    ("view in a table's place", f"DROP TABLE event; CREATE VIEW event AS {LOOP}", "view 'event'"),
    ("table in a view's place", "DROP VIEW trials; CREATE TABLE trials (study, x)", "table 'trials'"),
    ("virtual table in a table's place", "DROP TABLE event; CREATE VIRTUAL TABLE event USING fts5 (step, kind)", "table 'event'"),
    ("table missing", "DROP TABLE summary", "table 'summary' is missing"),
    ("index missing", "DROP INDEX trial_state", "index 'trial_state' is missing"),
    ("name that a terminal obeys", "CREATE TRIGGER \"\x1b]0;evil\x07\" AFTER INSERT ON metric BEGIN DELETE FROM trial; END",
     r"trigger '\x1b]0;evil\x07' of 'metric'"),
    ("ten thousand triggers", lambda c: [c.execute(f"CREATE TRIGGER t{i} AFTER INSERT ON metric BEGIN DELETE FROM trial; END")
                                         for i in range(10000)], "trigger 't"),
]
LEFT_ALONE = [
    ("table", "CREATE TABLE mine (x DEFAULT (hex(zeroblob(100000000))), y AS (x || x)); INSERT INTO mine (x) VALUES (1)"),
    ("view", f"CREATE VIEW mine AS {LOOP}"),
    ("trigger on their own table", "CREATE TABLE mine (x); CREATE TRIGGER theirs AFTER INSERT ON mine BEGIN DELETE FROM trial; END"),
    ("virtual table", "CREATE VIRTUAL TABLE mine USING fts5 (x)"),
    ("plain index", "CREATE INDEX mine ON metric (step, value)"),
    ("statistics", "ANALYZE"),
    ("our views with another text", f"DROP VIEW trials; CREATE VIEW trials AS {LOOP}; DROP VIEW curves; DROP VIEW study_plain; "
     f"CREATE VIEW study_plain AS {LOOP}"),
]
OURS = "SELECT type, name, sql FROM sqlite_master WHERE name IN ('trials', 'curves', 'study_plain') ORDER BY name"
FAILED = 0


def redefine(connection, table, old, new):
    """The table with another definition, and its rows."""
    sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    assert old in sql, (table, old)
    indexes = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
                                                    (table,))]
    connection.execute("PRAGMA legacy_alter_table = ON")
    connection.execute(f"ALTER TABLE {table} RENAME TO gone")
    connection.execute(sql.replace(old, new, 1))
    connection.execute("DROP TABLE gone")
    for index in indexes:
        connection.execute(index)


def prepare(source, folder, how):
    db = os.path.join(folder, "results.db")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith("results.db") and os.path.isfile(path):
            os.unlink(path)
    shutil.copy(source, db)
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    if callable(how):
        how(connection)
    else:
        connection.executescript(how)
    if connection.in_transaction:
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return db


def check(good, *what):
    global FAILED
    if not good:
        FAILED += 1
        print("FAILED:", *what)


def sha(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def call(*command):
    """Status, standard error, processor seconds (20 at most), standard output."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", check=False, preexec_fn=limit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ran.returncode, ran.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ran.stdout


def commands(tprun, folder, db):
    for command in [[f"{folder}/3.yaml", "--quiet"], ["claims"], ["ls"], ["show", "plain"], ["sql", "SELECT 1"], ["digest"], ["export", "plain"],
                    ["report", "plain"], ["plan", f"{folder}/3.yaml"]]:
        yield [tprun, *command, "--db", db]


def refused(tprun, source, folder):
    for name, how, words in REFUSED:
        db = prepare(source, folder, how)
        before, slowest = sha(db), 0.0
        for command in commands(tprun, folder, db):
            status, said, seconds, _ = call(*command)
            slowest = max(slowest, seconds)
            check(status == 5 and words in said, f"{name}: {command[1]}: status {status}, {said.strip()!r}")
        wal = db + "-wal"
        check(sha(db) == before and (not os.path.exists(wal) or os.path.getsize(wal) == 0), f"{name}: the database was written")
        print(f"refused: {name}: at most {slowest:.2f} s of processor time")


def left_alone(tprun, source, folder):
    theirs = "SELECT type, name, sql FROM sqlite_master WHERE name = 'mine' OR name LIKE 'mine\\_%' ESCAPE '\\' ORDER BY name"
    renewed = sqlite3.connect(source).execute(OURS).fetchall()
    for name, how in LEFT_ALONE:
        db = prepare(source, folder, how)
        connection = sqlite3.connect(db)
        before = connection.execute(theirs).fetchall()
        connection.close()
        for command in reversed(list(commands(tprun, folder, db))):  # readers first: they have no views of their own in the file
            status, said, _, out = call(*command)
            check(status in (0, 1) and "error" not in said, f"{name}: {command[1]}: status {status}, {said.strip()!r}")
            check(command[1] != "show" or "done" in out, f"{name}: show: {out}")
        connection = sqlite3.connect(db)
        check(connection.execute(theirs).fetchall() == before, f"{name}: it was changed")
        check(connection.execute(OURS).fetchall() == renewed, f"{name}: our views were not renewed")
        connection.close()
        print("left alone:", name)


def in_the_way(tprun, source, folder):
    """A table where the view of a study will stand: told before the study is trained."""
    db = prepare(source, folder, "DROP VIEW study_plain; CREATE TABLE study_plain (x)")
    status, said, _, _ = call(tprun, f"{folder}/3.yaml", "--db", db, "--force", "--quiet")
    check(status == 5 and "'study_plain'" in said, f"in the way: status {status}, {said.strip()!r}")
    connection = sqlite3.connect(db)
    check(connection.execute("SELECT count(*) FROM run WHERE from_step = 0").fetchone() ==
          sqlite3.connect(source).execute("SELECT count(*) FROM run WHERE from_step = 0").fetchone(), "in the way: it was trained")
    connection.close()
    print("in the way: told before training")


def main():
    tprun = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="tprun-hostile-") as folder:
        db = database.make(tprun, folder)
        source = os.path.join(folder, "source.db")
        shutil.copy(db, source)
        refused(tprun, source, folder)
        left_alone(tprun, source, folder)
        in_the_way(tprun, source, folder)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
