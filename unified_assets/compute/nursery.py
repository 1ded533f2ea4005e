"""The process that forks workers, and the worker's own loop: a function and requests over a socket in; answers out.

It has no threads, so forking it is safe; it is started by exec, so what its caller has imported or locked does not matter.
"""

import ctypes
import gc
import importlib
import importlib.util
import mmap
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from unified_assets.core.errors import ResourceError, UnreadableFile

DETAIL_CHARS = 300
HEADER = 8
END_OF_BATCH = bytes(HEADER)  # a message of no length
Origin = tuple[str, str | None]
Answer = tuple[int, Any, str | None, str]  # index, value, reason, detail
OUT_OF_MEMORY = "out_of_memory"
_FLUSH_S = 0.02  # answers wait for each other so long
_PDEATHSIG = 1
_STUCK_S = 5.0
_ENTRY = "import sys; sys.path[:] = {path!r}; from unified_assets.compute.nursery import serve; serve({descriptor})"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1")
# glibc gives every block above 128 KiB back to the kernel and asks for it again, a page fault for each 4 KiB of every file and picture.
_KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}


class Page:
    """Memory that a worker shares with its pool: which item it works on, since when, and how many it has begun."""

    _AT = struct.Struct("=qqq")
    _ONE = struct.Struct("=q")

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, self._AT.size)
        self._begun = 0

    @classmethod
    def fresh(cls) -> tuple["Page", int]:
        """A new page, and the descriptor to send to a worker; close it then."""
        descriptor = os.memfd_create("worker") if hasattr(os, "memfd_create") else _unlinked_file()
        os.ftruncate(descriptor, cls._AT.size)
        return cls(descriptor), descriptor

    def begin(self, index: int) -> None:
        """The worker starts an item. The time is written before the index: who reads them the other way round sees nobody late too early."""
        self._begun += 1
        self._ONE.pack_into(self._memory, 16, self._begun)
        self._ONE.pack_into(self._memory, 8, time.monotonic_ns())
        self._ONE.pack_into(self._memory, 0, index)

    def read(self) -> tuple[int, float, int]:
        """(index, seconds of the monotonic clock, items begun)."""
        (index,) = self._ONE.unpack_from(self._memory, 0)
        _, began, begun = self._AT.unpack_from(self._memory)
        return index, began / 1e9, begun

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


