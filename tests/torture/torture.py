"""What the torture tests share: the program, what a database holds, what is left of a run, and the table of promises."""
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, "tiny.yaml")
SMALL = os.path.join(HERE, "small.yaml")
HANG = 300  # seconds: ends what hangs; everything else waits for facts


class Tally:
    """Cases and failures by promise. A case is what may fail as a whole, whatever number of checks it makes."""

    def __init__(self):
        self.rows = {}
        self.notes = []
        self.lock = threading.Lock()

    def case(self, promise, what, wrong):
        """One case; `wrong` lists what was not as promised."""
        with self.lock:
            row = self.rows.setdefault(promise, [0, 0])
            row[0] += 1
            row[1] += bool(wrong)
            if row[0] % 100 == 0:
                print(f"{promise}: {row[0]} cases, {row[1]} failures", flush=True)
            for text in wrong:
                print(f"FAILED: {promise}: {what}: {text}", flush=True)

    def note(self, text):
        with self.lock:
            self.notes.append(text)
            print(text, flush=True)

    def failed(self):
        return sum(row[1] for row in self.rows.values())

    def table(self):
        """Markdown. With no failure in N random cases the rate is below 3/N with 95 % confidence."""
        lines = ["| Promise | N | Failures | Bound |", "|---|---|---|---|"]
        for promise, (n, failures) in self.rows.items():
            bound = f"< {3 / n:.2g}" if failures == 0 else "-"
            lines.append(f"| {promise} | {n} | {failures} | {bound} |")
        return "\n".join(lines)


