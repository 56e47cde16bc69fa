"""Promises about what is around a run: a small disk (P4), a reader that stays (P8), a foreign writer (P9), a clock that jumps (P13),
signals while many trials are queued (P12), and descriptors, threads and memory over many trials (P30)."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import torture


# ---- P4: the disk is full ----

def mount(folder, size, option=""):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"{option}size={size}k", "tprun-torture", folder], capture_output=True,
                          text=True, check=False)


def disk_full(program, tally, folder, sizes, spec, args):
    """Sizes from too small for the database to large enough for all, so that each file meets the end of the disk."""
    expected, _ = torture.straight(program, folder, *args, spec=spec)
    place = os.path.join(folder, "disk")
    os.mkdir(place)
    stopped = 0
    for size in sizes:
        wrong = []
        mounted = mount(place, size)
        if mounted.returncode:
            tally.note(f"skipped P4: no file system of a size: {mounted.stderr.strip()}")
            return
        db = os.path.join(place, "results.db")
        try:
            run = program.run(db, *args, spec=spec)
            if run.returncode:
                stopped += 1
                if run.returncode != 5:
                    wrong.append(f"exit status {run.returncode}, expected 5: {torture.tell(run.err)}")
                if place not in run.err or not ("disk is full" in run.err or "No space left" in run.err):
                    wrong.append(f"the message has not both reason and path: {torture.tell(run.err)}")
            larger = mount(place, 64 * 1024, "remount,")
            if larger.returncode:
                wrong.append(larger.stderr)
            before = torture.State(db)  # a reader needs space too, for its -shm
            wrong += before.wrong
            if run.err.count("  done  ") > len(before.done()):
                wrong.append("told to be done, and is not")
            again = program.run(db, *args, spec=spec)
            if again.returncode:
                wrong.append(f"with space again: exit status {again.returncode}: {torture.tell(again.err)}")
            wrong += before.lost_from(torture.check_finished(program, db, expected, wrong))
        finally:
            subprocess.run(["umount", place], check=False)
        tally.case("P4 full disk", f"{size} KiB", wrong)
    tally.case("P4 some disks were full", f"{len(sizes)} sizes", [] if 0 < stopped < len(sizes) else [f"{stopped} runs stopped"])


def disk_full_inside(program, tally, folder, sizes, spec, args):
    """In a mount namespace of its own: this script again, as a child."""
    listed = ",".join(str(s) for s in sizes)
    command = ["unshare", "-m" if os.geteuid() == 0 else "-Urm", sys.executable, os.path.abspath(__file__), program.build, folder, listed, spec, *args]
    if subprocess.run([*command[:2], "true"], capture_output=True, check=False).returncode:
        tally.note("skipped P4: this machine allows no mount namespace")
        return
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        words = line.split("\t")
        if words[0] == "case":
            tally.case(words[1], words[2], [w for w in words[3:] if w])
        else:
            tally.note(line)
    if done.returncode:
        tally.case("P4 full disk", "the child", [f"exit status {done.returncode}"])


class Lines(torture.Tally):
    """For the child: cases as lines."""

    def case(self, promise, what, wrong):
        print("\t".join(["case", promise, what, *(w.replace("\t", " ").replace("\n", " ") for w in wrong)]), flush=True)


# ---- P8: a reader that stays ----

def reader_stays(program, tally, folder, spec, args):
    """A reader's snapshot is held for the whole run: from its first rows to its end."""
    expected, _ = torture.straight(program, folder, *args, spec=spec)
    db = os.path.join(folder, "read.db")
    wrong = []
    run = program.start(db, *args, spec=spec)
    connection = None
    while run.process.poll() is None and connection is None:
        candidate = None
        try:
            candidate = sqlite3.connect(f"file:{db}?mode=ro", uri=True, isolation_level=None, timeout=0)
            candidate.execute("BEGIN")
            rows = candidate.execute("SELECT count(*) FROM metrics").fetchone()[0]
            connection = candidate
        except sqlite3.Error:
            if candidate:
                candidate.close()  # an idle connection of ours would keep the log as well
            time.sleep(0.001)
    run.wait()
    if run.returncode:
        wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
    log = os.path.getsize(db + "-wal") if os.path.exists(db + "-wal") else 0
    if connection is None:
        wrong.append("the reader never came to read")
    else:
        if connection.execute("SELECT count(*) FROM metrics").fetchone()[0] != rows:
            wrong.append("the reader's snapshot moved")
        connection.close()
    torture.check_finished(program, db, expected, wrong)
    after = program.run(db, *args, spec=spec)  # the log goes when nobody reads
    if after.returncode or os.path.exists(db + "-wal") or os.path.exists(db + "-shm"):
        wrong.append(f"the log does not go afterwards: {torture.tell(after.err)}")
    tally.case("P8 a reader stays", f"log {log} bytes", wrong)


# ---- P9: a foreign writer ----

