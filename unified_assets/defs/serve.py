"""The servers of a lake on loopback: Dagster's UI and daemon, and MLflow. They start together and end together."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from unified_assets.core.credentials import without_credentials
from unified_assets.core.errors import UnifiedAssetsError
from unified_assets.core.settings import Settings
from unified_assets.defs import answering
from unified_assets.defs.guard import end_group
from unified_assets.defs.instance import open_instance, prepare_home
from unified_assets.store.local import Store, write_text
from unified_assets.tracking import journal, links

LOCATION = "unified_assets.definitions"  # the name `dagster dev` gives it too: switches of sensors are kept under it
START_S = 300.0
POLL_S = 0.3
LOOPBACK = "127.0.0.1"


class ServersFailed(UnifiedAssetsError):
    """A server ended, or did not answer in time; all of them were stopped."""

    def __init__(self, *, name: str, problem: str, log: Path) -> None:
        self.name, self.problem, self.log = name, problem, log
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()] if log.is_file() else []
        super().__init__(f"{name} {problem}; all servers were stopped. It last said: {said[-1].strip() if said else 'nothing'} ({log})")


class AlreadyServed(UnifiedAssetsError):
    """This state is served by another process."""

    def __init__(self, *, state: Path) -> None:
        self.state = state
        where = journal.read_json(links.record_path(state))
        super().__init__(f"{state} is served already: {where.get('dagster', 'by another process')}. Stop that one first (Ctrl-C where it runs).")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One process to start. `answers` says whether it is of use yet."""

    name: str
    command: Sequence[str]
    answers: Callable[[], bool]


@dataclass(kw_only=True)
class Servers:
    """What runs. Its processes share a group that a guard ends when this process is gone."""

    logs: Path
    environment: dict[str, str]
    guard: subprocess.Popen[bytes]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, server: Server) -> None:
        """Start one, its output in a log of its own."""
        with (self.logs / f"{server.name}.log").open("wb") as log:
            self.running[server.name] = subprocess.Popen(
                server.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=self.guard.pid
            )

    def check(self) -> None:
        """Raise ServersFailed for one that has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise ServersFailed(name=name, problem=f"ended with exit code {process.returncode}", log=self.logs / f"{name}.log")
        if self.guard.poll() is not None:
            raise ServersFailed(name="guard", problem="was killed", log=self.logs / "guard.log")

    def wait_for(self, server: Server) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + START_S
        while not server.answers():
            self.check()
            if time.monotonic() > deadline:
                raise ServersFailed(name=server.name, problem=f"did not answer within {START_S:.0f} s", log=self.logs / f"{server.name}.log")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End all of them and what came from them."""
        if self.guard.poll() is None and self.guard.stdin is not None:
            self.guard.stdin.close()
            self.guard.wait()
        end_group(self.guard.pid)
        for process in self.running.values():
            process.wait()


