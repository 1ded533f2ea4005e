"""The real command line on a lake of its own, in processes of its own, as a user's shell would start it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import psutil
import pytest

from unified_assets import sample
from unified_assets_tests.road.kills import session

SCALE = 0.2
TABLES = ("catalog", "quality_report", "allocation", "tasks", "examples", "splits")
EXECUTABLE = Path(sys.executable).with_name("unified-assets")
TINY = "epochs: 2\nbatch_size: 16\ncheckpoint_interval: 1\nmin_steps_per_epoch: 4\nmax_steps_per_epoch: 8\n"
OURS = ("UNIFIED_ASSETS_", "DAGSTER_", "MLFLOW_")  # what a developer's shell may hold must not reach the tests


PLANTED = """
import importlib.abc
import sys
from dataclasses import replace


class Loader(importlib.abc.Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        spec = module.MODEL

        def loss(data, rows, soft_targets=None):
            BODY

        def build(blueprint):
            learner = spec.build(blueprint)
            learner.loss = loss
            return learner

        module.MODEL = replace(spec, build=build)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "unified_assets.models.MODEL":
            return None
        found = next(spec for finder in sys.meta_path if finder is not self and (spec := finder.find_spec(name, path, target)) is not None)
        found.loader = Loader(found.loader)
        return found


sys.meta_path.insert(0, Finder())
"""
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on RunConfigValidationInvalid { errors { message } } } }"""
LOCATION = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, kw_only=True)
class Served:
    """`unified-assets ui` at work, and the requests that buttons of Dagster's UI send."""

    port: int
    process: subprocess.Popen
    said: Path

    def ask(self, query, **variables):
        data = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/graphql", data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, preset: Path, models) -> str:
        """Materialize these models with all before them; the id of the run."""
        (repository,) = self.ask(LOCATION)["repositoriesOrError"]["nodes"]
        wanted = ["catalog", "quality_report", "allocation", *(f"{kind}/{model}" for kind in ("dataset", "model") for model in models)]
        selector = {"repositoryLocationName": repository["location"]["name"], "repositoryName": repository["name"], "jobName": "train"}
        selector["assetSelection"] = [{"path": name.split("/")} for name in wanted]
        tags = {"unified_assets/preset": str(preset)}
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]}}
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def status(self, run: str) -> str:
        return self.ask(STATUS, run=run)["runOrError"]["status"]


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def said(self) -> str:
        return self.out + self.err

    def lines(self, start: str) -> list[str]:
        """Lines of either stream that begin so, in order."""
        return [line for line in self.said.splitlines() if line.startswith(start)]


