"""A function and items in; exactly one outcome for each item out, whatever an item does to the process that works on it.

A *nursery*, a small process without threads, imports the function's module once and forks workers on request. It is started by
exec, so the caller may have threads (polars, torch) and its `__main__` is never imported again. A worker runs under an address
space limit and gets items in small batches; one that crashes, hangs or eats its memory is replaced, the item it worked on becomes
an outcome with a reason, the rest of its batch goes to others. Only an item that also fails alone in a fresh worker is blamed for
a crash or for memory: what ran before it may have done the damage. Answers come back a few at a time; which item a worker is at, and
since when, stands in memory shared with the pool, so what was done and not yet sent when a worker died is done again by another.
"""

import os
import pickle
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, starmap
from typing import Any, Self

from unified_assets.compute.nursery import END_OF_BATCH, HEADER, OUT_OF_MEMORY, Nursery, Origin, Page, WorkersUnavailable, framed
from unified_assets.core import plugins
from unified_assets.core.errors import UsageError

BATCH = 128
RECYCLE_AFTER = 10_000  # items one worker handles before it is replaced: leaks of native decoders stay small
_CHUNK = 1 << 20
_MESSAGE = 16  # items sent together: a message costs as much as an item
_AHEAD_BYTES = 1 << 20  # what waits for one worker; a single message may be longer

__all__ = ["NotImportable", "Outcome", "WorkerPool", "WorkersUnavailable"]


class NotImportable(UsageError):
    """A worker function that another process cannot find by name."""

    def __init__(self, function: object) -> None:
        self.function = function
        super().__init__(f"{function!r} cannot run in a worker process. Define it at the top level of an importable module, not in a script or a function.")


@dataclass(slots=True)
class Outcome:
    """What became of item `index`: a value, or a reason (`crash`, `timeout`, `out_of_memory`, an UnreadableFile's reason, a class name)."""

    index: int
    value: Any = None
    reason: str | None = None
    detail: str = ""


