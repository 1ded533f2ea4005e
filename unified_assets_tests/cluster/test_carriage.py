"""Files that travel by a bucket between two folders, as between the host of a run and a node that shares no file system with it."""

import pytest

pytest.importorskip("obstore", reason="the extra `objects` is not installed")
pytestmark = pytest.mark.cluster

from unified_assets.store.carriage import Carrier, DamagedOnTheWay, Unit  # noqa: E402


@pytest.fixture
def ends(tmp_path, bucket):
    """The two ends of the way."""
    found = {}
    for name in ("host", "node"):
        (tmp_path / name).mkdir()
        found[name] = Carrier("s3://lake/state", whose="ear", home=tmp_path / name)
    return found["host"], found["node"]


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def objects(client):
    return sorted(one["Key"] for one in client.list_objects_v2(Bucket="lake").get("Contents", ()))


def test_files_and_folders_arrive_as_they_are_and_nothing_else_stays_within(ends):
    host, node = ends
    write(host.home, {"run/round_1/weights": "a", "run/round_1/in/state": "b", "words": "c", "run/.tmp-1/half": "d"})
    write(node.home, {"run/round_0/weights": "old", "other": "old", "another_run/round_0/weights": "old"})
    units = host.send([host.home / "run/round_1", host.home / "words"])
    node.receive(units, within=[node.home])
    assert texts(node.home) == {"run/round_1/weights": "a", "run/round_1/in/state": "b", "words": "c"}


def test_what_is_there_already_is_neither_sent_nor_fetched_nor_touched(ends, bucket):
    host, node = ends
    write(host.home, {"run/round_1/weights": "a", "run/round_1/best": "a"})
    units = host.send([host.home / "run/round_1"])
    node.receive(units)
    (key,), inode = objects(bucket), (node.home / "run/round_1").stat().st_ino
    bucket.put_object(Bucket="lake", Key=key, Body=b"somebody else's")
    assert host.send([host.home / "run/round_1"]) == units
    assert bucket.get_object(Bucket="lake", Key=key)["Body"].read() == b"somebody else's"
    node.receive(units)
    assert (node.home / "run/round_1").stat().st_ino == inode


def test_of_a_folder_that_grew_only_what_is_new_is_fetched(ends, bucket):
    host, node = ends
    write(host.home, {"data/rows": "rows"})
    node.receive(host.send([host.home / "data"]))
    bucket.delete_object(Bucket="lake", Key=objects(bucket)[0])
    write(host.home, {"data/baselines": "figures"})
    node.receive(host.send([host.home / "data"]))
    assert texts(node.home) == {"data/rows": "rows", "data/baselines": "figures"}


def test_bytes_that_are_not_those_that_were_sent_are_refused_and_what_was_there_stays(ends, bucket):
    host, node = ends
    write(host.home, {"final/weights": "new"})
    write(node.home, {"final/weights": "old"})
    units = host.send([host.home / "final"])
    bucket.put_object(Bucket="lake", Key=objects(bucket)[0], Body=b"forged")
    with pytest.raises(DamagedOnTheWay, match="the bytes of carried/ear/"):
        node.receive(units)
    assert texts(node.home) == {"final/weights": "old"}


@pytest.mark.parametrize("unit", [Unit(path="../out", files={"": "0"}), Unit(path="in", files={"../../out": "0"}), Unit(path="/out", files={"": "0"})])
def test_nothing_is_written_outside_the_home(ends, unit):
    _, node = ends
    with pytest.raises(DamagedOnTheWay, match="leads outside"):
        node.receive([unit])
    assert texts(node.home.parent) == {}


def test_an_end_sends_again_what_the_other_has_deleted(ends):
    host, node = ends
    write(node.home, {"run/round_1/weights": "a"})
    node.send([node.home / "run/round_1"])
    host.keep_only([])
    host.receive(node.send([node.home / "run/round_1"]))
    assert texts(host.home) == {"run/round_1/weights": "a"}


def test_what_nobody_will_ask_for_is_deleted_and_sent_again_where_somebody_does(ends, bucket):
    host, node = ends
    write(host.home, {"data/rows": "rows", "run/round_1/weights": "a"})
    round_1 = host.send([host.home / "data", host.home / "run/round_1"])[1]
    others = Carrier("s3://lake/state", whose="eye", home=host.home)
    others.send([host.home / "run/round_1"])
    host.keep_only(host.send([host.home / "data"]))
    assert [key.split("/")[:3] for key in objects(bucket)] == [["state", "carried", "ear"], ["state", "carried", "eye"]]
    assert host.send([host.home / "run/round_1"]) == (round_1,)
    node.receive([round_1])
    assert texts(node.home) == {"run/round_1/weights": "a"}
