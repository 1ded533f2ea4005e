"""A bucket on a real S3 server as the raw root."""

import json

import pytest

pytestmark = pytest.mark.cluster
obstore = pytest.importorskip("obstore", reason="the extra `objects` is not installed")
pytest.importorskip("moto.server", reason="moto, an S3 server for tests, is not installed")

from unified_assets.catalog import fetch, listing, scan  # noqa: E402
from unified_assets.catalog.fetching import ObjectsDoNotFit  # noqa: E402
from unified_assets.core.errors import InvalidSetting  # noqa: E402
from unified_assets.core.settings import Settings  # noqa: E402
from unified_assets.store.buckets import BucketUnreachable  # noqa: E402
from unified_assets.store.local import Store  # noqa: E402
from unified_assets.tracking import fingerprint  # noqa: E402

URL = "s3://lake/raw"


@pytest.fixture
def settings(tmp_path):
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state", raw_url=URL, disk_floor_gib=0)


def put(bucket, **objects):
    for key, body in objects.items():
        bucket.put_object(Bucket="lake", Key=f"raw/{key}", Body=body)


def paths(settings):
    return {path.relative_to(settings.raw).as_posix(): path.read_bytes() for path in settings.raw.rglob("*") if path.is_file()}


def test_objects_become_files_and_only_what_changed_is_fetched_again(bucket, settings):
    put(bucket, **{"a/one.txt": b"first words", "b/c/two.csv": b"x,y\n1,2\n"})
    bucket.put_object(Bucket="lake", Key="elsewhere/three.txt", Body=b"not of this prefix")
    first = fetch(settings)
    assert (first.objects, first.fetched, first.removed, first.bytes) == (2, 2, 0, 19)
    assert paths(settings) == {"a/one.txt": b"first words", "b/c/two.csv": b"x,y\n1,2\n"}
    assert scan(settings).files["text"] == 2
    again = fetch(settings)
    assert (again.objects, again.fetched, again.removed) == (2, 0, 0)
    put(bucket, **{"a/one.txt": b"other words", "d.txt": b"new"})  # as long as before: the ETag tells
    bucket.delete_object(Bucket="lake", Key="raw/b/c/two.csv")
    third = fetch(settings)
    assert (third.objects, third.fetched, third.removed) == (2, 2, 1)
    assert paths(settings) == {"a/one.txt": b"other words", "d.txt": b"new"}
    assert not (settings.raw / "b").exists()
    assert sorted(Store(settings.state).table("catalog")["path"]) == ["a/one.txt", "b/c/two.csv"]
    assert scan(settings).removed == 1


def test_a_listing_has_the_fingerprint_of_the_files_it_becomes(bucket, settings):
    put(bucket, **{"a/one.txt": b"first", "b/two.csv": b"x,y\n1,2\n", ".hidden/three.txt": b"no part of the lake"})
    modalities = {"txt": "text", "csv": "text"}
    before = fingerprint.fingerprints(listing(settings), modalities)
    fetch(settings)
    assert before == fingerprint.raw_fingerprints(settings.raw, modalities)
    put(bucket, **{"a/one.txt": b"first and more"})
    assert fingerprint.fingerprints(listing(settings), modalities)["text"].digest != before["text"].digest


def test_names_that_can_be_no_file_are_told_and_nothing_is_written_outside_the_raw_root(bucket, settings, tmp_path):
    put(bucket, **{"x": b"file", "x/y.txt": b"below it", "n" * 300: b"long", "fine.txt": b"fine", "folder/": b""})
    said = []
    found = fetch(settings, said.append)
    assert sorted(found.refused) == ["n" * 300, "x"]
    assert json.loads((settings.state / "objects" / "refused.json").read_text()) == dict(found.refused)
    assert any("cannot be a file and a folder" in line for line in said)
    assert paths(settings) == {"fine.txt": b"fine", "x/y.txt": b"below it"}
    assert [path for path, *_ in listing(settings)] == ["fine.txt", "x/y.txt"]  # a marker of an empty folder is no file
    assert fetch(settings).fetched == 0
    (tmp_path / "outside").mkdir()
    (settings.raw / "trap").symlink_to(tmp_path / "outside")
    put(bucket, **{"trap/evil.txt": b"evil"})
    with pytest.raises(BucketUnreachable, match="a link stands in its way"):
        fetch(settings)
    assert not list((tmp_path / "outside").iterdir())
    put(bucket, **{"trap/deep/er/evil.txt": b"evil"})
    with pytest.raises(BucketUnreachable, match="a link stands in its way"):
        fetch(settings)
    assert not list((tmp_path / "outside").iterdir())  # nor a folder
    (tmp_path / "outside" / "mine.txt").write_text("mine")
    (settings.raw / ".fetching-planted").symlink_to(tmp_path / "outside")
    with pytest.raises(BucketUnreachable):
        fetch(settings)
    assert (tmp_path / "outside" / "mine.txt").read_text() == "mine"


def test_what_a_killed_fetch_left_is_removed(bucket, settings):
    left = settings.raw / ".fetching-left"
    left.mkdir(parents=True)
    (left / "0").write_text("half an object")
    put(bucket, **{"one.txt": b"whole"})
    fetch(settings)
    assert {path.name for path in settings.raw.iterdir()} == {"one.txt"}


def test_files_of_ones_own_in_the_raw_root_stay(bucket, settings):
    settings.raw.mkdir()
    (settings.raw / "mine.txt").write_text("mine")
    put(bucket, **{"theirs.txt": b"theirs"})
    fetch(settings)
    bucket.delete_object(Bucket="lake", Key="raw/theirs.txt")
    fetch(settings)
    assert paths(settings) == {"mine.txt": b"mine"}


def test_what_cannot_be_done_is_told_with_the_fix_and_without_the_secret(bucket, settings, tmp_path, monkeypatch):
    put(bucket, **{"one.txt": b"words"})
    with pytest.raises(ObjectsDoNotFit, match=r"0\.00 GiB to fetch"):
        fetch(settings.model_copy(update={"disk_floor_gib": 1e6}))
    assert not (settings.raw / "one.txt").exists()
    fetch(settings)
    with pytest.raises(InvalidSetting, match="holds the objects of s3://lake/raw"):
        fetch(settings.model_copy(update={"raw_url": "s3://lake/other"}))
    with pytest.raises(InvalidSetting, match="holds credentials") as told:
        fetch(settings.model_copy(update={"raw_url": "s3://me:hidden-word@lake/raw"}))
    assert "hidden-word" not in str(told.value)
    with pytest.raises(InvalidSetting, match="Name a bucket"):
        fetch(Settings(raw=tmp_path / "r", state=tmp_path / "s", raw_url="gopher://x"))
    with pytest.raises(BucketUnreachable, match="cannot be listed") as told:
        fetch(Settings(raw=tmp_path / "r", state=tmp_path / "s", raw_url="s3://no-such-bucket/x"))
    assert "hidden-word" not in str(told.value)
    assert (settings.raw / "one.txt").read_bytes() == b"words"