class Folder:
    """A folder of its own, removed at the end."""

    def __init__(self, parent=None):
        self.path = tempfile.mkdtemp(prefix="tprun-torture-", dir=parent)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Run:
    """A process of tprun (or another program), with a mark by which it and its children are found."""

    def __init__(self, argv, env=None, **options):
        self.mark = "TPRUN_TORTURE=" + uuid.uuid4().hex
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TPRUN_", "OPENBLAS_"))}
        environment.update([self.mark.split("=")])
        environment.update(env or {})
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment, **options)
        self.pid = self.process.pid
        self.hung = False

    def wait(self):
        """Ends with returncode, out and err; a hang is ended after HANG seconds and told by .hung."""
        try:
            out, err = self.process.communicate(timeout=HANG)
        except subprocess.TimeoutExpired:
            self.hung = True
            for pid in self.left():
                kill(pid)
            out, err = self.process.communicate()
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")
        self.returncode = self.process.returncode
        return self

    def left(self):
        """Pids of living processes with the mark."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as f:
                    if self.mark.encode() not in f.read().split(b"\0"):
                        continue
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            if text[text.rindex(")") + 2] not in "ZX":
                found.append(int(name))
        return found

    def wait_gone(self):
        """Until no process with the mark is left; the pids of those that stay."""
        deadline = time.monotonic() + HANG
        left = self.left()
        while left and time.monotonic() < deadline:
            time.sleep(0.005)
            left = self.left()
        return left


def kill(pid, number=9):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Program:
    def __init__(self, build, spec=TINY, jobs=2):
        self.build = os.path.abspath(build)
        self.tprun = os.path.join(self.build, "tprun")
        self.spec = spec
        self.jobs = str(jobs)

    def start(self, db, *args, env=None, spec=None, **options):
        argv = [self.tprun, "run", spec or self.spec, "--db", db, "-j", self.jobs, *args]
        return Run(argv, env, **options)

    def run(self, db, *args, env=None, spec=None, **options):
        return self.start(db, *args, env=env, spec=spec, **options).wait()

    def call(self, *args, env=None, **options):
        return Run([self.tprun, *args], env, **options).wait()

    def digest(self, db):
        done = self.call("digest", db)
        return done.out.split()[0] if done.returncode == 0 else f"(exit status {done.returncode}: {done.err.strip()})"

    def has_kill_points(self):
        return self.call("--fault-points").returncode == 0


class State:
    """What a database holds: rows that may not get lost, trials by state, and what is wrong with it."""

    def __init__(self, db, own_copy=False):
        self.rows, self.states, self.budgets, self.finished, self.checkpoints, self.wrong = set(), {}, {}, {}, [], []
        if not os.path.exists(db):
            return
        mode = "rw" if own_copy or os.path.exists(db + "-journal") else "ro"  # a journal must be rolled back to read
        connection = sqlite3.connect(f"file:{db}?mode={mode}", uri=True)
        try:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if answer != "ok":
                self.wrong.append(f"integrity_check: {answer}")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                return  # ended before the schema was committed
            self.rows = set(connection.execute(
                "SELECT study, variant, cell, seed, metric, step, value, nonfinite FROM metrics"))
            self.states = dict(connection.execute("SELECT key, state FROM trials"))
            self.budgets = dict(connection.execute("SELECT key, budget FROM trials"))
            self.finished = dict(connection.execute("SELECT key, finished_budget FROM trial"))
            self.checkpoints = [(os.path.basename(path), sha) for path, sha in
                                connection.execute("SELECT path, sha256 FROM checkpoint")]
        except sqlite3.Error as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        self.check_checkpoints(db + ".checkpoints")

    def done(self):
        return {key for key, state in self.states.items() if state == "done"}

    def check_checkpoints(self, folder):
        for name, sha in self.checkpoints:
            try:
                with open(os.path.join(folder, name), "rb") as f:
                    good = hashlib.sha256(f.read()).hexdigest() == sha
            except OSError as error:
                self.wrong.append(f"checkpoint {name}: {error.strerror}")
                continue
            if not good:
                self.wrong.append(f"checkpoint {name} has other bytes than the database says")

    def lost_from(self, later):
        """What of this state is not in a later one."""
        wrong = []
        lost = self.rows - later.rows
        if lost:
            wrong.append(f"{len(lost)} rows are lost, such as {min(lost)}")
        # A trial that was done goes on when its budget is raised: the new budget may be there before its new attempt.
        undone = {key for key in self.done() - later.done() if self.finished[key] >= later.budgets.get(key, 0)}
        if undone:
            wrong.append(f"trials that were done are not: {sorted(undone)}")
        return wrong


def check_finished(program, db, expected, wrong):
    """The study is whole: digest, states, and no file but those named."""
    found = program.digest(db)
    if found != expected:
        wrong.append(f"digest {found}, expected {expected}")
    state = State(db)
    wrong += state.wrong
    bad = set(state.states.values()) - {"done", "diverged", "queued"}  # queued: of seeds that were not asked for; the digest tells which
    if bad:
        wrong.append(f"trials are {sorted(bad)}")
    named = {name for name, _ in state.checkpoints}
    files = set(os.listdir(db + ".checkpoints")) if os.path.isdir(db + ".checkpoints") else set()
    if files != named:
        wrong.append(f"files beside those named: {sorted(files ^ named)}")
    return state


def check_again(program, argv, db, before, expected, wrong):
    """The same command once more, without a fault: it finishes the study, and nothing of the state `before` is lost."""
    again = Run(argv).wait()
    if again.returncode:
        wrong.append(f"again: exit status {again.returncode}: {tell(again.err)}")
    wrong += before.lost_from(check_finished(program, db, expected, wrong))
    return again


def straight(program, folder, *args, spec=None):
    """(digest, seconds) of an undisturbed run."""
    db = os.path.join(folder, "straight.db")
    start = time.monotonic()
    done = program.run(db, *args, spec=spec)
    if done.returncode:
        raise SystemExit(f"the undisturbed run ended with {done.returncode}:\n{done.err}")
    return program.digest(db), time.monotonic() - start


def tell(text, limit=300):
    """A program's message, in a line."""
    text = " | ".join(text.strip().splitlines())
    return text if len(text) <= limit else "..." + text[-limit:]