class WorkersUnavailable(ResourceError):
    """Worker processes cannot be started, or the process that forks them was killed."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"worker processes cannot run: {problem}. If memory ran out, lower `workers`; then run again.")


class Nursery:
    """Our end of the process that forks workers."""

    def __init__(self, task: tuple[Origin, bytes]) -> None:
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-c", _ENTRY.format(path=sys.path, descriptor=theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_ONE_THREAD, **_KEPT_MEMORY},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        problem = self._ask(task)
        if problem:
            self.close()
            raise WorkersUnavailable(problem)

    def _ask(self, message: object, descriptors: Sequence[int] = ()) -> Any:
        try:
            if descriptors:
                socket.send_fds(self._control, [framed(message)], list(descriptors))
            else:
                self._control.sendall(framed(message))
            with self._control.makefile("rb", buffering=0) as stream:
                return pickle.loads(exactly(stream, int.from_bytes(exactly(stream, HEADER), "little")))  # noqa: S301 - our own child
        except (EOFError, ConnectionError) as error:
            raise WorkersUnavailable(f"the process that forks them is gone (exit status {self._process.poll()})") from error

    def fork(self, *descriptors: int) -> int:
        """A new worker that talks over this socket and writes on this page; its process id."""
        return int(self._ask(("fork", 0), descriptors))

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
        return (OUT_OF_MEMORY if starved else "crash"), f"the process died of {name}"

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
        origin, task = pickle.loads(exactly(stream, int.from_bytes(exactly(stream, HEADER), "little")))  # noqa: S301 - our own parent
    try:
        function, memory_mib = _load(origin, task)
    except Exception as error:  # noqa: BLE001 - whatever the import raises goes to the caller
        control.sendall(framed(f"{type(error).__name__}: {error}"))
        os._exit(1)
    gc.collect()
    gc.freeze()
    try:
        control.sendall(framed(""))
    except BrokenPipeError:  # whoever wanted it was killed meanwhile
        os._exit(0)
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 2)
        if not data:
            break
        command, pid = pickle.loads(data[HEADER:])  # noqa: S301 - our own parent
        if command == "fork":
            pid = os.fork()
            if pid == 0:
                control.close()
                page = Page(descriptors[1])
                os.close(descriptors[1])
                _work(socket.socket(fileno=descriptors[0]), page, function, memory_mib)
            for received in descriptors:
                os.close(received)
            children.add(pid)
            control.sendall(framed(pid))
        else:
            control.sendall(framed(_reap(pid, children, grace_s=1.0 if command == "reap" else 0.0)))
    for pid in list(children):
        _reap(pid, children, grace_s=0.0)
    os._exit(0)


def _reap(pid: int, children: set[int], *, grace_s: float) -> tuple[int, float]:
    """Wait status and growth in MiB of a child; one that still runs after the grace is killed."""
    if pid not in children:
        return 0, 0.0
    children.discard(pid)
    deadline, killed = time.monotonic() + grace_s, False
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage.ru_maxrss / 1024 - resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if not killed and time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            killed = True
        if time.monotonic() >= deadline + _STUCK_S:
            return signal.SIGKILL, 0.0  # stuck in the kernel, on a dead network disk: it stays a zombie, the scan goes on
        time.sleep(0.002)


def _work(channel: socket.socket, page: Page, function: Callable[[Any], Any], memory_mib: int) -> NoReturn:
    """A worker: one answer for each item of each batch, until the pool hangs up."""
    _confine(memory_mib)
    stream = channel.makefile("rb")
    answers: list[Answer] = []
    due = 0.0
    while header := stream.read(HEADER):
        given = () if header == END_OF_BATCH else pickle.loads(stream.read(int.from_bytes(header, "little")))  # noqa: S301 - our own parent
        for index, item in given:
            page.begin(index)
            due = due if answers else time.monotonic() + _FLUSH_S
            answers.append(_answer(function, index, item))
            if answers[-1][2] == OUT_OF_MEMORY or time.monotonic() >= due:
                _send(channel, answers)
                answers = []
        if answers and not given:
            _send(channel, answers)
            answers = []
    os._exit(0)


def _answer(function: Callable[[Any], Any], index: int, item: Any) -> Answer:
    """What the function makes of an item."""
    try:
        return index, function(item), None, ""
    except MemoryError:
        return index, None, OUT_OF_MEMORY, ""
    except UnreadableFile as error:
        return index, None, error.reason, error.detail[:DETAIL_CHARS]
    except BaseException as error:  # noqa: BLE001 - whatever a file provokes becomes a row
        return index, None, type(error).__name__, str(error)[:DETAIL_CHARS]


def _send(channel: socket.socket, answers: list[Answer]) -> None:
    """All answers at once, or one by one where that fails. A worker that ran out of memory ends behind its last answer."""
    spent = answers[-1][2] == OUT_OF_MEMORY
    try:
        channel.sendall(framed(answers))
    except OSError:
        raise
    except BaseException:  # noqa: BLE001 - one of them cannot be sent, or not with the others
        for answer in answers:
            told, sent = _sendable(answer)
            channel.sendall(told)
            spent = spent or not sent
            if not sent:
                break
    if spent:
        os._exit(0)


def _sendable(answer: Answer) -> tuple[bytes, bool]:
    """An answer as a message, and whether there was memory to write it."""
    try:
        return framed([answer]), True
    except MemoryError:
        return framed([(answer[0], None, OUT_OF_MEMORY, "")]), False
    except BaseException as error:  # noqa: BLE001 - a value that cannot be pickled
        return framed([(answer[0], None, type(error).__name__, str(error)[:DETAIL_CHARS])]), True


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


def _load(origin: Origin, task: bytes) -> tuple[Callable[[Any], Any], int]:
    name, file = origin
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


def _unlinked_file() -> int:
    with tempfile.TemporaryFile() as stream:
        return os.dup(stream.fileno())


def framed(message: object) -> bytes:
    """A pickled message with its length before it."""
    payload = pickle.dumps(message, protocol=5)
    return len(payload).to_bytes(HEADER, "little") + payload


def exactly(stream: Any, size: int) -> bytes:
    """That many bytes. Raises EOFError where the other side hung up."""
    data = bytearray()
    while len(data) < size:
        part = stream.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
