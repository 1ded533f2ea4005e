"""A lake that began on SQLite goes on with Dagster and MLflow on a real Postgres, which stops while models train."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

BINARIES = {name: shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None) for name in ("initdb", "pg_ctl")}
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1800),  # four trainings, and what waits for a server that is away
    pytest.mark.skipif(None in BINARIES.values(), reason="needs the programs of a Postgres server"),
    pytest.mark.skipif(find_spec("dagster_postgres") is None, reason="needs the extra `postgres`"),
]

MODELS = ("logic_model", "math_model")
ROUNDS = 24
PASSWORD = "hunter2secret"
STORAGE = """
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: 127.0.0.1
      port: {port}
      username: dagster
      password: {{env: DAGSTER_PG_PASSWORD}}
      db_name: dagster
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A server on loopback with an empty `dagster` and `mlflow`; it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.user = [] if os.getuid() else ["setpriv", "--reuid", "nobody", "--regid", str(pwd.getpwnam("nobody").pw_gid), "--clear-groups"]
        if self.user:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        (folder / "word").write_text(PASSWORD, encoding="utf-8")
        (folder / "word").chmod(0o644)
        self._do(BINARIES["initdb"], "-D", folder / "data", "-U", "dagster", "-A", "scram-sha-256", f"--pwfile={folder / 'word'}", "--no-sync")
        self.start()
        import psycopg2

        connection = psycopg2.connect(self.address("postgres", scheme="postgresql"))
        connection.autocommit = True
        for name in ("dagster", "mlflow"):
            connection.cursor().execute(f"create database {name}")
        connection.close()

    def address(self, database, *, scheme="postgresql+psycopg2"):
        return f"{scheme}://dagster:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def by_socket(self, database):
        """The same for whoever sees its folder and not its network."""
        return f"postgresql+psycopg2://dagster:{PASSWORD}@/{database}?host={self.folder}&port={self.port}"

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self._do(BINARIES["pg_ctl"], "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self):
        self._do(BINARIES["pg_ctl"], "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def _do(self, *command):
        done = subprocess.run([*self.user, *map(str, command)], cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0 or command[-1] == "stop", done.stdout + done.stderr


@contextmanager
def running():
    """A server of its own."""
    folder = Path("/tmp") / f"ua-postgres-{os.getpid()}"  # a path that another user may enter, short enough for a socket
    folder.mkdir(mode=0o755)
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postgres():
    with running() as server:
        yield server


@contextmanager
def mlflow(database, folder, *, inside=(), artifacts=None, told=None):
    """MLflow on a database of Postgres, which keeps what is logged to it, artifacts in a folder or at a URL.

    `inside`: a command that starts it in a namespace; `told`: more of its environment.
    """
    port = free_port()
    command = [*inside, sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", artifacts or str(folder / "artifacts")]
    with (folder / "mlflow.log").open("wb") as log:
        environment = {**os.environ, **(told or {}), "MLFLOW_DISABLE_TELEMETRY": "true"}
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
    try:
        yield f"http://someone:{PASSWORD}@127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="module")
def story(shell, postgres, tmp_path_factory):
    """Trained on SQLite; moved; trained while Postgres is away for a few seconds; again while it is away for good; resumed."""
    home = tmp_path_factory.mktemp("moved")
    shutil.copytree(shell.raw / "texts", home / "raw" / "texts")
    lake = replace(shell, home=home, raw=home / "raw", state=home / "state", more={"DAGSTER_PG_PASSWORD": PASSWORD})
    only = f"target_models: [{', '.join(MODELS)}]"
    long = f"{only}\nepochs: {ROUNDS}\nmin_steps_per_epoch: 2\nmax_steps_per_epoch: 2"
    first = lake.run("train", "--preset", lake.preset("tiny", only), timeout=900)
    assert first.code == 0, first.said
    with (lake.state / "dagster" / "dagster.yaml").open("a", encoding="utf-8") as stream:
        stream.write(STORAGE.format(port=postgres.port))
    with mlflow(postgres.address("mlflow"), home) as uri:
        lake.more["UNIFIED_ASSETS_MLFLOW_TRACKING_URI"] = uri
        short, moved = interrupted(lake, postgres, lake.preset("short", f"{long}\nseed: 2"), away_s=3.0)
        after = json.loads(lake.run("doctor", "--json").out)
        gone, ended = interrupted(lake, postgres, lake.preset("gone", f"{long}\nseed: 3"), away_s=None)
        refused, doctor = lake.run("train", "--resume"), lake.run("doctor", "--json")
        kept = lake.rounds_of(gone)
        postgres.start()
        resumed = lake.run("train", "--resume", timeout=900)
        status, well = lake.status(), json.loads(lake.run("doctor", "--json").out)
    told = [*(one for one in lake.state.rglob("*") if one.is_file()), *home.glob("*.log")]
    return SimpleNamespace(
        lake=lake, short=short, moved=moved, after=after, gone=gone, ended=ended, refused=refused, doctor=json.loads(doctor.out),
        kept=kept, resumed=resumed, status=status, well=well, secret=[one for one in told if PASSWORD.encode() in one.read_bytes()],
    )  # fmt: skip


def interrupted(lake, postgres, preset, *, away_s):
    """Train; stop Postgres once some rounds are done, and start it again after `away_s`, or not. Returns the run's id and how it ended."""
    log, before = lake.home / f"{preset.stem}.log", {path.name for path in (lake.state / "runs").iterdir()}
    with lake.start("train", "--preset", preset, log=log) as process:
        folder = lake.until(lambda: next((one for one in (lake.state / "runs").iterdir() if one.name not in before), None), 600, "no model began")
        lake.until(lambda: all(len(lake.rounds_of(folder.name).get(model, ())) >= 3 for model in MODELS), 600, "too few rounds")
        postgres.stop()
        if away_s is not None:
            time.sleep(away_s)
            postgres.start()
        process.wait(900)
    return folder.name, SimpleNamespace(code=process.returncode, said=log.read_text(encoding="utf-8"))


def versions(status):
    return {model["model"]: (model["version"], [task["task"] for task in model["tasks"]] != []) for model in status["models"]}


def test_a_training_outlives_a_postgres_that_is_away_for_seconds(story):
    assert story.moved.code == 0, story.moved.said[-3000:]
    assert {model: len(rows) for model, rows in story.lake.rounds_of(story.short).items()} == dict.fromkeys(MODELS, ROUNDS + 1)  # and the refit
    assert [row["what"] for row in story.after if row["check"] == "instance"] == [f"{story.lake.state / 'dagster'}, 1 runs"]


def test_one_that_stays_away_ends_the_run_and_is_told_in_a_line(story):
    assert story.ended.code == 1
    begin = f"error: Dagster's database, as {story.lake.state / 'dagster' / 'dagster.yaml'} names it, cannot be used (OperationalError: "
    for said in (story.ended.said, story.refused.said):
        (line,) = [one for one in said.splitlines() if one.startswith("error: ")]
        assert line.startswith(begin)
        assert "Connection refused" in line
        assert line.endswith("`unified-assets train --resume`.")
    assert [(row["state"], row["what"].startswith(begin.removeprefix("error: "))) for row in story.doctor if row["check"] == "instance"] == [("failed", True)]


def test_the_run_goes_on_from_its_last_round_once_it_is_back(story):
    assert story.resumed.code == 0, story.resumed.said[-3000:]
    rounds = story.lake.rounds_of(story.gone)
    assert {model: [json.loads(row)["round"] for row in rows] for model, rows in rounds.items()} == {model: list(range(1, ROUNDS + 2)) for model in MODELS}
    assert all(rounds[model][: len(rows)] == rows for model, rows in story.kept.items())
    assert [(row["preset"], row["status"]) for row in story.status["runs"]] == [("gone", "SUCCESS"), ("short", "SUCCESS"), ("tiny", "SUCCESS")]


def test_versions_go_on_counting_where_sqlite_ended(story):
    assert versions(story.status) == dict.fromkeys(MODELS, (3, True))
    assert [row["what"] for row in story.well if row["state"] == "failed"] == []


def test_no_password_stands_in_what_was_written_or_said(story):
    assert story.secret == []
    assert all(PASSWORD not in text for text in (story.moved.said, story.ended.said, story.refused.said, story.resumed.said, json.dumps(story.doctor)))
