"""One training run at a time in a lake, whoever started it. A kernel lock, shared by the processes of one run, freed by their death."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unified_assets.core.errors import UnifiedAssetsError
from unified_assets.store.local import Store

POLL_S = 1.0


class LakeBusy(UnifiedAssetsError):
    """Another training run holds the lake."""

    def __init__(self, *, state: Path, holder: str) -> None:
        self.state, self.holder = state, holder
        super().__init__(f"training run {holder} is working in {state}. Wait for it to end, or give this run another `--state`.")


@contextmanager
def training_run(state: Path, token: str, *, wait: bool = True, log: Callable[[str], None] = print) -> Iterator[None]:
    """Hold the lake for the run named `token`: its processes hold it together, those of another run wait (or raise LakeBusy)."""
    folder = state / "locks" / "training"
    folder.mkdir(parents=True, exist_ok=True)
    told = ""
    while True:
        with Store(state).lock("training-door"):
            holder = _other_holder(folder, token)
            descriptor = None if holder else _share(folder / token)
        if descriptor is not None:
            break
        if not wait:
            raise LakeBusy(state=state, holder=holder)
        if told != holder:
            log(f"waiting: training run {holder} is working in this lake")
            told = holder
        time.sleep(POLL_S)
    try:
        yield
    finally:
        os.close(descriptor)


def _share(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _other_holder(folder: Path, token: str) -> str:
    """The token of another run with a living process, or an empty string. Removes what the dead left; call it behind the door."""
    for path in sorted(folder.iterdir()):
        if path.name == token:
            continue
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except BlockingIOError:
            return path.name
        finally:
            os.close(descriptor)
    return ""
