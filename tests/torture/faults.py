"""The n-th call of a kind fails (fault.c): opens, reads, writes, short writes, syncs, renames, links, unlinks, closes, folders, truncations,
with EIO and ENOSPC, once and for ever, in every file that is written: database, log, lock, checkpoints, exported weights, reports and data
files. And the n-th allocation, in each command.

Either the command fails with a message that has the reason and the path, and the same command without a fault makes up for it; or it
succeeds, and everything is there. Never a success with something missing, a crash or a hang."""
import concurrent.futures
import errno
import os
import struct

import torture
from points import Points, read

CALLS = {"open": [errno.EIO, errno.ENOSPC], "read": [errno.EIO], "write": [errno.EIO, errno.ENOSPC], "short": [0],
         "sync": [errno.EIO, errno.ENOSPC], "syncdir": [errno.EIO], "rename": [errno.EIO, errno.ENOSPC], "link": [errno.EIO], "unlink": [errno.EIO],
         "close": [errno.EIO], "mkdir": [errno.EIO, errno.ENOSPC], "truncate": [errno.EIO]}
TARGETS = ("run", "report", "fetch", "weights")
STATUSES = (1, 3, 4, 5, 6, 75)  # documented; 2 is for mistakes of a user


class Faults:
    def __init__(self, program, tally, folder):
        self.program, self.tally, self.folder = program, tally, folder
        self.commands = Points(program, tally, folder, True)
        self.command = self.commands.command
        self.library = os.path.join(program.build, "tests", "torture", "libfault.so")
        self.outputs = {}

    def strike(self, argv, folder, kind, n, error, mode, program=None):
        """The run, how many calls there were, and how many of them failed."""
        count = folder + ".count"
        with open(count, "wb") as f:
            f.write(bytes(16))
        env = {"LD_PRELOAD": self.library, "TPRUN_FAULT": f"{kind}:{n}:{error}:{mode}", "TPRUN_FAULT_FOLDER": folder,
               "TPRUN_FAULT_COUNT": count, "XDG_CACHE_HOME": os.path.join(self.folder, "cache")}  # timings are kept: a plan that is made again says the same
        if program:
            env["TPRUN_FAULT_PROGRAM"] = program
        run = torture.Run(argv, env).wait()
        with open(count, "rb") as f:
            calls, failed = struct.unpack("=QQ", f.read())
        os.unlink(count)
        return run, calls, failed

    def count(self, target, kind, program=None):
        with torture.Folder(self.folder) as folder:
            argv, outputs = self.command(target, folder)
            run, calls, _ = self.strike(argv, folder, kind, 0, 0, "once", program)
            if run.returncode:
                raise SystemExit(f"{target} without a fault ends with {run.returncode}: {run.err}")
            if outputs:
                self.outputs[target] = [read(path) for path in outputs]
            return calls

    def case(self, target, kind, n, error, mode):
        reason = os.strerror(error) if error else "nothing"
        what = f"{target}: {kind} {n}, {reason}, {mode}"
        wrong = []
        with torture.Folder(self.folder) as folder:
            argv, outputs = self.command(target, folder)
            run, _, failed = self.strike(argv, folder, kind, n, error, mode)
            if run.hung:
                wrong.append("hangs")
            if run.wait_gone():
                wrong.append("processes are left")
            if run.returncode not in (0, *STATUSES) or (kind == "short" and run.returncode):
                wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
            elif run.returncode == 0 and failed and kind.startswith("sync") and (kind, target) != ("syncdir", "run"):
                wrong.append("success after a failed sync")  # SQLite itself overlooks those of folders
            elif run.returncode and failed and not self.told(run.err, reason, folder):
                wrong.append(f"the message has not both reason and path: {torture.tell(run.err)}")
            if outputs is None:
                self.judge_run(folder, argv, run, wrong)
            else:
                self.judge_output(target, argv, outputs, run, wrong)
        self.tally.case("P5 input/output errors", what, wrong)

    @staticmethod
    def told(text, reason, folder):
        full = reason == os.strerror(errno.ENOSPC) and "disk is full" in text
        unknown = ": input/output error" in text  # SQLite kept no errno: of a failed sync, or of an open that it tried again
        return (reason in text or full or unknown) and folder in text

    def judge_run(self, folder, argv, run, wrong):
        db = os.path.join(folder, "results.db")
        if run.returncode == 0:
            found = self.program.digest(db)
            if found != self.commands.digest:
                wrong.append(f"success with digest {found}, expected {self.commands.digest}")
        before = torture.State(db)
        wrong += before.wrong
        torture.check_again(self.program, argv, db, before, self.commands.digest, wrong)

    def judge_output(self, target, argv, outputs, run, wrong):
        for path, expected in zip(outputs, self.outputs[target]):
            found = read(path)
            if found != expected and (run.returncode == 0 or found is not None):
                wrong.append(f"{os.path.basename(path)} is {'missing' if found is None else 'not what it should be'} after {run.returncode}")
        again = torture.Run(argv).wait()
        if again.returncode or [read(path) for path in outputs] != self.outputs[target]:
            wrong.append(f"again without a fault: exit status {again.returncode}: {torture.tell(again.err)}")

    def plan(self, most):
        """All calls, or `most` of each kind."""
        cases = []
        for target in TARGETS:
            for kind, errors in CALLS.items():
                calls = self.count(target, kind)
                for k, n in enumerate(chosen(calls, most)):
                    for i, error in enumerate(errors):
                        for j, mode in enumerate(("once", "sticky")):
                            if most is None or (i + 2 * j) % (2 * len(errors)) == k % (2 * len(errors)) or len(errors) == 1 and j == k % 2:
                                cases.append((target, kind, n, error, mode))
        return cases

    # ---- memory ----

    def memory_commands(self):
        db = self.commands.finished
        tprun = self.program.tprun
        return {"plan": [tprun, "plan", self.program.spec, "--db", "/nonexistent/x.db"],
                "sql": [tprun, "sql", "SELECT study, variant, metric, step, value FROM metrics", "--db", db],
                "report": [tprun, "report", "tiny", "--db", db],
                "digest": [tprun, "digest", db]}

    def memory_case(self, name, argv, n, mode, expected, program):
        wrong = []
        with torture.Folder(self.folder) as folder:
            db = os.path.join(folder, "results.db")
            if name == "run":
                argv, _ = self.command("run", folder)
            run, _, failed = self.strike(argv, folder, "memory", n, errno.ENOMEM, mode, program)
            if run.hung:
                wrong.append("hangs")
            if run.wait_gone():
                wrong.append("processes are left")
            if run.returncode not in (0, 1, 6) or (run.returncode == 1 and program == "tprun"):
                wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
            elif run.returncode and failed and "memory" not in run.err:
                wrong.append(f"exit status {run.returncode}, and no word of memory: {torture.tell(run.err)}")
            if name == "run":
                before = torture.State(db)
                wrong += before.wrong
                torture.check_again(self.program, argv, db, before, self.commands.digest, wrong)
            elif run.returncode == 0 and run.out != expected:
                wrong.append("success with another output")
        self.tally.case("P6 allocation failures", f"{program} {name}: allocation {n}, {mode}", wrong)

    def memory_plan(self, most):
        cases = []
        for name, argv in self.memory_commands().items():
            with torture.Folder(self.folder) as folder:
                run, calls, _ = self.strike(argv, folder, "memory", 0, 0, "once", "tprun")
            cases += [(name, argv, n, mode, run.out, "tprun") for n in chosen(calls, most) for mode in ("once", "sticky")]
        for program in ("tprun", "tprun-worker-double"):
            calls = self.count("run", "memory", program)
            cases += [("run", None, n, mode, None, program) for n in chosen(calls, most) for mode in ("once", "sticky")]
        return cases


def chosen(calls, most):
    """Numbers of calls: all, or the first three and others at equal distances."""
    if most is None or calls <= most:
        return list(range(1, calls + 1))
    first = min(3, most)
    return sorted({1 + i for i in range(first)} | {first + 1 + i * (calls - first - 1) // max(1, most - first) for i in range(most - first)})


def run(program, tally, folder, most=None, most_memory=200, parallel=2):
    faults = Faults(program, tally, folder)
    cases = faults.plan(most)
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(lambda case: faults.case(*case), cases))
        list(pool.map(lambda case: faults.memory_case(*case), faults.memory_plan(most_memory)))