def serve(settings: Settings, *, port: int, mlflow_port: int, auto: bool, say: Callable[[str], None]) -> None:
    """Serve until a signal comes (returns) or a server ends (raises ServersFailed). Raises PortInUse before anything is started."""
    own_mlflow = settings.mlflow_tracking_uri is None
    answering.refuse_used_ports({"--port": port, **({"--mlflow-port": mlflow_port} if own_mlflow else {})})
    where = {"dagster": f"http://{LOOPBACK}:{port}", "mlflow": f"http://{LOOPBACK}:{mlflow_port}" if own_mlflow else without_credentials(settings.tracking_uri)}
    with suppress(_Stopped), ExitStack() as stack:
        try:
            stack.enter_context(Store(settings.state).lock("ui", wait=False))
        except BlockingIOError as error:
            raise AlreadyServed(state=settings.state) from error
        asked_to_stop = stack.enter_context(_signals())
        home, started = _prepare(settings), time.time()
        folder = Path(tempfile.mkdtemp(prefix="unified-assets-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        servers = stack.enter_context(_group(settings, auto=auto, say=say))
        _start(servers, folder, port=port, home=home, since=started, mlflow=_mlflow(settings, mlflow_port) if own_mlflow else None)
        _record(settings, where, stack)
        for line in _told(where, servers, auto=auto):
            say(line)
        while not asked_to_stop:
            servers.check()
            time.sleep(POLL_S)


def _start(servers: Servers, folder: Path, *, port: int, home: Path, since: float, mlflow: Server | None) -> None:
    """Start all of them; return once each answers."""
    code, workspace = _code_server(folder)
    independent = [code, *([mlflow] if mlflow is not None else [])]
    rest = [_webserver(workspace, port), _daemon(workspace, home, since)]
    for server in independent:
        servers.start(server)
    servers.wait_for(code)
    for server in rest:
        servers.start(server)
    for server in (*rest, *independent):
        servers.wait_for(server)


class _Stopped(Exception):
    """Control flow: a signal came."""


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals end what is done at the moment, once; later ones are ignored while everything is stopped."""
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        if not received:
            received.append(number)
            raise _Stopped

    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(name, stop) for name in names]
    try:
        yield received
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


@contextmanager
def _group(settings: Settings, *, auto: bool, say: Callable[[str], None]) -> Iterator[Servers]:
    logs = settings.state / "logs" / "ui"
    logs.mkdir(parents=True, exist_ok=True)
    guard = subprocess.Popen([sys.executable, "-m", "unified_assets.defs.guard"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)
    servers = Servers(logs=logs, environment=_environment(settings, auto=auto), guard=guard)
    try:
        yield servers
    finally:
        say("stopping")
        servers.stop()


def _prepare(settings: Settings) -> Path:
    from unified_assets.defs.reaper import close_dead_runs

    home = prepare_home(settings)
    with open_instance(settings) as instance:
        close_dead_runs(instance)
    return home


def _environment(settings: Settings, *, auto: bool) -> dict[str, str]:
    return {
        **os.environ,
        "UNIFIED_ASSETS_RAW": str(settings.raw),
        "UNIFIED_ASSETS_STATE": str(settings.state),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "true",
        **({"UNIFIED_ASSETS_AUTO": "true"} if auto else {}),
    }


def _code_server(folder: Path) -> tuple[Server, Path]:
    """One process with our definitions, for the UI and the daemon alike; they find it by a socket that a workspace file names."""
    socket, workspace = folder / "code.sock", folder / "workspace.yaml"
    write_text(workspace, f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: {LOCATION}\n")
    command = [sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(socket), "--module-name", LOCATION, "--location-name", LOCATION]
    return Server(name="code", command=[*command, "--use-python-environment-entry-point"], answers=lambda: answering.code_server(socket)), workspace


def _webserver(workspace: Path, port: int) -> Server:
    command = [sys.executable, "-m", "dagster_webserver", "--host", LOOPBACK, "--port", str(port), "--workspace", str(workspace)]
    return Server(name="webserver", command=command, answers=lambda: answering.page(f"http://{LOOPBACK}:{port}/server_info"))


def _daemon(workspace: Path, home: Path, started: float) -> Server:
    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]
    return Server(name="daemon", command=command, answers=lambda: answering.daemon(home, started))


def _mlflow(settings: Settings, port: int) -> Server:
    folder = settings.state / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    store = ["--backend-store-uri", settings.tracking_uri, "--default-artifact-root", (folder / "artifacts").as_uri(), "--no-serve-artifacts"]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    return Server(name="mlflow", command=command, answers=lambda: answering.page(f"http://{LOOPBACK}:{port}/health"))


def _record(settings: Settings, where: dict[str, str], stack: ExitStack) -> None:
    """Say to other processes where the servers are, for as long as they are there."""
    journal.write_json(links.record_path(settings.state), {**where, **journal.this_process()})
    stack.callback(links.record_path(settings.state).unlink, missing_ok=True)


def _told(where: dict[str, str], servers: Servers, *, auto: bool) -> list[str]:
    automation = "on" if auto else "off unless switched on in the UI"
    return [
        f"Dagster  {where['dagster']}  assets, runs, jobs; daemon running, automation {automation}",
        f"MLflow   {where['mlflow']}  metrics and registered models",
        f"logs in {servers.logs}; Ctrl-C stops all of them",
    ]
