"""Asks for resources in; who holds what out. A JSON file replaced by rename, and one kernel lock for each ask.

An ask lives exactly as long as the lock on its file: when its process dies in any way, the kernel lets go of the lock, and
the next process that looks drops the ask. All changes happen under the guard lock.
"""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

TOLD = ".held"  # an empty file of this name beside an ask's lock says that it is held
_inherited: set[int] = set()  # descriptors of locks that a forked child must close: it inherits the lock otherwise
_registered: list[bool] = []


@dataclass(kw_only=True)
class Ask:
    """One ask. `kind` memory (life of a step) or round; `state` waiting, held, or resident (only its GPU memory is held)."""

    ask_id: str
    model: str
    kind: str
    state: str = "waiting"
    cores: int = 0
    gang: str = ""
    gang_gib: float = 0.0
    gpu: int | None = None  # granted GPU
    gpu_memory_gib: float = 0.0  # 0: no GPU wanted
    priority: int = 0
    remaining: float = 0.0
    since: float = field(default_factory=time.monotonic)  # the same clock in all processes of the host
    evict: bool = False  # a resident whose GPU memory another waits for
    pid: int = field(default_factory=os.getpid)


class Ledger:
    """The asks of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._asks = folder / "asks"
        self._file = folder / "ledger.json"
        self._descriptors: dict[str, int] = {}
        self._asks.mkdir(parents=True, exist_ok=True)
        if not _registered:
            _registered.append(True)
            os.register_at_fork(after_in_child=_close_inherited)

    @contextmanager
    def guard(self) -> Iterator[list[Ask]]:
        """The living asks, under the guard lock; what the block leaves in the list is written back."""
        descriptor = os.open(self.folder / "guard.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self.read()
            asks = [ask for ask in before if self._alive(ask.ask_id)]
            self._sweep({ask.ask_id for ask in asks})
            written, held = [asdict(ask) for ask in before], {ask.ask_id for ask in before if ask.state == "held"}
            yield asks
            if [asdict(ask) for ask in asks] != written:
                self._write(asks)
            for ask in asks:
                if ask.state == "held" and ask.ask_id not in held:
                    self._told(ask.ask_id).touch()
        finally:
            os.close(descriptor)

    def add(self, asks: list[Ask], ask: Ask) -> None:
        """Enter an ask; call it under the guard. Its file appears already locked."""
        temporary = self._asks / f".{ask.ask_id}.tmp"
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        temporary.rename(self._path(ask.ask_id))
        self._descriptors[ask.ask_id] = descriptor
        _inherited.add(descriptor)
        asks.append(ask)

    def drop(self, asks: list[Ask], ask_id: str) -> None:
        """Take an ask of this process out; call it under the guard."""
        asks[:] = [ask for ask in asks if ask.ask_id != ask_id]
        self._path(ask_id).unlink(missing_ok=True)
        self._told(ask_id).unlink(missing_ok=True)
        descriptor = self._descriptors.pop(ask_id, None)
        if descriptor is not None:
            _inherited.discard(descriptor)
            os.close(descriptor)

    def read(self) -> list[Ask]:
        """The asks as last written, dead ones included. Needs no lock: the file is replaced at once."""
        try:
            return [Ask(**entry) for entry in json.loads(self._file.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def granted(self, ask_id: str) -> bool:
        """Whether an ask was told that it is held: what a waiting one looks at, since reading all asks costs more the more wait."""
        return self._told(ask_id).exists()

    def turn_to_look(self, every_s: float) -> bool:
        """Whether nobody has looked for dead holders for so long; the caller then does, and the others need not."""
        looked = self.folder / "looked"
        try:
            if time.time() - looked.stat().st_mtime < every_s:
                return False
        except FileNotFoundError:
            pass
        looked.touch()
        return True

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever the ledger does."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _write(self, asks: list[Ask]) -> None:
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps([asdict(ask) for ask in asks]), encoding="utf-8")
        temporary.replace(self._file)

    def _path(self, ask_id: str) -> Path:
        return self._asks / f"{ask_id}.lock"

    def _told(self, ask_id: str) -> Path:
        return self._asks / f"{ask_id}{TOLD}"

    def _alive(self, ask_id: str) -> bool:
        return ask_id in self._descriptors or locked(self._path(ask_id))

    def _sweep(self, living: set[str]) -> None:
        """Remove files of the dead: asks that were dropped, and those whose process died before they were entered."""
        for name in os.listdir(self._asks):  # noqa: PTH208 - names only: this runs at every grant
            if name.removesuffix(".lock").removesuffix(TOLD) not in living and (name.endswith(TOLD) or not locked(self._asks / name)):
                with suppress(FileNotFoundError):
                    (self._asks / name).unlink()
        for leftover in self.folder.glob("ledger.*.tmp"):
            leftover.unlink(missing_ok=True)


def new_ask_id(model: str) -> str:
    """A name no other ask has."""
    return f"{model}-{os.getpid()}-{uuid.uuid4().hex[:12]}"


def locked(path: Path) -> bool:
    """Whether some process holds the lock of this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def hold(path: Path) -> int:
    """Lock a file that appears already locked, until the returned descriptor is closed or the process dies.

    Raises BlockingIOError where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if locked(path):
        raise BlockingIOError(f"{path} is held by another process")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    temporary.replace(path)
    _inherited.add(descriptor)
    if not _registered:
        _registered.append(True)
        os.register_at_fork(after_in_child=_close_inherited)
    return descriptor


def let_go(descriptor: int) -> None:
    """Close the descriptor that `hold` returned."""
    _inherited.discard(descriptor)
    os.close(descriptor)


def _close_inherited() -> None:
    for descriptor in _inherited:
        with suppress(OSError):
            os.close(descriptor)
    _inherited.clear()
