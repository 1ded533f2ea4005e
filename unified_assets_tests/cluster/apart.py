"""A Ray cluster on loopback addresses in a namespace of its own (Ray listens on all addresses), and commands that run in there."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ADDRESS = "127.0.0.1:6379"
APART = ("unshare", "-rn", "-pf", "--kill-child", "--mount-proc")  # a network and processes of its own: nothing is reached, nothing is left
RAY = str(Path(sys.executable).with_name("ray"))
PROJECT = Path(__file__).resolve().parents[2]
STARTED = "Ray runtime started"
OF_RAY = {"ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent"}
KEPT = """{"num_workers_soft_limit": 8}"""  # as docs/cluster.md says: processes that wait, beyond one a core
LIMIT_S = 600


def can_be_made() -> bool:
    """Whether such a namespace can be had here."""
    return (
        shutil.which("nsenter") is not None
        and shutil.which("unshare") is not None
        and not subprocess.run([*APART, "true"], capture_output=True, check=False).returncode
    )


class Cluster:
    """A head that computes nothing, and nodes of one core each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sockets = folder, tempfile.mkdtemp(prefix="ua-ray-", dir="/tmp")  # short enough for the names of sockets
        held = [*APART, "sh", "-c", "ip link set lo up && echo there && exec cat"]  # ends when we do, however that goes
        self.holder = subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "there\n"
        (first,) = psutil.Process(self.holder.pid).children()
        self.inside = ("nsenter", "--target", str(first.pid), "--user", "--net", "--pid", "--mount", "--preserve-credentials")
        self.nodes: dict[str, subprocess.Popen] = {}
        self._start("127.0.0.1", "--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.sockets}", f"--system-config={KEPT}")

    def join(self, last: int, *, hides: Path | None = None, told: Mapping[str, str] | None = None) -> str:
        """A node at 127.0.0.`last`. Returns its address. `hides`: a folder that it sees empty; `told`: more of its environment."""
        address = f"127.0.0.{last}"
        self._start(address, f"--address={ADDRESS}", "--num-cpus=1", hides=hides, told=told)
        return address

    def _start(self, address: str, *arguments: str, hides: Path | None = None, told: Mapping[str, str] | None = None) -> None:
        log = self.folder / f"node-{address}.log"
        hidden = () if hides is None else ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hides))
        command = [
            *self.inside,
            *hidden,
            RAY,
            "start",
            *arguments,
            f"--node-ip-address={address}",
            "--memory=6000000000",
            "--object-store-memory=100000000",
            "--block",
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNIFIED_ASSETS_", "DAGSTER_", "MLFLOW_", "RAY_"))}
        path = os.pathsep.join([str(PROJECT), *filter(None, [kept.get("PYTHONPATH")])])
        for _ in range(5):  # on a busy machine a node may take longer to start than Ray waits
            with log.open("w", encoding="utf-8") as stream:
                node = subprocess.Popen(
                    command, env={**kept, **(told or {}), "PYTHONPATH": path}, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
                )
            until(lambda node=node: node.poll() is not None or STARTED in log.read_text(encoding="utf-8"), "the node neither started nor ended")
            if node.poll() is None:
                self.nodes[address] = node
                return
        raise AssertionError(log.read_text(encoding="utf-8"))

    def kill(self, address: str) -> None:
        """All processes of a node at once, as when its power is cut."""
        started = self.nodes.pop(address)
        node = psutil.Process(started.pid)
        for process in [node, *node.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        started.wait()

    def at_work(self) -> dict[str, list[str]]:
        """Address of each node → names of the tasks that it runs now."""
        found = {}
        for address, node in list(self.nodes.items()):
            with suppress(psutil.NoSuchProcess):
                found[address] = [title for process in psutil.Process(node.pid).children(recursive=True) if (title := _task_of(process)) is not None]
        return found

    def node_of(self, task: str) -> str | None:
        """Where a task runs now."""
        return next((address for address, tasks in self.at_work().items() if task in tasks), None)

    @contextmanager
    def watched(self):
        """What each node ran meanwhile, as far as somebody who looks now and then sees it: address → names of tasks."""
        seen, done = defaultdict(set), threading.Event()

        def look() -> None:
            while not done.wait(0.2):
                for address, tasks in self.at_work().items():
                    seen[address].update(tasks)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()

    def close(self) -> None:
        """End it, with everything in it."""
        self.holder.kill()
        self.holder.communicate()
        for node in self.nodes.values():
            node.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)


def _task_of(process: psutil.Process) -> str | None:
    """The name of the task that a worker of Ray is at; None for one that waits, and for Ray's own processes."""
    with suppress(psutil.NoSuchProcess):
        title = " ".join(process.cmdline()).strip()  # psutil takes the blanks of a title for ends of arguments
        if title.startswith("ray::") and title not in OF_RAY:
            return title.removeprefix("ray::")
    return None


def until(condition, what: str, limit_s: float = LIMIT_S):
    """The first true value of a condition."""
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found
