"""A step process must not outlive its run: if the run worker is killed, its steps would train on and materialize into a failed run."""

import multiprocessing
import os
import sys
import threading
import time

POLL_S = 1.0


def watch_ancestors() -> None:
    """End this process soon after its parent or grandparent is gone. Does nothing in a process that no executor started.

    Steps are forked by a fork server, which the run worker started: parent and grandparent. PR_SET_PDEATHSIG does not work there.
    The worker may be gone before this is called: the process that asked for this one is known by its number, not by who is there now.
    """
    worker = multiprocessing.parent_process()
    if worker is None or any(thread.name == "ancestors" for thread in threading.enumerate()):
        return
    expected = ancestors() if worker.pid == os.getppid() else (os.getppid(), worker.pid or 0)
    threading.Thread(target=_watch, args=(expected,), name="ancestors", daemon=True).start()


def ancestors() -> tuple[int, int]:
    """(parent, grandparent) of this process; 0 for one that is gone."""
    parent = os.getppid()
    return parent, _parent_of(parent)


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - read every second: no Path object for it
            return int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        import psutil

        try:
            return int(psutil.Process(pid).ppid())
        except psutil.NoSuchProcess:
            return 0


def _watch(expected: tuple[int, int]) -> None:
    while ancestors() == expected:
        time.sleep(POLL_S)
    sys.stderr.write("the run that started this step is gone: ending it; its rounds are kept\n")
    sys.stderr.flush()
    os._exit(70)
