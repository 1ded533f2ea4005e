"""How much of some work is done in; a line for logs now and then, and a small file for whoever draws a bar, out."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FOLDER = "progress"
SAY_S = 5.0
NOTE_S = 0.25


class Progress:
    """Counts what is done of a total. Made by `progress`."""

    def __init__(self, path: Path, what: str, total: int, log: Callable[[str], None]) -> None:
        self.path, self.what, self.total, self.log = path, what, total, log
        self.done, self.started = 0, time.time()
        self._said = self._noted = time.monotonic()

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        now = time.monotonic()
        if now - self._noted >= NOTE_S:
            self._noted = now
            self.note()
        if now - self._said >= SAY_S:
            self._said = now
            self.log(f"{self.what}: {self.done:,} of {self.total:,} files, {said(self.done, self.total, time.time() - self.started)}")

    def note(self) -> None:
        """Write the file anew. That it cannot be written is no reason to stop the work."""
        content = {"what": self.what, "done": self.done, "total": self.total, "started": self.started, "pid": os.getpid()}
        temporary = self.path.with_suffix(".tmp")
        with suppress(OSError):
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self.path)


@contextmanager
def progress(state: Path, what: str, total: int, log: Callable[[str], None]) -> Iterator[Progress]:
    """Progress of `total` files, visible under `<state>/progress` while the block runs."""
    folder = state / FOLDER
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    found = Progress(folder / f"{what.replace('/', '_')}-{os.getpid()}.json", what, total, log)
    found.note()
    try:
        yield found
    finally:
        with suppress(OSError):
            found.path.unlink(missing_ok=True)


def under_way(state: Path) -> list[dict[str, Any]]:
    """What is being worked on now, by name; what dead processes left is not told."""
    import psutil

    found = []
    for path in sorted((state / FOLDER).glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if psutil.pid_exists(int(content["pid"])):
                found.append(content)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # gone or replaced at this moment
    return found


def said(done: int, total: int, seconds: float) -> str:
    """`340 a second, 12 s to go`."""
    if not done or seconds <= 0:
        return "just begun"
    rate = done / seconds
    shown = f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second"
    return f"{shown}, {(total - done) / rate:.0f} s to go"
