"""Snapshots of a state folder on a real S3 server."""

import io
import json
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

pytestmark = pytest.mark.cluster
pytest.importorskip("obstore", reason="the extra `objects` is not installed")
pytest.importorskip("moto.server", reason="moto, an S3 server for tests, is not installed")

from unified_assets.store.local import Store  # noqa: E402
from unified_assets.store.snapshots import AnotherMachine, NothingToPull, StateNotEmpty, keep, pull, push  # noqa: E402

URL = "s3://lake/state"


@pytest.fixture
def state(tmp_path):
    """A state folder with a published table, a run's log, a database in WAL mode and a lock."""
    folder = tmp_path / "state"
    store = Store(folder)
    store.bind(tmp_path / "raw")
    store.publish("datasets/m", lambda target: (target / "manifest.json").write_text("{}"))
    (folder / "runs" / "r").mkdir(parents=True)
    (folder / "runs" / "r" / "log.jsonl").write_text("1\n")
    live = sqlite3.connect(folder / "history.db")
    live.execute("pragma journal_mode=wal")
    live.execute("create table t (n)")
    live.execute("insert into t values (1)")
    live.commit()
    yield folder
    live.close()


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and "snapshots" not in path.parts and "locks" not in path.parts
    )


def test_a_snapshot_comes_back_as_it_was_links_and_databases_too_and_only_news_are_sent(bucket, state, tmp_path):
    first = push(state, URL)
    assert (first.number, first.moved) == (1, 4)
    assert push(state, URL) is None
    (state / "runs" / "r" / "log.jsonl").write_text("1\n2\n")
    second = push(state, URL)
    assert (second.number, second.moved, second.bytes) == (2, 1, 4)
    back = tmp_path / "elsewhere" / "state"
    back.parent.mkdir()
    assert pull(back, URL).files == second.files
    assert (back / "runs" / "r" / "log.jsonl").read_text() == "1\n2\n"
    assert files(back) == [name for name in files(state) if not name.endswith(("-wal", "-shm"))]
    assert (Store(back).current("datasets/m") / "manifest.json").read_text() == "{}"
    with sqlite3.connect(back / "history.db") as copy:
        assert copy.execute("select n from t").fetchall() == [(1,)]
    (back / "runs" / "r" / "log.jsonl").write_text("1\n2\n3\n")
    assert push(back, URL).number == 3


def test_a_machine_that_lost_track_is_told_instead_of_overwriting_the_other(bucket, state, tmp_path):
    push(state, URL)
    other = tmp_path / "other"
    pull(other, URL)
    (other / "new.json").write_text("other")
    assert push(other, URL).number == 2
    (state / "new.json").write_text("mine")
    with pytest.raises(AnotherMachine, match="at snapshot 2, this state goes back to 1"):
        push(state, URL)
    said = []
    keep(state, URL, said.append)
    assert "another machine works on it" in said[0]


def test_of_two_that_push_at_once_one_wins(bucket, state, tmp_path):
    push(state, URL)
    machines = [tmp_path / name for name in "abcd"]
    for machine in machines:
        pull(machine, URL)
        (machine / "new.json").write_text(machine.name)
    together = threading.Barrier(len(machines))

    def at_once(machine):
        together.wait()
        try:
            return push(machine, URL).number
        except AnotherMachine:
            return None

    with ThreadPoolExecutor(len(machines)) as pool:
        numbers = list(pool.map(at_once, machines))
    assert sorted(numbers, key=str) == [2, None, None, None]
    pull(tmp_path / "after", URL)
    assert (tmp_path / "after" / "new.json").read_text() == machines[numbers.index(2)].name


def test_a_full_folder_an_empty_bucket_and_damaged_bytes_are_refused_and_leave_nothing(bucket, state, tmp_path):
    with pytest.raises(NothingToPull, match="holds no snapshot"):
        pull(tmp_path / "back", URL)
    push(state, URL)
    with pytest.raises(StateNotEmpty):
        pull(state, URL)
    blob = next(entry["Key"] for entry in bucket.list_objects_v2(Bucket="lake", Prefix="state/blobs/")["Contents"])
    bucket.put_object(Bucket="lake", Key=blob, Body=b"others")
    with pytest.raises(NothingToPull, match="are not those that were pushed"):
        pull(tmp_path / "back", URL)
    assert not [path for path in tmp_path.iterdir() if "back" in path.name]


