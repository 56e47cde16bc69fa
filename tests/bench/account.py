"""Where the processor time of `tprun run` goes: the runner's own, and that of the workers by phase."""
import os
import sqlite3
import subprocess

TICK = os.sysconf("SC_CLK_TCK")


class Account:
    """Seconds of processor time of one run, of all its processes. phases: what workers told (table `cost`); processes: what the workers and the
    process that forks them took beside it: fork, reading a trial, setting it up, the end."""

    def __init__(self, runner, children, phases):
        self.runner, self.phases, self.processes = runner, phases, children - sum(phases.values())
        self.total = runner + children


def query(db, sql, *arguments):
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    try:
        return connection.execute(sql, arguments).fetchall()
    finally:
        connection.close()


def run(tprun, spec, db, *arguments):
    process = subprocess.Popen([tprun, "run", spec, "--db", db, "-q", *arguments], stdout=subprocess.DEVNULL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its figures are there until it is waited for
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        user, system, of_children, system_of_children = map(int, f.read().rsplit(")", 1)[1].split()[11:15])
    if process.wait() != 0:
        raise SystemExit(f"tprun run {spec}: status {process.returncode}")
    phases = dict(query(db, "SELECT phase, sum(cpu_ns) / 1e9 FROM cost GROUP BY phase"))
    return Account((user + system) / TICK, (of_children + system_of_children) / TICK, phases)
