"""A function and items in; exactly one outcome for each item out, whatever an item does to the process that works on it.

A *nursery*, a small process without threads, imports the function's module once and forks workers on request. It is started by
exec, so the caller may have threads (polars, torch) and its `__main__` is never imported again. A worker runs under an address
space limit and gets items in small batches; one that crashes, hangs or eats its memory is replaced, the item it worked on becomes
an outcome with a reason, the rest of its batch goes to others. Only an item that also fails alone in a fresh worker is blamed for
a crash or for memory: what ran before it may have done the damage.
"""

import ctypes
import gc
import importlib
import importlib.util
import os
import pickle
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, Self

from unified_assets.core import plugins
from unified_assets.core.errors import ResourceError, UnreadableFile, UsageError

BATCH = 16
RECYCLE_AFTER = 2_000  # items one worker handles before it is replaced: leaks of native decoders stay small
DETAIL_CHARS = 300
_HEADER = 8
_CHUNK = 1 << 20
_PDEATHSIG = 1
_ENTRY = "import sys; sys.path[:] = {path!r}; from unified_assets.compute.workers import serve; serve({descriptor})"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1")


class WorkersUnavailable(ResourceError):
    """Worker processes cannot be started, or the process that forks them was killed."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"worker processes cannot run: {problem}. If memory ran out, lower `workers`; then run again.")


class NotImportable(UsageError):
    """A worker function that another process cannot find by name."""

    def __init__(self, function: object) -> None:
        self.function = function
        super().__init__(f"{function!r} cannot run in a worker process. Define it at the top level of an importable module, not in a script or a function.")


@dataclass(frozen=True)
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
        self._nursery: _Nursery | None = None

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
            self._nursery = _Nursery(self._task)
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._nursery.fork(theirs.fileno())
        ours.setblocking(False)
        slot.take(ours, pid)
        self._selector.register(ours, selectors.EVENT_READ, slot)
        return slot

    def _fire(self, slot: "_Slot") -> None:
        assert slot.channel is not None
        self._selector.unregister(slot.channel)
        slot.channel.close()
        if self._nursery is not None:
            self._nursery.end(slot.pid)

    def _dismiss(self) -> None:
        while self._slots:
            self._fire(self._slots.pop())

    def _refill(self, slot: "_Slot", queue: deque[int], items: Sequence[Any]) -> None:
        if slot.working:
            return
        if slot.handled >= RECYCLE_AFTER:
            self._fire(slot)
            self._hire(slot)
        if slot.retry is not None:
            batch, slot.retry = [slot.retry], None
        else:
            size = min(BATCH, max(1, len(queue) // (4 * len(self._slots))), len(queue))
            batch = [queue.popleft() for _ in range(size)]
        if batch:
            slot.give([(index, items[index]) for index in batch])
            self._selector.modify(slot.line, selectors.EVENT_READ | selectors.EVENT_WRITE, slot)

    def _collect(self, queue: deque[int]) -> Iterator[Outcome]:
        """What is ready now, or at the next deadline; what arrived is read before anybody is judged late."""
        now = time.monotonic()
        wait = min((slot.since + self.timeout_s - now for slot in self._slots if slot.working), default=0.0)
        for key, events in self._selector.select(max(0.0, wait)):
            slot: _Slot = key.data
            if events & selectors.EVENT_WRITE and not slot.send():
                self._selector.modify(slot.line, selectors.EVENT_READ, slot)
            if events & selectors.EVENT_READ:
                alive = slot.receive()
                for outcome in slot.answers():
                    if outcome.reason == "out_of_memory":
                        alive = True
                        yield from self._casualty(slot, outcome, queue)
                    else:
                        yield outcome
                if not alive:
                    yield from self._died(slot, queue)
        for slot in self._slots:
            if slot.working and time.monotonic() - slot.since >= self.timeout_s and not _readable(slot.line):
                hung = slot.working.popleft()
                self._replace(slot, queue)
                yield Outcome(hung, reason="timeout", detail=f"gave no result within {self.timeout_s:g} s")

    def _died(self, slot: "_Slot", queue: deque[int]) -> Iterator[Outcome]:
        assert self._nursery is not None
        reason, detail = self._nursery.verdict(slot.pid, self.memory_mib)
        if slot.working:
            yield from self._casualty(slot, Outcome(slot.working.popleft(), reason=reason, detail=detail), queue)
        else:
            self._replace(slot, queue)

    def _casualty(self, slot: "_Slot", outcome: Outcome, queue: deque[int]) -> Iterator[Outcome]:
        """An item cost its worker: final if the worker was fresh, else the item is tried once more, alone."""
        fresh = slot.handled == 0
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
    pid: int = 0
    working: deque[int] = field(default_factory=deque)  # indices sent and not answered, the first one being worked on
    handled: int = 0
    since: float = 0.0  # when the worker last gave a sign of life or got work
    retry: int | None = None
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)

    @property
    def line(self) -> socket.socket:
        assert self.channel is not None
        return self.channel

    def take(self, channel: socket.socket, pid: int) -> None:
        """A fresh worker moves in."""
        self.channel, self.pid, self.handled = channel, pid, 0
        self.working.clear()
        self.incoming.clear()
        self.outgoing.clear()

    def give(self, batch: list[tuple[int, Any]]) -> None:
        """Queue items for the worker."""
        for index, item in batch:
            self.outgoing += _framed((index, item))
            self.working.append(index)
        self.since = time.monotonic()

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
        found = []
        while len(self.incoming) >= _HEADER:
            end = _HEADER + int.from_bytes(self.incoming[:_HEADER], "little")
            if len(self.incoming) < end:
                break
            outcome = Outcome(*pickle.loads(self.incoming[_HEADER:end]))  # noqa: S301 - written by our own child
            del self.incoming[:end]
            self.working.popleft()
            self.handled += outcome.reason != "out_of_memory"
            found.append(outcome)
        return found


class _Nursery:
    """Our end of the process that forks workers."""

    def __init__(self, task: tuple[list[tuple[str, str | None]], bytes]) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-c", _ENTRY.format(path=sys.path, descriptor=theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        problem = self._ask(task)
        if problem:
            self.close()
            raise WorkersUnavailable(problem)

    def _ask(self, message: object, descriptor: int | None = None) -> Any:
        try:
            if descriptor is None:
                self._control.sendall(_framed(message))
            else:
                payload = _framed(message)
                socket.send_fds(self._control, [payload], [descriptor])
            with self._control.makefile("rb", buffering=0) as stream:
                return pickle.loads(_exactly(stream, int.from_bytes(_exactly(stream, _HEADER), "little")))  # noqa: S301 - our own child
        except (EOFError, ConnectionError) as error:
            raise WorkersUnavailable(f"the process that forks them is gone (exit status {self._process.poll()})") from error

    def fork(self, descriptor: int) -> int:
        """A new worker that talks over this socket; its process id."""
        return int(self._ask(("fork", 0), descriptor))

    def end(self, pid: int) -> None:
        """Kill a worker, if it lives, and reap it."""
        with suppress(WorkersUnavailable):
            self._ask(("end", pid))

    def verdict(self, pid: int, memory_mib: int) -> tuple[str, str]:
        """Why a worker that hung up is gone: (reason, detail)."""
        status, grown_mib = self._ask(("reap", pid))
        if not os.WIFSIGNALED(status):
            return "crash", f"the process ended with exit status {os.waitstatus_to_exitcode(status)}"
        name = signal.Signals(os.WTERMSIG(status)).name
        starved = name == "SIGKILL" or grown_mib > memory_mib / 2  # the kernel's OOM killer, or an allocator that aborts at its limit
        return ("out_of_memory" if starved else "crash"), f"the process died of {name}"

    def close(self) -> None:
        """Hang up: the nursery ends its workers and itself."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(descriptor: int) -> NoReturn:
    """The nursery: load the function, then fork, end and reap workers on request, until the caller hangs up."""
    control = socket.socket(fileno=descriptor)
    children: set[int] = set()
    with control.makefile("rb", buffering=0) as stream:
        origin, task = pickle.loads(_exactly(stream, int.from_bytes(_exactly(stream, _HEADER), "little")))  # noqa: S301 - our own parent
    try:
        function, memory_mib = _load(origin, task)
    except Exception as error:  # noqa: BLE001 - whatever the import raises goes to the caller
        control.sendall(_framed(f"{type(error).__name__}: {error}"))
        os._exit(1)
    gc.collect()
    gc.freeze()
    control.sendall(_framed(""))
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not data:
            break
        command, pid = pickle.loads(data[_HEADER:])  # noqa: S301 - our own parent
        if command == "fork":
            pid = os.fork()
            if pid == 0:
                control.close()
                _work(socket.socket(fileno=descriptors[0]), function, memory_mib)
            os.close(descriptors[0])
            children.add(pid)
            control.sendall(_framed(pid))
        else:
            control.sendall(_framed(_reap(pid, children, grace_s=1.0 if command == "reap" else 0.0)))
    for pid in list(children):
        _reap(pid, children, grace_s=0.0)
    os._exit(0)