@dataclass(kw_only=True)
class Shell:
    """`unified-assets --raw … --state …` and what it leaves in the state folder."""

    home: Path
    raw: Path
    state: Path
    files: dict[str, int]  # modality → files, as the truth says
    python_path: Path | None = None
    written: dict[str, tuple] = field(default_factory=dict)  # the raw folder as the test itself left it
    inside: tuple[str, ...] = ()  # a command that starts others in a namespace of theirs
    more: dict[str, str] = field(default_factory=dict)  # environment

    def command(self, *arguments) -> list[str]:
        return [*self.inside, str(EXECUTABLE), "--raw", str(self.raw), "--state", str(self.state), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | self.more
        before = [kept["PYTHONPATH"]] if "PYTHONPATH" in kept else []
        return kept if self.python_path is None else {**kept, "PYTHONPATH": os.pathsep.join([str(self.python_path), *before])}

    @contextmanager
    def start(self, *arguments, log: Path):
        """A command in the background, in a session of its own; what is left of it is killed at the end."""
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                self.command(*arguments), env=self.environment, cwd=self.home, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    self.kill(process)

    @staticmethod
    def kill(process: subprocess.Popen) -> None:
        """A command and all that came from it, at once: its fork server has a process group of its own, with the steps in it."""
        while members := session(process.pid):
            for one in members:
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            time.sleep(0.05)
        process.wait()

    @contextmanager
    def serve(self):
        """The servers of this lake."""
        port, log = free_port(), self.home / "ui.log"
        with self.start("ui", "--port", port, "--mlflow-port", free_port(), log=log) as process:
            self.until(lambda: process.poll() is not None or "Ctrl-C stops all" in log.read_text(encoding="utf-8"), 400, "the servers did not answer")
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield Served(port=port, process=process, said=log)

    def run(self, *arguments, timeout: float = 300.0) -> Done:
        return self._finished(self.command(*arguments), timeout)

    def python(self, code: str, *arguments, timeout: float = 120.0):
        """What a fresh Python process prints as JSON."""
        done = self._finished([*self.inside, sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)], timeout)
        assert done.code == 0, done.err
        return json.loads(done.out.splitlines()[-1])

    def _finished(self, command: list[str], timeout: float) -> Done:
        started = time.monotonic()
        done = subprocess.run(command, env=self.environment, cwd=self.home, capture_output=True, text=True, timeout=timeout, check=False)
        return Done(code=done.returncode, out=done.stdout, err=done.stderr, seconds=time.monotonic() - started)

    def status(self) -> dict:
        done = self.run("status", "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    @staticmethod
    def until(condition, seconds: float, what: str):
        """The first true value of a condition."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, what
            time.sleep(0.05)
        return found

    def versions(self) -> dict[str, int]:
        """Newest version of each registered model."""
        return {model["model"]: model["version"] for model in self.status()["models"]}

    def preset(self, name: str, more: str = "") -> Path:
        """A preset file of the user's own: two rounds of a few steps, and what `more` says otherwise."""
        path, given = self.home / f"{name}.yaml", {line.partition(":")[0] for line in more.splitlines()}
        kept = [line for line in TINY.splitlines() if line.partition(":")[0] not in given]
        path.write_text("\n".join([*kept, more]) + "\n", encoding="utf-8")
        return path

    def plant(self, model: str, body: str) -> Path:
        """A folder for `python_path`: processes started with it find that model's loss replaced by one line of code."""
        package = self.home / "planted"
        package.mkdir()
        code = PLANTED.replace("models.MODEL", f"models.{model}").replace("BODY", body)
        (package / "sitecustomize.py").write_text(code, encoding="utf-8")
        return package

    def table(self, name: str) -> pl.DataFrame:
        """A table as another tool reads it."""
        return pl.read_parquet(f"{self.state}/{name}/**/*.parquet")

    def dataset_digests(self) -> dict[str, str]:
        return {path.stem: json.loads(path.read_text(encoding="utf-8"))["digest"] for path in sorted((self.state / "stages" / "dataset").glob("*.json"))}

    def run_dir(self, run_id: str) -> Path:
        return self.state / "runs" / run_id

    def rounds_of(self, run_id: str) -> dict[str, list[str]]:
        """Model → the lines it wrote, one for each round that is done."""
        folder = self.run_dir(run_id) / "rounds"
        return {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(folder.glob("*.jsonl"))}

    def processes(self) -> list[str]:
        """Living processes that work on this state folder."""
        found = []
        for process in psutil.process_iter():
            try:
                told = [*process.cmdline(), *process.environ().values()]
                if process.status() != psutil.STATUS_ZOMBIE and any(str(self.state) in value for value in told):
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def raw_as_it_is(self) -> dict[str, tuple]:
        """Everything below the raw root: size, times, inode and mode, folders too."""
        found = {}
        for path in sorted([self.raw, *self.raw.rglob("*")]):
            status = path.lstat()
            found[str(path.relative_to(self.raw))] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
        return found

    def drop(self, path: str, data: bytes) -> None:
        """Put a file into the raw folder, as a user would; nobody else has changed it until now."""
        assert self.raw_as_it_is() == self.written
        (self.raw / path).write_bytes(data)
        self.written = self.raw_as_it_is()


@pytest.fixture(scope="session")
def shell(tmp_path_factory) -> Shell:
    """A small sample lake and an empty state folder."""
    # Tests started in the background of a script ignore SIGINT, and so would all they start: no command could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tmp_path_factory.mktemp("run")
    written = sample.write(home / "lake", scale=SCALE)
    found = Shell(home=home, raw=written.folder, state=home / "state", files=dict(written.files))
    found.written = found.raw_as_it_is()
    return found


@pytest.fixture(scope="session")
def trained(shell):
    """The first run, with a preset file of the user's own."""
    done = shell.run("train", "--preset", shell.preset("tiny"))
    assert done.code == 0, done.said
    status = shell.status()
    run_dir = shell.run_dir(status["runs"][0]["run_id"])
    return SimpleNamespace(
        done=done,
        status=status,
        run_dir=run_dir,
        tables={name: shell.table(name) for name in TABLES},
        leases=pl.read_parquet(run_dir / "leases.parquet"),
        rounds=pl.read_parquet(run_dir / "rounds.parquet"),
        plan=json.loads((run_dir / "plan.json").read_text(encoding="utf-8")),
        raw=shell.raw_as_it_is(),
        digests=shell.dataset_digests(),
    )
