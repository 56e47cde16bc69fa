#!/usr/bin/env python3
"""SIGKILL at random instants: the runner alone, the runner with all its workers, or one worker.

A study is trained once without interruption. Then it is trained again and again in another database, killed each time at a random instant
within the time a whole training takes, until it ends by itself; a round is the sequence of kills until then. After every kill the
database must pass integrity_check, hold every row and finished trial that it held before, and no process may be left; after every round
`tprun digest` must equal that of the uninterrupted run.

    kill.py --kills 30 --build BUILD --spec tests/torture/small.yaml
    kill.py --kills 20 --build BUILD seeds=2 train.iterations=300    # values of the file replaced: a shorter study
"""
import argparse
import os
import random
import shutil
import sys
import time

import torture

PROMISE = "P1 kill -9 at random instants"


class Kills:
    def __init__(self, program, tally, folder, limit, values):
        self.program, self.tally, self.folder, self.limit, self.values = program, tally, folder, limit, values
        self.digest, self.seconds = torture.straight(program, folder, *values)
        self.count = {"runner": 0, "group": 0, "worker": 0}
        self.rounds = 0

    def strike(self, run, how):
        """Whether there was something to hit."""
        workers = [pid for pid in run.left() if pid != run.pid]
        if how == "worker":
            return bool(workers) and torture.kill(random.choice(workers))
        if run.process.poll() is not None or not torture.kill(run.pid):
            return False
        if how == "group":
            for pid in workers:
                torture.kill(pid)
        return True

    def one_round(self):
        self.rounds += 1
        db = os.path.join(self.folder, f"round-{self.rounds}.db")
        before = torture.State(db)
        while True:
            struck = None
            run = self.program.start(db, "-q", *self.values)
            if sum(self.count.values()) < self.limit:
                time.sleep(random.uniform(0, self.seconds * 1.05))  # an instant; nothing waits for it
                how = random.choice(["runner", "group", "worker", "runner", "group"])
                hit = self.strike(run, how)
                self.count[how] += hit
                struck = how if hit else None
            run.wait()
            wrong = [f"processes are left: {run.left()}"] if run.wait_gone() else []
            after = torture.State(db)
            wrong += after.wrong + before.lost_from(after)
            before = after
            if run.returncode == 0:
                torture.check_finished(self.program, db, self.digest, wrong)
            elif run.returncode != -9 or struck in (None, "worker"):
                wrong.append(f"exit status {run.returncode}: {torture.tell(run.err)}")
            self.tally.case(PROMISE, f"round {self.rounds}, {struck or 'the end'}", wrong)
            if run.returncode != -9:
                break
        shutil.rmtree(db + ".checkpoints", ignore_errors=True)
        for path in (db, db + "-wal", db + "-shm"):
            if os.path.exists(path):
                os.unlink(path)


def run(program, tally, folder, spec, kills, values=()):
    test = Kills(torture.Program(program.build, spec, program.jobs), tally, folder, kills, values)
    while sum(test.count.values()) < kills:
        test.one_round()
    tally.note(f"{sum(test.count.values())} kills {test.count} in {test.rounds} rounds of {test.seconds:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--spec", default=torture.SMALL)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="values of the file that are replaced")
    args = parser.parse_args()
    random.seed(args.seed)
    print(f"seed {args.seed}", flush=True)
    tally = torture.Tally()
    with torture.Folder() as folder:
        run(torture.Program(args.build, args.spec, args.jobs), tally, folder, args.spec, args.kills, args.values)
    print(tally.table())
    return 1 if tally.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
