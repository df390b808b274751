"""Runs commands in turn and keeps what each cost."""
import os
import resource
import statistics
import subprocess
import time


def run(command, folder):
    """Runs a line of bash, or a list of words without one; its seconds, processor seconds with all children, those of them outside of
    the kernel, and the largest memory of one process."""
    words = command if isinstance(command, list) else ["bash", "-o", "pipefail", "-c", command]
    start = time.monotonic()
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    if status:
        raise SystemExit(f"{command}\nended with {process.returncode}: {error.decode(errors='replace')}")
    return {
        "seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "user": usage.ru_utime,
        "memory": usage.ru_maxrss * 1024,
    }


def summary(runs):
    """Median, least and most of each figure."""
    return {
        what: {
            "median": statistics.median(one[what] for one in runs),
            "min": min(one[what] for one in runs),
            "max": max(one[what] for one in runs),
        }
        for what in runs[0]
    }


def in_turn(contestants, rounds, folder):
    """Runs all of them once, then again, so that what else the machine does falls on all alike; the first one is rekey's."""
    runs = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, command in contestants.items():
            runs[name].append(run(command, folder))
    return {name: summary(all_runs) for name, all_runs in runs.items()}