def foreign_writer(program, tally, folder, spec, args, seconds):
    """Another program holds the write lock until the runner says that it waits, and `seconds` longer."""
    expected, _ = torture.straight(program, folder, *args, spec=spec)
    db = os.path.join(folder, "locked.db")
    wrong = []
    run = program.start(db, *args, spec=spec)
    holder = sqlite3.connect(db, isolation_level=None, timeout=0)
    held = False
    while not held and run.process.poll() is None:
        try:
            if holder.execute("SELECT count(*) FROM sqlite_master WHERE name = 'metrics'").fetchone()[0]:
                holder.execute("BEGIN IMMEDIATE")
                held = True
        except sqlite3.Error:
            time.sleep(0.001)
    said = []

    def listen():
        for line in run.process.stderr:
            said.append(line.decode(errors="replace"))
            if "is locked by another program" in said[-1]:
                warned.set()
        warned.set()

    warned = threading.Event()
    thread = threading.Thread(target=listen)
    thread.start()
    if not warned.wait(torture.HANG):
        wrong.append("no warning of a lock")
    time.sleep(seconds)
    peak = memory_of(run.pid, "VmHWM")
    if held:
        holder.execute("COMMIT")
    holder.close()
    thread.join(torture.HANG)
    run.process.wait(torture.HANG)
    run.process.stdout.close()
    text = "".join(said)
    if run.process.returncode:
        wrong.append(f"exit status {run.process.returncode}: {torture.tell(text)}")
    if not held or "is locked by another program" not in text or "nothing was lost" not in text:
        wrong.append(f"not told: {torture.tell(text)}")
    torture.check_finished(program, db, expected, wrong)
    tally.case("P9 a foreign writer", f"held {seconds} s after the warning, peak of the runner {peak} KiB", wrong)


# ---- P13: the clock ----

def clock_jumps(program, tally, folder, runs):
    expected, _ = torture.straight(program, folder)
    library = os.path.join(program.build, "tests", "torture", "libclock.so")
    for i in range(runs):
        wrong = []
        db = os.path.join(folder, f"clock-{i}.db")
        run = program.run(db, env={"LD_PRELOAD": library})
        if run.returncode:
            wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
        torture.check_finished(program, db, expected, wrong)
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
            years = {row[0][:4] for row in connection.execute("SELECT started FROM trials")}
            if connection.execute("SELECT count(*) FROM trials WHERE wall_s < 0").fetchone()[0]:
                wrong.append("a trial took less than no time")
        connection.close()
        if str(time.gmtime().tm_year) in years and len(years) == 1 and "1970" not in years and "2100" not in years and i == 0:
            tally.note(f"P13: start times fell into {sorted(years)}")
        tally.case("P13 the clock jumps", f"run {i}: years {sorted(years)}", wrong)


# ---- P12: signals while trials are queued ----

def signals_while_queueing(program, tally, folder, trials, signals, seed):
    """Signals at random instants from the first of many trials being queued to the last."""
    rng = random.Random(seed)
    db = os.path.join(folder, "many.db")
    args = [f"seeds={trials // 2}", "train.iterations=1", "--yes"]
    sent = 0
    while sent < signals:
        number = rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
        if not os.path.exists(db) or rng.random() < 0.1:
            for path in (db, db + "-wal", db + "-shm"):
                if os.path.exists(path):
                    os.unlink(path)
        run = program.start(db, "-q", *args)
        while run.process.poll() is None and not handles(run.pid, number):
            time.sleep(0.001)  # before that the signal has its default action
        time.sleep(rng.uniform(0, 0.2))
        here = min(signals - sent, rng.choice([1, 2, 5, 20]))
        for _ in range(here):
            torture.kill(run.pid, number)
        sent += here
        if number == signal.SIGHUP:  # goes on, so that it must be ended
            torture.kill(run.pid, signal.SIGTERM)
        run.wait()
        wrong = ["hangs"] if run.hung else []
        if run.returncode not in (75, 0):
            wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
        if run.wait_gone():
            wrong.append("processes are left")
        state = torture.State(db)
        wrong += state.wrong
        if "running" in state.states.values():
            wrong.append("a trial is `running`")
        tally.case("P12 signals while trials are queued", f"{here} x {signal.Signals(number).name}", wrong)


def handles(pid, number):
    """Whether the process has a handler for this signal."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    except OSError:
        pass
    return False


# ---- P30: descriptors, threads, memory ----

def memory_of(pid, key):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None


def nothing_grows(program, tally, folder, trials):
    """Descriptors, threads and resident memory of the runner after a tenth of many trials, and at the end."""
    db = os.path.join(folder, "grow.db")
    run = program.start(db, "-q", f"seeds={trials // 2}", "train.iterations=2", "log.every=1")
    samples = []
    done = 0
    while run.process.poll() is None:
        try:
            sample = (len(os.listdir(f"/proc/{run.pid}/fd")), len(os.listdir(f"/proc/{run.pid}/task")), memory_of(run.pid, "VmRSS"))
            with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=0) as connection:
                done = connection.execute("SELECT count(*) FROM trials WHERE state = 'done'").fetchone()[0]
            connection.close()
            if sample[2]:
                samples.append((done, *sample))
        except (OSError, sqlite3.Error):
            pass
        time.sleep(0.02)
    run.wait()
    wrong = [] if run.returncode == 0 else [f"exit status {run.returncode}: {torture.tell(run.err)}"]
    early = [s for s in samples if trials * 0.1 <= s[0] <= trials * 0.4]
    late = [s for s in samples if trials * 0.6 <= s[0] < trials]  # after the last one come statistics
    if not early or not late:
        wrong.append(f"too few samples: {len(samples)}")
    else:
        # a worker that is being started has a pair of sockets for a moment
        for i, name, slack in ((1, "descriptors", 2), (2, "threads", 0), (3, "KiB of memory", 2048)):
            first, last = max(s[i] for s in early), max(s[i] for s in late)
            if last > first + slack:
                wrong.append(f"{name} grew from {first} to {last}")
        tally.note(f"P30: over {trials} trials descriptors {early[0][1]} to {late[-1][1]}, threads {early[0][2]} to {late[-1][2]}, "
                   f"memory {max(s[3] for s in early)} to {max(s[3] for s in late)} KiB")
    tally.case("P30 descriptors, threads, memory are flat", f"{trials} trials", wrong)


if __name__ == "__main__":
    disk_full(torture.Program(sys.argv[1]), Lines(), sys.argv[2], [int(s) for s in sys.argv[3].split(",")], sys.argv[4], sys.argv[5:])
