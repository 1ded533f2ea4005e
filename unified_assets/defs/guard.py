"""Ends a group of processes when whoever started it is gone, however it went: a killed process closes the other end of our standard input.

Run as `python -m unified_assets.defs.guard` in a process group of its own, which the processes to end then join.
"""

import os
import signal
import sys

PATIENCE_S = 5.0


def end_group(group: int, *, patience_s: float = PATIENCE_S) -> None:
    """End every other process of the group and all that came from them: asked first, killed after `patience_s`."""
    import psutil

    found = _members(group)
    for process in found:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(found, timeout=patience_s)
    for process in {*alive, *_members(group)}:
        _quietly(process.kill)


def _members(group: int) -> list["psutil.Process"]:  # type: ignore[name-defined]  # noqa: F821 - imported where it is used: this module starts at once
    """Processes of the group besides this one, and their descendants, which may have left it."""
    import psutil

    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group:
                found |= {member.pid: member for member in (process, *process.children(recursive=True))}
        except (psutil.Error, ProcessLookupError):
            continue
    found.pop(os.getpid(), None)
    return list(found.values())


def _quietly(act: "object") -> None:
    import psutil

    try:
        act()  # type: ignore[operator]
    except psutil.NoSuchProcess:
        return


def main() -> None:
    """Wait for the end of standard input, then end this process group."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_group(os.getpgrp())


if __name__ == "__main__":
    main()