class WorkerPool:
    """Worker processes for one function: `function(item)` in a guarded process. Use as a context manager.

    `function` is a module-level function, or a functools.partial of one. `timeout_s` bounds one item in wall-clock seconds,
    `memory_mib` what a worker may add to its address space. `prepare` runs once before workers are forked: what it imports
    they all share.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        workers: int,
        timeout_s: float,
        memory_mib: int,
        prepare: Callable[[], Any] | None = plugins.modalities,
    ) -> None:
        self.workers, self.timeout_s, self.memory_mib = max(1, workers), timeout_s, memory_mib
        self._task = (_origin(function), pickle.dumps((function, prepare, memory_mib)))
        self._slots: list[_Slot] = []
        self._selector = selectors.DefaultSelector()
        self._nursery: Nursery | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes of the pool."""
        self._dismiss()
        self._selector.close()
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None

    def map(self, items: Sequence[Any]) -> Iterator[Outcome]:
        """One outcome for each item, in the order in which they are ready."""
        if not items:
            return
        queue, remaining = deque(range(len(items))), len(items)
        try:
            while len(self._slots) < min(self.workers, len(items)):
                self._slots.append(self._hire(_Slot()))
            while remaining:
                for slot in self._slots:
                    self._refill(slot, queue, items)
                for outcome in self._collect(queue):
                    remaining -= 1
                    yield outcome
        finally:
            self._dismiss()

    def _hire(self, slot: "_Slot") -> "_Slot":
        """Give a slot a fresh worker."""
        if self._nursery is None:
            self._nursery = Nursery(self._task)
        ours, theirs = socket.socketpair()
        page, descriptor = Page.fresh()
        try:
            with theirs:
                pid = self._nursery.fork(theirs.fileno(), descriptor)
        finally:
            os.close(descriptor)
        ours.setblocking(False)
        slot.take(ours, page, pid)
        self._selector.register(ours, selectors.EVENT_READ, slot)
        return slot

    def _fire(self, slot: "_Slot") -> None:
        assert slot.channel is not None
        self._selector.unregister(slot.channel)
        slot.channel.close()
        slot.place.close()
        if self._nursery is not None:
            self._nursery.end(slot.pid)

    def _dismiss(self) -> None:
        while self._slots:
            self._fire(self._slots.pop())

    def _refill(self, slot: "_Slot", queue: deque[int], items: Sequence[Any]) -> None:
        """Work for a worker that has none; a second batch behind the first where there is plenty, so that it never waits for us."""
        size = min(BATCH, max(1, len(queue) // (4 * len(self._slots))), len(queue))
        if slot.working and (size < BATCH or len(slot.working) > BATCH or len(slot.outgoing) >= _AHEAD_BYTES or slot.recycled):
            return
        if slot.recycled:
            self._fire(slot)
            self._hire(slot)
        if slot.retry is not None:
            queue.appendleft(slot.retry)
            slot.retry, size = None, 1
        given = 0
        while given < size and (not given or len(slot.outgoing) < _AHEAD_BYTES):
            given += slot.give(queue, items, size - given)
        if given:
            slot.outgoing += END_OF_BATCH
            self._selector.modify(slot.line, selectors.EVENT_READ | selectors.EVENT_WRITE, slot)

    def _collect(self, queue: deque[int]) -> Iterator[Outcome]:
        """What is ready now, or at the next deadline; what arrived is read before anybody is judged late."""
        now = time.monotonic()
        wait = min((slot.began() + self.timeout_s - now for slot in self._slots if slot.working), default=0.0)
        for key, events in self._selector.select(max(0.0, wait)):
            slot: _Slot = key.data
            if events & selectors.EVENT_WRITE and not slot.send():
                self._selector.modify(slot.line, selectors.EVENT_READ, slot)
            if events & selectors.EVENT_READ:
                alive = slot.receive()
                for outcome in slot.answers():
                    if outcome.reason == OUT_OF_MEMORY:
                        alive = True
                        detail = f"needs more than {self.memory_mib} MiB"
                        yield from self._casualty(slot, replace(outcome, detail=detail), queue)
                        break
                    else:
                        yield outcome
                if not alive:
                    yield from self._died(slot, queue)
        for slot in self._slots:
            if slot.working and time.monotonic() - slot.began() >= self.timeout_s and not _readable(slot.line):
                hung = slot.take_current()
                self._replace(slot, queue)
                yield Outcome(hung, reason="timeout", detail=f"gave no result within {self.timeout_s:g} s")

    def _died(self, slot: "_Slot", queue: deque[int]) -> Iterator[Outcome]:
        assert self._nursery is not None
        reason, detail = self._nursery.verdict(slot.pid, self.memory_mib)
        if slot.working:
            yield from self._casualty(slot, Outcome(slot.take_current(), reason=reason, detail=detail), queue)
        else:
            self._replace(slot, queue)

    def _casualty(self, slot: "_Slot", outcome: Outcome, queue: deque[int]) -> Iterator[Outcome]:
        """An item cost its worker: final if the worker was fresh, else the item is tried once more, alone."""
        fresh = slot.fresh
        self._replace(slot, queue)
        if fresh:
            yield outcome
        else:
            slot.retry = outcome.index

    def _replace(self, slot: "_Slot", queue: deque[int]) -> None:
        queue.extendleft(reversed(slot.working))
        self._fire(slot)
        self._hire(slot)


@dataclass
class _Slot:
    """One place in the pool and the worker in it."""

    channel: socket.socket | None = None
    page: Page | None = None
    pid: int = 0
    working: deque[int] = field(default_factory=deque)  # indices sent and not answered
    handled: int = 0
    since: float = 0.0  # when the worker last gave a sign of life or got work
    retry: int | None = None
    together: int = _MESSAGE  # items a message
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)

    @property
    def line(self) -> socket.socket:
        assert self.channel is not None
        return self.channel

    @property
    def place(self) -> Page:
        assert self.page is not None
        return self.page

    @property
    def fresh(self) -> bool:
        """Whether its worker has begun one item at most."""
        return self.place.read()[2] <= 1

    @property
    def recycled(self) -> bool:
        """Whether its worker has done enough."""
        return self.handled >= RECYCLE_AFTER

    def take(self, channel: socket.socket, page: Page, pid: int) -> None:
        """A fresh worker moves in."""
        self.channel, self.page, self.pid, self.handled = channel, page, pid, 0
        self.working.clear()
        self.incoming.clear()
        self.outgoing.clear()

    def give(self, queue: deque[int], items: Sequence[Any], most: int) -> int:
        """Take items from the queue and send them in one message, long ones one by one: how many."""
        indices = list(islice(queue, min(self.together, most)))
        message = framed([(index, items[index]) for index in indices])
        if len(indices) > 1 and len(message) > _AHEAD_BYTES:
            self.together = 1
            return self.give(queue, items, most)
        for index in indices:
            self.working.append(index)
            queue.popleft()
        self.outgoing += message
        self.since = time.monotonic()
        return len(indices)

    def began(self) -> float:
        """When the worker started the item it is at, or gave its last sign of life if that is later."""
        return max(self.since, self.place.read()[1])

    def take_current(self) -> int:
        """The item that the worker is at, no longer counted as its work; the first one where it had not begun."""
        at = self.place.read()[0] if self.place.read()[2] else -1
        index = at if at in self.working else self.working[0]
        self.working.remove(index)
        return index

    def send(self) -> bool:
        """Write what the socket takes; True while something is left to write."""
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            sent = self.line.send(self.outgoing[:_CHUNK])
            del self.outgoing[:sent]
            return bool(self.outgoing)
        return False

    def receive(self) -> bool:
        """Read what is there; False when the worker is gone."""
        try:
            while True:
                data = self.line.recv(_CHUNK)
                if not data:
                    return False
                self.incoming += data
                self.since = time.monotonic()
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False

    def answers(self) -> list[Outcome]:
        """The complete answers received since the last call."""
        found: list[Outcome] = []
        while len(self.incoming) >= HEADER:
            end = HEADER + int.from_bytes(self.incoming[:HEADER], "little")
            if len(self.incoming) < end:
                break
            found += starmap(Outcome, pickle.loads(memoryview(self.incoming)[HEADER:end]))  # noqa: S301 - written by our own child
            del self.incoming[:end]
        for outcome in found:
            self.working.remove(outcome.index)
        self.handled += len(found)
        return found


def _origin(function: Callable[[Any], Any]) -> Origin:
    """The module to import in the nursery, with its file for one that is not on sys.path (tests)."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = getattr(inner, "__module__", None)
    if name in {None, "__main__"} or "<" in getattr(inner, "__qualname__", "<"):
        raise NotImportable(function)
    return str(name), getattr(sys.modules.get(str(name)), "__file__", None)


def _readable(channel: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        return bool(selector.select(0))
