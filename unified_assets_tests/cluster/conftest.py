"""A real S3 server with an empty bucket; a sample lake, trained on this machine, that runs on a cluster are compared with."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # tests here share what tests of the road are made of

SCALE = 0.1


@pytest.fixture(scope="session")
def here(tmp_path_factory):
    """`unified-assets` with a small sample lake and an empty state; no links and pipes, which no bucket can hold."""
    from unified_assets import sample
    from unified_assets_tests.road.conftest import Shell

    home = tmp_path_factory.mktemp("here")
    written = sample.write(home / "lake", scale=SCALE)
    for path in [path for path in written.folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]:
        path.unlink()
    return Shell(home=home, raw=written.folder, state=home / "state", files=dict(written.files))


@pytest.fixture(scope="session")
def trained_here(here):
    """What the whole road comes to on this machine, all seven models."""
    from unified_assets_tests.cluster import facts

    done = here.run("run", "--preset", here.preset("tiny"), timeout=900)
    assert done.code == 0, done.said
    return facts.of(here)


@pytest.fixture(scope="session")
def texts(here, tmp_path_factory):
    """The texts of the sample alone."""
    home = tmp_path_factory.mktemp("texts")
    shutil.copytree(here.raw / "texts", home / "raw" / "texts")
    return replace(here, home=home, raw=home / "raw", state=home / "state")


@pytest.fixture(scope="session")
def texts_here(texts):
    """What three models come to on this machine in more rounds, from texts alone."""
    from unified_assets_tests.cluster import facts

    done = texts.run("train", "--preset", texts.preset("longer", facts.longer()), timeout=900)
    assert done.code == 0, done.said
    return facts.of(texts)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A head without cores and two nodes."""
    from unified_assets_tests.cluster.apart import Cluster, can_be_made

    if not can_be_made():
        pytest.skip("no network namespace can be made here, and Ray would listen on all addresses")
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        for last in (2, 3):
            found.join(last)
        yield found
    finally:
        found.close()


@pytest.fixture
def bucket(monkeypatch):
    import boto3
    from moto import server

    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    endpoint = "http://{}:{}".format(*served.get_host_and_port())
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    told = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "hidden-word", "AWS_REGION": "us-east-1"}
    for name, value in {**told, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="lake")
    yield client
    served.stop()