def _reap(pid: int, children: set[int], *, grace_s: float) -> tuple[int, float]:
    """Wait status and growth in MiB of a child; one that still runs after the grace is killed."""
    if pid not in children:
        return 0, 0.0
    children.discard(pid)
    deadline = time.monotonic() + grace_s
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage.ru_maxrss / 1024 - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            _, status, _ = os.wait4(pid, 0)
            return status, 0.0
        time.sleep(0.002)


def _work(channel: socket.socket, function: Callable[[Any], Any], memory_mib: int) -> NoReturn:
    """A worker: one answer for each item, until the pool hangs up."""
    _confine(memory_mib)
    stream = channel.makefile("rb")
    while header := stream.read(_HEADER):
        index, item = pickle.loads(stream.read(int.from_bytes(header, "little")))  # noqa: S301 - our own parent
        exhausted = False
        try:
            answer = _framed((index, function(item)))
        except MemoryError:
            exhausted = True
        except UnreadableFile as error:
            answer = _framed((index, None, error.reason, error.detail[:DETAIL_CHARS]))
        except BaseException as error:  # noqa: BLE001 - whatever a file provokes becomes a row
            answer = _framed((index, None, type(error).__name__, str(error)[:DETAIL_CHARS]))
        if exhausted:
            answer = _framed((index, None, "out_of_memory", f"needs more than {memory_mib} MiB"))
        channel.sendall(answer)
        if exhausted:
            break
    os._exit(0)


