"""Power cuts: a run is recorded (record.c), and the states that its disk may have had are made from the record (replay.c).

Each state opens, passes integrity_check, holds every row and every finished trial that was acknowledged at that instant, and every
checkpoint that it names exists with its SHA-256. From a sample of them the study is resumed: its digest is that of the undisturbed run. The
control, with fsync doing nothing, must fail."""
import concurrent.futures
import os
import shutil
import subprocess
import tempfile
import threading

import torture


class Recording:
    def __init__(self, program, folder, control):
        self.program = program
        self.folder = os.path.join(folder, "control" if control else "recorded")
        self.log = self.folder + ".log"
        self.replay_program = os.path.join(program.build, "tests", "torture", "replay")
        os.mkdir(self.folder)
        env = {"LD_PRELOAD": os.path.join(program.build, "tests", "torture", "librecord.so"), "TPRUN_RECORD_FOLDER": self.folder,
               "TPRUN_RECORD_LOG": self.log}
        if control:
            env["TPRUN_RECORD_NO_SYNC"] = "1"
        for args in (["train.iterations=20"], []):  # a study that is finished, and one that goes on with a larger budget
            done = program.run(os.path.join(self.folder, "results.db"), *args, env=env)
            if done.returncode:
                raise SystemExit(f"the recorded run ended with {done.returncode}:\n{done.err}")
        self.acknowledged = {0: torture.State("/nonexistent")}
        self.lock = threading.Lock()

    def replay(self, what, out):
        done = subprocess.run([self.replay_program, self.log, str(what), out], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def acknowledged_at(self, n, scratch):
        """The state that had been acknowledged after n records: the same for many cuts."""
        with self.lock:
            if n not in self.acknowledged:
                out = os.path.join(scratch, "acknowledged")
                self.replay(f"full:{n}", out)
                self.acknowledged[n] = torture.State(os.path.join(out, "results.db"), True)
            return self.acknowledged[n]

    def state(self, seed, scratch, resume_to=None):
        """What is wrong with the state of this seed."""
        out = os.path.join(scratch, "state")
        words = self.replay(seed, out)
        expected = self.acknowledged_at(int(words[3]), scratch)
        db = os.path.join(out, "results.db")
        if resume_to:
            copy = os.path.join(scratch, "copy")
            self.replay(seed, copy)
        found = torture.State(db, True)
        wrong = found.wrong + expected.lost_from(found)
        if resume_to:
            db = os.path.join(copy, "results.db")
            done = self.program.run(db)
            if done.returncode:
                wrong.append(f"resuming ends with {done.returncode}: {torture.tell(done.err)}")
            torture.check_finished(self.program, db, resume_to, wrong)
        return wrong, " ".join(words)


def run(program, tally, folder, states, resumes, seed, parallel=2):
    digest, _ = torture.straight(program, folder)
    recording = Recording(program, folder, False)

    def one(i):
        with torture.Folder(folder) as scratch:
            resume = i % max(1, states // resumes) == 0
            wrong, what = recording.state(seed + i, scratch, digest if resume else None)
            tally.case("P3 power cut", f"seed {seed + i}: {what}", wrong)
            if resume:
                tally.case("P3 resumed after a power cut", f"seed {seed + i}", wrong)

    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, range(states)))
    if tally.rows["P3 power cut"][1]:
        kept = os.path.join(tempfile.gettempdir(), f"tprun-powercut-{seed}.log")
        shutil.copy(recording.log, kept)
        tally.note(f"the recording is kept: {recording.replay_program} {kept} SEED FOLDER makes the states again")

    control = Recording(program, folder, True)
    failed, wanted = 0, min(states, 100)
    for i in range(wanted):
        with torture.Folder(folder) as scratch:
            failed += bool(control.state(seed + i, scratch)[0])
    tally.note(f"control of P3, fsync does nothing: {failed} of {wanted} states are damaged or have lost rows")
    tally.case("P3 control fails", "fsync does nothing", [] if failed > wanted // 10 else ["the control passed: the test proves nothing"])
