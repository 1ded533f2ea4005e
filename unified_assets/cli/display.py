"""What a person sees while something runs: bars at the foot of a terminal, log lines above them; plain lines where there is no terminal."""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unified_assets.core.settings import Settings

LOOK_S = 0.5
PLAIN_WIDTH = 160


@contextmanager
def shown(settings: "Settings", *, quiet: bool = False) -> Iterator[None]:
    """Bars of the lake's work while the block runs, on a terminal; elsewhere nothing is added to the lines the steps write.

    Steps are processes of their own and write to the same standard error. They are given a file in its place, whose lines are
    then printed above the bars. A file and no pipe: whoever writes is never held up, and outlives us without a broken pipe.
    """
    if quiet or not sys.stderr.isatty():
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    lines = _nameless_file()
    with os.fdopen(terminal, "w", encoding="utf-8", buffering=1) as screen:
        os.dup2(lines, 2)
        stop = threading.Event()
        thread = threading.Thread(target=_draw, args=(settings.state, lines, screen, stop, time.time()), daemon=True)
        thread.start()
        try:
            yield
        finally:
            sys.stderr.flush()
            stop.set()
            thread.join()
            os.dup2(terminal, 2)
            os.close(lines)


def _nameless_file() -> int:
    """A descriptor of a file to which every process appends, and which vanishes with the last of them."""
    folder = Path(tempfile.mkdtemp(prefix="unified-assets-"))
    descriptor = os.open(folder / "lines", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    shutil.rmtree(folder)
    return descriptor


def _draw(state: Path, lines: int, screen: Any, stop: threading.Event, since: float) -> None:
    """Print what was written to `lines` and draw the bars below it, until told to stop."""
    from rich.console import Console
    from rich.live import Live

    console = Console(file=screen, force_terminal=True)
    place, rest = 0, b""
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            last = stop.is_set()
            while data := os.pread(lines, 1 << 16, place):
                place += len(data)
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    console.print(line.decode("utf-8", "replace"), markup=False, highlight=False, soft_wrap=True)
            if last:
                break
            live.update(_bars(state, since), refresh=True)
            stop.wait(LOOK_S)
    if rest:
        console.print(rest.decode("utf-8", "replace"), markup=False, highlight=False, soft_wrap=True)


def _bars(state: Path, since: float) -> Any:
    """The run this command started, once it has begun; before that, the stages at work."""
    from unified_assets.reports.frame import frame, stages
    from unified_assets.reports.live import moment
    from unified_assets.tracking import journal

    newest = next(iter(journal.runs(state)), None)
    found = moment(state)
    if newest is not None and (newest.get("attempt_started") or 0.0) >= since:
        return frame(found)
    return stages(found["stages"]) if found["stages"] else ""


def watched(state: Path, *, once: bool, interval_s: float) -> int:
    """Draw the newest training run until it ends. Returns the exit code: 1 where it failed."""
    from rich.console import Console
    from rich.live import Live

    from unified_assets.reports.frame import frame
    from unified_assets.reports.live import moment

    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    found = moment(state)
    if once or not _going(found):
        console.print(frame(found))
        return _code(found)
    if not console.is_terminal:
        return _lines(console, state, found, interval_s)
    with Live(frame(found), console=console, auto_refresh=False) as live:
        while _going(found):
            time.sleep(interval_s)
            found = moment(state)
            live.update(frame(found), refresh=True)
    return _code(found)


def _lines(console: Any, state: Path, found: Any, interval_s: float) -> int:
    """No terminal: a line for each model whose round or state changed, then the last frame."""
    from unified_assets.reports.frame import duration, frame
    from unified_assets.reports.live import moment

    told: dict[str, Any] = {}
    while _going(found):
        for row in found["models"]:
            news = (row["round"], row["state"])
            if told.get(row["model"]) != news:
                told[row["model"]] = news
                left = f", {duration(row['eta_s'])} to go" if row.get("eta_s") is not None else ""
                console.print(f"{row['model']}: round {row['round']} of {row['rounds']}, {row['state']}{left}", markup=False, highlight=False)
        time.sleep(interval_s)
        found = moment(state)
    console.print(frame(found))
    return _code(found)


def _going(found: Any) -> bool:
    return found["run"] is not None and found["run"]["status"] == "STARTED"


def _code(found: Any) -> int:
    return 1 if found["run"] is not None and found["run"]["status"] == "FAILURE" else 0