def _confine(memory_mib: int) -> None:
    """End with the nursery, be silent, dump no core, and take no more than the limit."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(FileNotFoundError), open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - the kernel's own file
        limit = int(stream.read().split()[0]) * resource.getpagesize() + memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _origin(function: Callable[[Any], Any]) -> list[tuple[str, str | None]]:
    """Modules to import in the nursery, each with its file for one that is not on sys.path (tests)."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = getattr(inner, "__module__", None)
    if name in {None, "__main__"} or "<" in getattr(inner, "__qualname__", "<"):
        raise NotImportable(function)
    return [(str(name), getattr(sys.modules.get(str(name)), "__file__", None))]


def _load(origin: list[tuple[str, str | None]], task: bytes) -> tuple[Callable[[Any], Any], int]:
    for name, file in origin:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            _load_file(name, file)
    function, prepare, memory_mib = pickle.loads(task)  # noqa: S301 - our own parent
    if prepare is not None:
        prepare()
    return function, memory_mib


def _load_file(name: str, file: str | None) -> None:
    """Import a module by its file under the name its functions were pickled with."""
    spec = None if file is None else importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    parts = name.split(".")
    for depth in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:depth]), types.ModuleType(".".join(parts[:depth])))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _framed(message: object) -> bytes:
    payload = pickle.dumps(message, protocol=5)
    return len(payload).to_bytes(_HEADER, "little") + payload


def _exactly(stream: Any, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = stream.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _readable(channel: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        return bool(selector.select(0))
