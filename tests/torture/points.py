"""Every kill point (src/base/killpoint.h), by name: SIGKILL at its first, second and third time, and INT, TERM, HUP and USR1.

A case runs what comes to the point, then runs the same command again without a signal: it ends with exit status 0 and the digest of an
undisturbed run, nothing that was committed is lost, and no process is left. A point that is never reached fails."""
import concurrent.futures
import hashlib
import os
import random
import re
import shutil

import torture

NAME = "numbers"
DATA = random.Random(1).randbytes(50_000)


class Points:
    def __init__(self, program, tally, folder, short):
        self.program, self.tally, self.folder, self.short = program, tally, folder, short
        self.fetch_one = os.path.join(program.build, "tests", "fetch-one")
        self.digest, _ = torture.straight(program, folder)
        self.reached = set()
        self.source = os.path.join(folder, "source")
        os.mkdir(self.source)
        with open(os.path.join(self.source, NAME), "wb") as f:
            f.write(DATA)
        self.finished = os.path.join(folder, "finished.db")
        program.run(self.finished)
        self.shards = os.path.join(folder, "shards")
        os.mkdir(self.shards)
        for i in (0, 1):
            program.call("work", program.spec, "--shard", f"{i}/2", "--db", os.path.join(self.shards, f"{i}.db"), "-q")

    # ---- what comes to a point ----

    def command(self, target, folder):
        """(argv, output files or None for a database) of a command, in a folder of its own."""
        p = self.program
        if target == "report":
            out = os.path.join(folder, "report.md")
            return [p.tprun, "report", "tiny", "--db", self.finished, "-o", out], [out]
        if target == "fetch":
            out = os.path.join(folder, "data", NAME)
            return [self.fetch_one, os.path.dirname(out), "1", "file", NAME, str(len(DATA)), hashlib.sha256(DATA).hexdigest(),
                    self.source], [out]
        if target == "weights":
            key = min(torture.State(self.finished).states)
            out = os.path.join(folder, "weights.safetensors")
            return [p.tprun, "export", "weights", key, "--db", self.finished, "-o", out, "--force"], [out]
        db = os.path.join(folder, "results.db")
        if target == "merge":
            return [p.tprun, "merge", "-o", db, self.shards], None
        if target == "work":
            return [p.tprun, "work", p.spec, "--shard", "0/1", "--db", db, "--local", os.path.join(folder, "local"), "-j", p.jobs], None
        if target == "sweep":  # a worker that was killed left half a file
            os.mkdir(db + ".checkpoints")
            with open(os.path.join(db + ".checkpoints", "0123456789abcdef.7.safetensors.1.0123456789abcdef.tmp"), "wb") as f:
                f.write(b"half a file")
        return [p.tprun, "run", p.spec, "--db", db, "-j", p.jobs], None

    @staticmethod
    def targets(point):
        """The commands that come to a point."""
        if point == "file.linked":
            return ["fetch"]
        if point.startswith("file."):
            return ["run", "report", "weights"] + ([] if point == "file.renamed" else ["fetch"])
        if point == "store.merged":
            return ["merge"]
        if point.startswith("run.publish"):
            return ["work"]
        return ["sweep" if point == "run.sweep" else "run"]

    # ---- cases ----

    def case(self, target, point, n, signal):
        what = f"{target}: {point}:{n}:{signal}"
        wrong = []
        with torture.Folder(self.folder) as folder:
            argv, outputs = self.command(target, folder)
            in_worker = outputs is None and point.split(".")[0] in ("worker", "file")
            whom = ":parent" if in_worker and signal != "KILL" else ""
            first = torture.Run(argv, {"TPRUN_KILL": f"{point}:{n}:{signal}{whom}"}).wait()
            hit = f"kill point {point}:{n}" in first.err
            if hit:
                self.reached.add((target, point))
            if first.hung:
                wrong.append("hangs")
            left = first.wait_gone()
            if left:
                wrong.append(f"processes are left: {left}")
            if outputs is None:
                self.judge_run(folder, first, hit, signal, in_worker, argv, wrong)
            else:
                self.judge_output(first, hit, argv, outputs, wrong)
        self.tally.case("P1 kill points" if signal == "KILL" else "P12 kill points x signals", what, wrong)

    def judge_run(self, folder, first, hit, signal, in_worker, argv, wrong):
        db = os.path.join(folder, "results.db")
        expected = [0]
        if hit and signal == "KILL":
            expected = [0, 1] if in_worker else [-9]  # a worker: it is retried, and dies again, or later
        elif hit and "merge" in argv:  # which has no checkpoint to make: a signal ends it, and all or nothing is there
            expected = [-{"HUP": 1, "INT": 2, "TERM": 15, "USR1": 10}[signal]]
        elif hit and signal != "HUP":
            expected = [75, 0]
        if first.returncode not in expected:
            wrong.append(f"exit status {first.returncode}, expected {expected}: {torture.tell(first.err)}")
        before = torture.State(db)
        wrong += before.wrong
        if first.returncode == 75 and "running" in before.states.values():
            wrong.append("a trial is `running` after exit status 75")
        if "work" not in argv and first.err.count("  done  ") > len(before.done()):
            wrong.append(f"told to be done, and is not: {torture.tell(first.err)}")
        again = torture.check_again(self.program, argv, db, before, self.digest, wrong)
        finished = re.search(r"(\d+) were finished before", again.err)
        if "work" in argv and first.err.count("  done  ") > (int(finished[1]) if finished else 0):
            wrong.append(f"told to be done, and trained again: {torture.tell(again.err)}")

    def judge_output(self, first, hit, argv, outputs, wrong):
        """An output is whole or absent after the kill, and whole after the second call."""
        if first.returncode != (-9 if hit else 0):
            wrong.append(f"exit status {first.returncode}: {torture.tell(first.err)}")
        seen = [read(path) for path in outputs]
        again = torture.Run(argv).wait()
        if again.returncode:
            wrong.append(f"again: exit status {again.returncode}: {torture.tell(again.err)}")
        for path, bytes_seen in zip(outputs, seen):
            if bytes_seen is not None and bytes_seen != read(path):
                wrong.append(f"{path} was half written")

    def plan(self, points):
        kills = [(target, p, n, "KILL") for n in (1, 2, 3) for p in points for target in self.targets(p)]
        runs = [(self.targets(p)[0], p) for p in points if self.targets(p)[0] in ("run", "sweep", "work", "merge")]
        signals = [(target, p, 1, s) for s in ("INT", "TERM", "HUP", "USR1") for target, p in runs]
        if self.short:  # every point once with KILL and once with a signal, in turn
            kills = [c for c in kills if c[2] == 1]
            signals = [c for i, c in enumerate(signals) if (i + i // len(runs)) % 4 == 0]
        return kills + signals


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def run(program, tally, folder, short, parallel=2):
    if not program.has_kill_points():
        tally.case("P1 kill points", "the build", ["it has no kill points: meson setup -Dkill_points=true"])
        return
    points = program.call("--fault-points").out.split()
    test = Points(program, tally, folder, short)
    cases = test.plan(points)
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(lambda case: test.case(*case), cases))
    for point in points:
        for target in test.targets(point):
            reached = (target, point) in test.reached
            tally.case("P1 every kill point is reached", f"{target}: {point}", [] if reached else ["never reached"])
    shutil.rmtree(folder, ignore_errors=True)
