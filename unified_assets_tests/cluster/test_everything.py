"""All of it at once: files from a bucket, nodes that see none of ours, Dagster and MLflow on Postgres, artifacts and snapshots of the state in a bucket."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytest.importorskip("obstore", reason="the extra `objects` is not installed")
pytest.importorskip("moto.server", reason="moto, an S3 server for tests, is not installed")

from unified_assets.defs.instance import DAGSTER_YAML
from unified_assets.store import buckets
from unified_assets_tests.cluster import facts
from unified_assets_tests.cluster.apart import ADDRESS, Cluster, can_be_made
from unified_assets_tests.road.conftest import free_port
from unified_assets_tests.road.test_postgres import BINARIES, mlflow, running

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(None in BINARIES.values(), reason="needs the programs of a Postgres server"),
    pytest.mark.skipif(find_spec("dagster_postgres") is None, reason="needs the extra `postgres`"),
]

UPLOAD = """
import json, os, sys, time, urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
for _ in range(600):
    try:
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/moto-api/").close()
        break
    except OSError:
        time.sleep(0.1)
import boto3
client, root = boto3.client("s3", region_name="us-east-1"), Path(sys.argv[1])
client.create_bucket(Bucket="lake")
files = sorted(path for path in root.rglob("*") if path.is_file())
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda path: client.put_object(Bucket="lake", Key="raw/" + path.relative_to(root).as_posix(), Body=path.read_bytes()), files))
print(len(files))
"""

LIST = """
import boto3, json, sys
found = boto3.client("s3", region_name="us-east-1").get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=sys.argv[1])
print(json.dumps([one["Key"] for page in found for one in page.get("Contents", ())]))
"""

ASK_POSTGRES = """
import json, sys, psycopg2
found = {}
for name, database, query in (
    ("runs", "dagster", "select status from runs"),
    ("steps", "dagster", "select distinct step_key from event_logs where dagster_event_type = 'STEP_SUCCESS' and step_key like 'model%'"),
    ("versions", "mlflow", "select name from model_versions"),
):
    with psycopg2.connect(sys.argv[1].replace("NAME", database)) as connection:
        cursor = connection.cursor()
        cursor.execute(query)
        found[name] = sorted(row[0] for row in cursor.fetchall())
print(json.dumps(found))
"""


@contextmanager
def bucket(inside, log):
    """An S3 server in there; yields what programs are told of it."""
    port = free_port()
    with log.open("wb") as stream:
        command = [*inside, sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    told = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "hidden-word", "AWS_REGION": "us-east-1"}
    try:
        yield {**told, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true"}
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores, and no node yet."""
    if not can_be_made():
        pytest.skip("no network namespace can be made here, and Ray would listen on all addresses")
    found = Cluster(tmp_path_factory.mktemp("nodes"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def story(here, cluster, tmp_path_factory):
    """The whole road; then the state is lost, and pulled from its bucket."""
    home, caches = tmp_path_factory.mktemp("everything"), tmp_path_factory.mktemp("caches")
    with ExitStack() as stack:
        postgres = stack.enter_context(running())
        told = stack.enter_context(bucket(cluster.inside, home / "s3.log"))
        there = {**told, "AWS_DEFAULT_REGION": told["AWS_REGION"], "MLFLOW_S3_ENDPOINT_URL": told["AWS_ENDPOINT_URL"]}
        server = mlflow(postgres.by_socket("mlflow"), home, inside=cluster.inside, artifacts="s3://lake/mlflow", told=there)
        uri = stack.enter_context(server)
        urls = {"UNIFIED_ASSETS_RAW_URL": "s3://lake/raw", "UNIFIED_ASSETS_STATE_URL": "s3://lake/state", "UNIFIED_ASSETS_RAY_FILES": "bucket"}
        servers = {"UNIFIED_ASSETS_RAY_ADDRESS": ADDRESS, "UNIFIED_ASSETS_MLFLOW_TRACKING_URI": uri, "DAGSTER_PG_URL": postgres.by_socket("dagster")}
        lake = replace(here, home=home, raw=home / "raw", state=home / "state", inside=cluster.inside, more={**told, **urls, **servers})
        (lake.state / "dagster").mkdir(parents=True)
        storage = "storage:\n  postgres:\n    postgres_url: {env: DAGSTER_PG_URL}\n"
        (lake.state / "dagster" / "dagster.yaml").write_text(DAGSTER_YAML + storage, encoding="utf-8")
        lake.python(UPLOAD, here.raw)
        for last in (2, 3):
            cluster.join(last, hides=home, told={**told, "UNIFIED_ASSETS_RAY_CACHE": str(caches / str(last))})
        with cluster.watched() as seen:
            done = lake.run("run", "--preset", lake.preset("tiny"), timeout=900)
        assert done.code == 0, done.said
        found, status = facts.of(lake), lake.status()
        lake.state.rename(home / "lost")
        pulled = lake.run("pull", "s3://lake/state")
        picture = next((lake.raw / "images/digits/test/3").iterdir())
        answer, again = lake.run("predict", "vision_service", picture), lake.status()
        carried, artifacts = lake.python(LIST, "state/carried/"), lake.python(LIST, "mlflow/")
        databases = lake.python(ASK_POSTGRES, postgres.by_socket("NAME").replace("+psycopg2", ""))
    return SimpleNamespace(
        seen=seen, found=found, status=status, pulled=pulled, answer=answer, again=again, databases=databases, home=home, caches=caches, carried=carried,
        artifacts=artifacts,
    )  # fmt: skip


def test_what_nodes_learn_from_a_bucket_with_servers_on_postgres_is_what_is_learned_here(trained_here, story):
    assert len(story.found.tables["catalog"]) == sum(story.status["files"].values()) > 0
    for name in ("tables", "digests", "baselines", "results", "weights"):
        assert getattr(story.found, name) == getattr(trained_here, name), name


def test_each_part_was_in_use(story):
    models = sorted(story.found.weights)
    assert {task.split()[0] for names in story.seen.values() for task in names} >= set(models)
    assert story.databases == {"runs": ["SUCCESS"], "steps": [f"model__{model}" for model in models], "versions": models}
    assert not list(story.home.glob("lost/**/*.db"))
    assert sum(key.endswith("/report.html") for key in story.artifacts) >= 1
    assert sum(key.endswith("/weights.safetensors") for key in story.artifacts) >= len(models)


def test_nodes_that_see_no_file_of_the_lake_got_theirs_by_the_bucket_which_keeps_the_datasets_alone(story):
    models = sorted(story.found.weights)
    for node in ("2", "3"):
        assert {path.name for path in story.caches.glob(f"{node}/*/*")} <= {*models}
    assert {path.name for path in story.caches.glob("*/*/*")} == {*models}
    there = {model: {key.rpartition("/")[2] for key in story.carried if key.startswith(f"state/carried/{model}/")} for model in models}
    datasets = {model: (story.home / "lost/versions/datasets" / model / "current").resolve() for model in models}
    assert there == {model: {buckets.hash_of(path) for path in folder.rglob("*") if path.is_file()} for model, folder in datasets.items()}


def test_the_state_comes_back_from_its_bucket_where_it_was_lost_and_answers(story):
    assert story.pulled.code == 0, story.pulled.said
    assert story.again == story.status
    assert story.answer.code == 0, story.answer.said
    assert "error" not in json.loads(story.answer.out)
