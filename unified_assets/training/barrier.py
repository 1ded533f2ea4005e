"""A round that is done in; the slots of the peers a model learns from out, as soon as each has one. Nobody ever hangs.

A step holds the lock of its model while it lives. A peer's lock is looked at before its slot: then a slot that appears in
between is seen. Slot there: go. Peer not in this run: tombstone. No lock file yet: wait for its step to start, and when all that
live have waited `stall_s`, step aside so that it gets a place to start in. Lock file there but unheld: it was killed; step aside
once, for its next attempt may be waiting for this very place, and a tombstone only if it is not back `grace_s` after that.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unified_assets.compute.ledger import hold, let_go, locked
from unified_assets.core.errors import YieldStep
from unified_assets.training import slots

POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Membership:
    """The locks of one run's steps. `grace_s`: how long a killed step may take to come back before its peers go on without."""

    locks: Path
    model: str
    members: tuple[str, ...]
    stall_s: float = 20.0
    grace_s: float = 20.0
    began: float = field(default_factory=time.time)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Hold this model's lock. A step that yields takes its lock file with it: it was never there."""
        descriptor = hold(self._lock(self.model))
        self._failed(self.model).unlink(missing_ok=True)
        self._replace(self._born(self.model), time.time_ns())
        try:
            yield
        except YieldStep:
            self._lock(self.model).unlink(missing_ok=True)
            raise
        except Exception:
            self._failed(self.model).touch()  # it will not come back: no grace
            raise
        finally:
            self._waiting(self.model).unlink(missing_ok=True)
            let_go(descriptor)

    def wait_for(
        self, peers: Sequence[str], knowledge_dir: Path, round_index: int, *, waiting: Callable[[str], None], idle: Callable[[], None]
    ) -> dict[str, Path]:
        """The slot of each peer for a round. `idle` is called again and again meanwhile. Raises YieldStep."""
        found: dict[str, Path] = {}
        dead_since: dict[str, float] = {}
        started = time.monotonic()
        try:
            while True:
                absent = [peer for peer in sorted(set(peers) - set(found)) if not self._look(peer, knowledge_dir, round_index, found, dead_since)]
                missing = sorted(set(peers) - set(found))
                if not missing:
                    return {peer: found[peer] for peer in sorted(found)}
                self._note_waiting(started)
                waiting(f"round {round_index} of {', '.join(missing)}")
                late = [peer for peer in missing if peer in dead_since and not self._made_way_for(peer)]
                if (absent or late) and (self._all_stalled() or any(time.monotonic() - dead_since[peer] >= self.grace_s for peer in late)):
                    self._make_way(late)
                    raise YieldStep(f"{self.model} waits for {', '.join([*absent, *late])}, which has no place to start in")
                idle()
                time.sleep(POLL_S)
        finally:
            self._waiting(self.model).unlink(missing_ok=True)

    def _look(self, peer: str, knowledge_dir: Path, round_index: int, found: dict[str, Path], dead_since: dict[str, float]) -> bool:
        """Enter the peer's slot in `found` where it is or can be settled now; False where its step has not begun."""
        lock = self._lock(peer)
        there = lock.is_file()
        living = there and locked(lock)  # before the slot is looked at
        slot = slots.find(knowledge_dir, peer, round_index)
        if slot is None and (reason := self._why_gone(peer, there=there, living=living, dead_since=dead_since)) is not None:
            slots.bury(slots.slot_of(knowledge_dir, peer, round_index), reason)
            slot = slots.find(knowledge_dir, peer, round_index)
        if slot is not None:
            found[peer] = slot
        return slot is not None or there

    def _why_gone(self, peer: str, *, there: bool, living: bool, dead_since: dict[str, float]) -> str | None:
        if peer not in self.members:
            return "it is not part of this run"
        if not there or living:
            dead_since.pop(peer, None)
            return None
        if self._failed_meanwhile(peer):
            return "it failed"
        since = dead_since.setdefault(peer, time.monotonic())
        patient = time.monotonic() - since < self.grace_s or not self._made_way_for(peer)
        return None if patient else "its process ended and did not come back"

    def _failed_meanwhile(self, peer: str) -> bool:
        """Whether a peer failed since this step began; an older failure may be that of an attempt that is being repeated."""
        try:
            return self._failed(peer).stat().st_mtime >= self.began
        except FileNotFoundError:
            return False

    def _note_waiting(self, started: float) -> None:
        path = self._waiting(self.model)
        if not path.exists():
            self._replace(path, started)

    def _made_way_for(self, peer: str) -> bool:
        """Whether this step stepped aside since that peer's last attempt began."""
        return bool(self._read(self._way(self.model), {}).get(peer) == self._read(self._born(peer), 0))

    def _make_way(self, peers: Sequence[str]) -> None:
        if peers:
            self._replace(self._way(self.model), {**self._read(self._way(self.model), {}), **{peer: self._read(self._born(peer), 0) for peer in peers}})

    @staticmethod
    def _read(path: Path, default: Any) -> Any:
        with suppress(FileNotFoundError, ValueError):
            return json.loads(path.read_text(encoding="utf-8"))
        return default

    @staticmethod
    def _replace(path: Path, value: object) -> None:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(value), encoding="utf-8")
        temporary.replace(path)

    def _all_stalled(self) -> bool:
        """Whether every living step of the run has waited `stall_s` for a peer."""
        now = time.monotonic()
        for member in self.members:
            if not locked(self._lock(member)):
                continue
            since = self._read(self._waiting(member), None)
            if since is None or now - since < self.stall_s:
                return False
        return True

    def _lock(self, model: str) -> Path:
        return self.locks / f"{model}.lock"

    def _waiting(self, model: str) -> Path:
        return self.locks / f"{model}.waiting"

    def _failed(self, model: str) -> Path:
        return self.locks / f"{model}.failed"

    def _born(self, model: str) -> Path:
        return self.locks / f"{model}.born"

    def _way(self, model: str) -> Path:
        return self.locks / f"{model}.way"
