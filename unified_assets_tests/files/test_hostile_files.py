"""Whatever lies in the raw folder, each path ends as one row, and nothing is left running.

UNIFIED_ASSETS_FUZZ raises the number of mutated files, UNIFIED_ASSETS_FUZZ_SEED names others.
"""

import io
import json
import os
import threading
import time
from functools import partial

import hostile
import psutil
import pytest

from unified_assets import files
from unified_assets.catalog import scan
from unified_assets.catalog.walking import walk
from unified_assets.compute.workers import WorkerPool
from unified_assets.core import tables
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store

FUZZ = int(os.environ.get("UNIFIED_ASSETS_FUZZ", "2000"))
SEED = int(os.environ.get("UNIFIED_ASSETS_FUZZ_SEED", "7"))
BUGS = {"AssertionError", "AttributeError", "NameError", "UnboundLocalError", "RecursionError"}


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "raw").mkdir()
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state", workers=2, file_timeout_s=15.0, file_memory_mib=768)


def catalog(settings):
    return Store(settings.state).table("catalog")


def descendants() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE}


def decoded(root, item) -> str:
    path, modality, media_type = item
    return type(files.decode(root, path, modality, media_type)).__name__


def test_mutated_files_are_one_row_each_and_leave_nothing_behind(settings, capfd):
    written = hostile.write(settings.raw, hostile.mutated(FUZZ, SEED), names=hostile.ODD_NAMES)
    before = descendants()
    summary = scan(settings)
    table = catalog(settings)
    assert table.height == written == FUZZ == sum(summary.files.values())
    assert table["path"].n_unique() == FUZZ
    assert sorted(table["path"]) == sorted(walk(settings.raw, lambda _path, _name: False)["path"])
    assert set(table["status"]) <= set(tables.STATUSES)
    assert table.filter((table["status"] == "ok") != table["reason"].is_null()).is_empty()
    assert table["file_id"].null_count() == 0
    assert not set(table["reason"].drop_nulls()) & BUGS
    usable = table.filter(table["status"] == "ok").select("path", "modality", "media_type").rows()
    with WorkerPool(partial(decoded, settings.raw), workers=2, timeout_s=15.0, memory_mib=1024) as pool:
        outcomes = {outcome.index: outcome.reason for outcome in pool.map(usable)}
    assert len(outcomes) == len(usable) > FUZZ // 4
    assert not set(outcomes.values()) & BUGS
    assert descendants() == before
    assert "Traceback" not in "".join(capfd.readouterr())


def test_every_seed_is_told_and_read(settings):
    hostile.write(settings.raw, iter(hostile.seeds()))
    scan(settings)
    found = {row["path"].split(".", 1)[1]: (row["modality"], row["status"]) for row in catalog(settings).iter_rows(named=True)}
    archives = {"zip", "tar", "tar.gz", "gz", "bz2", "xz"}
    assert {name for name, told in found.items() if told == ("other", "unsupported")} == {*archives, "heic", "svg"}
    assert {status for _, status in found.values()} == {"ok", "unsupported"}
    assert len(found) == len(hostile.seeds())
    assert {name for name, told in found.items() if told[0] == "document"} == {"pdf", "docx", "pptx", "odt", "epub", "rtf", "doc", "ppt"}


def test_legacy_office_is_read():
    word, slides = (files.decode_bytes(dict(hostile.seeds())[name])[1:] for name in ("doc", "ppt"))
    assert (word[0], word[1].text.splitlines()) == ("application/msword", ["The plum is ripe.", "The stone is left."])
    assert (slides[0], [page.text for page in slides[1].pages]) == ("application/vnd.ms-powerpoint", ["ripe plums", "no stones"])


def test_bombs_and_absurd_headers_are_named_in_little_time_and_memory(settings):
    written = hostile.write(settings.raw / "bombs", hostile.bombs()) + hostile.write(settings.raw / "absurd", hostile.absurd())
    started = time.monotonic()
    scan(settings)
    table = catalog(settings)
    assert table.height == written
    reasons = {row["path"]: row["reason"] for row in table.iter_rows(named=True)}
    named = {path.split(".", 1)[1] for path, reason in reasons.items() if reason == "bomb"}
    assert {"zip", "docx", "pptx", "odt", "epub", "tar.gz", "tar.bz2", "tar.xz", "rtf"} <= named
    assert not set(reasons.values()) & {*BUGS, "timeout", "crash", "out_of_memory"}
    assert time.monotonic() - started < 30


def test_a_cut_at_every_header_is_a_row(settings):
    cuts = [(extension, cut) for extension, data in hostile.seeds() for cut in list(hostile.truncations(data))[:12]]
    hostile.write(settings.raw, iter(cuts))
    scan(settings)
    table = catalog(settings)
    assert table.height == len(cuts)
    assert not set(table["reason"].drop_nulls()) & {*BUGS, *("timeout", "crash", "out_of_memory")}


def test_what_is_no_file_is_listed_beside_good_ones(settings):
    count = hostile.write_no_files(settings.raw)
    (settings.raw / "good.txt").write_text("good")
    scan(settings)
    table = catalog(settings)
    assert table.height == count + 1
    assert dict(table.filter(table["status"] == "ok").select("path", "modality").rows()) == {"good.txt": "text"}


def test_files_that_grow_and_vanish_meanwhile_harm_nobody(settings):
    for number in range(300):
        (settings.raw / f"good {number}.txt").write_text("good")
        (settings.raw / f"vanishing {number}.txt").write_text("gone soon")
    growing = settings.raw / "growing.txt"
    growing.write_text("more")
    over = threading.Event()

    def disturb() -> None:
        number = 0
        with growing.open("a") as stream:
            while not over.wait(0.002):
                stream.write("more")
                stream.flush()
                (settings.raw / f"vanishing {number}.txt").unlink(missing_ok=True)
                number += 1

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        scan(settings)
    finally:
        over.set()
        thread.join()
    rows = {row["path"]: (row["status"], row["reason"]) for row in catalog(settings).iter_rows(named=True)}
    assert all(rows[f"good {number}.txt"] == ("ok", None) for number in range(300))
    assert rows["growing.txt"] == ("unreadable", "still_being_written")
    assert set(rows.values()) <= {("ok", None), ("unreadable", "not_found"), ("unreadable", "still_being_written")}
    again = scan(settings)
    left = {path.name for path in settings.raw.iterdir()}
    assert sum(again.files.values()) == len(left)
    assert set(catalog(settings)["status"]) == {"ok"}


@pytest.mark.parametrize("extension", sorted(extension for extension, _ in hostile.seeds()))
def test_detection_never_fails_on_mutated_bytes(extension):
    data = dict(hostile.seeds())[extension]
    for cut in list(hostile.truncations(data))[::5]:
        assert files.detect(io.BytesIO(cut), f"x.{extension}").media_type
    assert json.dumps(files.detect(io.BytesIO(data), "")._asdict())
