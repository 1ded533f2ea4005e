import errno
import multiprocessing
import os
import signal
import sqlite3
import time

import polars as pl
import pytest

from unified_assets.core import tables
from unified_assets.core.errors import StaleSchema, StateBelongsElsewhere
from unified_assets.store.local import StateNotWritable, Store, not_writable, read_table, write_table, write_text


def splits(*groups: str) -> pl.DataFrame:
    return pl.DataFrame({"group": list(groups), "split": ["train"] * len(groups), "declared": [False] * len(groups)}, schema=tables.SPLIT_MEMORY)


def publish(store: Store, *groups: str) -> None:
    def write(folder):
        for name, frame in (("allocation", None), ("tasks", None), ("examples", None), ("splits", splits(*groups))):
            schema = {"allocation": tables.ALLOCATION, "tasks": tables.TASKS, "examples": tables.EXAMPLES, "splits": tables.SPLIT_MEMORY}[name]
            write_table(folder, name, pl.DataFrame(schema=schema) if frame is None else frame)

    store.publish("allocation", write)


def test_a_table_not_yet_published_is_empty_with_its_columns(tmp_path):
    assert Store(tmp_path).table("catalog").schema == pl.Schema(tables.CATALOG)


def test_a_glob_over_the_state_reads_the_last_version_only(tmp_path):
    store = Store(tmp_path)
    publish(store, "a")
    publish(store, "b", "c")
    assert pl.read_parquet(tmp_path / "splits" / "**" / "*.parquet")["group"].to_list() == ["b", "c"]
    assert store.table("splits")["group"].to_list() == ["b", "c"]


def test_a_writer_that_fails_leaves_the_version_before_and_no_leftovers(tmp_path):
    store = Store(tmp_path)
    publish(store, "a")

    def broken(folder):
        (folder / "half").write_text("half")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        store.publish("allocation", broken)
    assert store.table("splits")["group"].to_list() == ["a"]
    assert [path.name for path in (tmp_path / "versions" / "allocation").iterdir() if path.name.startswith(".tmp")] == []


def test_four_tables_change_together(tmp_path):
    store = Store(tmp_path)
    publish(store, "a")
    before = store.current("allocation")
    publish(store, "b")
    assert read_table(before / "splits", "splits")["group"].to_list() == ["a"]
    assert {(tmp_path / name).resolve().parent for name in ("allocation", "tasks", "examples", "splits")} == {store.current("allocation")}


def test_a_state_of_another_root_is_refused_with_the_fix(tmp_path):
    store = Store(tmp_path / "state")
    store.bind(tmp_path / "one")
    store.bind(tmp_path / "one")
    with pytest.raises(StateBelongsElsewhere, match="Give each raw folder a state of its own: `--state <folder>`"):
        store.bind(tmp_path / "two")


def test_a_table_of_another_schema_version_says_so(tmp_path):
    (tmp_path / "splits").mkdir()
    splits("a").write_parquet(tmp_path / "splits" / "part-00000.parquet", metadata={"unified_assets_schema": "99"})
    with pytest.raises(StaleSchema, match="table splits has schema version 99, this program writes 1"):
        read_table(tmp_path / "splits", "splits")


def test_a_path_that_cannot_be_a_folder_is_an_error_and_loses_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)
    publish(store, "a")

    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(StateNotWritable, match=r"No space left on device\. What was published before is untouched"):
        store.publish("allocation", full)
    assert store.table("splits")["group"].to_list() == ["a"]


def _publish_for_ever(state, started):
    store = Store(state)
    number = 0
    while True:
        number += 1
        publish(store, *[f"{number}"] * 3)
        started.set()


def test_killing_a_publisher_at_any_moment_leaves_a_whole_version(tmp_path):
    context = multiprocessing.get_context("spawn")
    for attempt in range(4):
        started = context.Event()
        writer = context.Process(target=_publish_for_ever, args=(tmp_path, started))
        writer.start()
        assert started.wait(60)
        time.sleep(0.013 * (attempt + 1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        groups = Store(tmp_path).table("splits")["group"].to_list()
        assert len(groups) == 3
        assert len(set(groups)) == 1
    publish(Store(tmp_path), "after")
    assert Store(tmp_path).table("splits")["group"].to_list() == ["after"]
    assert list((tmp_path / "versions" / "allocation").glob(".tmp-*")) == []


def test_a_small_file_is_replaced_whole(tmp_path):
    write_text(tmp_path / "f.json", "one")
    write_text(tmp_path / "f.json", "two")
    assert (tmp_path / "f.json").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["f.json"]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (RuntimeError("Error while serializing: I/O error: Read-only file system (os error 30)"), "Read-only file system"),
        (sqlite3.OperationalError("database or disk is full"), "No space left on device"),
        (sqlite3.OperationalError("disk I/O error"), "Input/output error"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "Read-only file system"),
        (sqlite3.OperationalError("unable to open database file"), None),  # the folder can be written: it is something else
        (ValueError("a bug"), None),
    ],
)
def test_an_error_of_the_disk_is_told_as_one_whoever_met_it(tmp_path, error, problem):
    try:
        try:
            raise error
        except type(error) as first:
            raise LookupError("wrapped") from first
    except LookupError as wrapped:
        known = not_writable(wrapped, tmp_path)
    assert (None if known is None else str(known).partition(". ")[0]) == (None if problem is None else f"cannot write {tmp_path}: {problem}")