@pytest.mark.parametrize(
    ("path", "link"), [("../evil", None), ("/etc/evil", None), ("a/../../evil", None), ("a", "/etc/passwd"), ("a/b", "../../evil"), ("a/b", "c/../../../evil")]
)
def test_a_snapshot_that_names_a_place_outside_is_refused(bucket, tmp_path, path, link):
    row = {"path": path, "blob": None if link else "0" * 40, "link": link, "size_bytes": 0, "mtime_ns": 0, "mode": 0o644}
    held = io.BytesIO()
    pl.DataFrame([row]).write_parquet(held)
    bucket.put_object(Bucket="lake", Key="state/snapshots/000000000001.parquet", Body=held.getvalue())
    with pytest.raises(NothingToPull, match="outside of the state folder"):
        pull(tmp_path / "back", URL)
    assert json.dumps(sorted(found.name for found in tmp_path.iterdir())) == "[]"


def test_a_link_that_leads_outside_by_way_of_another_link_is_refused(bucket, tmp_path):
    held = io.BytesIO()
    facts = {"blob": None, "size_bytes": 0, "mtime_ns": 0, "mode": 0}
    links = {"p/q/c": "../../z", "p/q/r": "c/../../w", "z": "p"}  # each by itself stays inside
    pl.DataFrame([{"path": path, "link": link, **facts} for path, link in links.items()]).write_parquet(held)
    bucket.put_object(Bucket="lake", Key="state/snapshots/000000000001.parquet", Body=held.getvalue())
    with pytest.raises(NothingToPull, match="'p/q/r', outside of the state folder"):
        pull(tmp_path / "back", URL)
    assert not list(tmp_path.iterdir())


def test_folders_that_come_and_go_while_it_is_pushed_do_no_harm(bucket, state, tmp_path):
    over, home = threading.Event(), state / "runs" / "r" / "checkpoints"

    def churn():
        number = 0
        while not over.is_set():
            (home / f"round_{number}").mkdir(parents=True)
            (home / f"round_{number}" / "weights").write_text("w")
            if number > 1:
                shutil.rmtree(home / f"round_{number - 2}")
            number += 1

    churner = threading.Thread(target=churn)
    churner.start()
    try:
        assert [push(state, URL).number for _ in range(8)] == list(range(1, 9))
    finally:
        over.set()
        churner.join()
    assert pull(tmp_path / "back", URL).number == 8


def test_what_a_killed_push_left_is_removed_and_no_part_of_a_snapshot(bucket, state):
    left = state / "snapshots" / ".tmp-left"
    left.mkdir(parents=True)
    (left / "0").write_text("half a copy")
    push(state, URL)
    assert not left.exists()


def test_a_snapshot_that_cannot_be_taken_in_a_run_is_told_and_stops_nothing(bucket, state):
    push(state, URL)
    (state / "snapshots" / "last.parquet").write_bytes(b"no table")
    said = []
    keep(state, URL, said.append)
    assert said[0].startswith("no snapshot was taken: ")


def test_a_file_that_grows_while_it_is_pushed_comes_back_whole_at_some_moment(bucket, state, tmp_path):
    log, over = state / "runs" / "r" / "log.jsonl", threading.Event()

    def write():
        count = 0
        with log.open("w") as stream:
            while not over.is_set():
                stream.write(f"{count}\n")
                stream.flush()
                count += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            push(state, URL)
    finally:
        over.set()
        writer.join()
    pull(tmp_path / "back", URL)
    lines = (tmp_path / "back" / "runs" / "r" / "log.jsonl").read_text().splitlines()
    assert lines[:-1] == [str(count) for count in range(len(lines) - 1)]
