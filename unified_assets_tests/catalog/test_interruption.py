"""The catalog before or the catalog after, never a mixture: killed scans, scans side by side, folders that move, states that cannot be written.

UNIFIED_ASSETS_KILLS is the number of kills that must meet a running scan; `-o log_cli=true --log-cli-level=INFO` says what stood after them.
"""

import logging
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import polars as pl
import psutil
import pytest
import scanning_process
import xxhash

from unified_assets.catalog import scan, scanning
from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store

KILLS = int(os.environ.get("UNIFIED_ASSETS_KILLS", "50"))
FILES = 24


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    probes = {modality.probe.__module__ for modality in plugins.modalities().values()}  # else each scan imports the decoders anew
    context.set_forkserver_preload(["unified_assets.catalog", *sorted(probes)])
    return context


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "raw").mkdir()
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state", workers=1)


def write_variant(root: Path, number: int) -> set[tuple[str, str]]:
    """Change every file; the (path, file_id) a whole scan must find."""
    wanted = set()
    for index in range(FILES):
        name, data = f"{index:03d}.txt", f"variant {number} of file {index}\n".encode()
        (root / f"new {name}").write_bytes(data)
        (root / f"new {name}").replace(root / name)
        wanted.add((name, xxhash.xxh3_128_hexdigest(data)))
    return wanted


def seen(state: Path) -> set[tuple[str, str]]:
    return set(Store(state).table("catalog").select("path", "file_id").rows())


def test_a_scan_killed_at_any_point_leaves_the_catalog_before_or_after(settings, processes):
    chance = random.Random(3)
    write_variant(settings.raw, 0)
    scan(settings)
    number = kills = before_kept = 0
    home = settings.state / "versions" / "catalog"
    while kills < KILLS:
        number += 1
        assert number <= 4 * KILLS, "scans end before they are met"
        before = seen(settings.state)
        after = write_variant(settings.raw, number)
        current = (home / "current").readlink()
        process = processes.Process(target=scanning_process.run, args=(settings.raw, settings.state))
        process.start()
        if number % 3 == 0:
            time.sleep(chance.uniform(0.0, 0.4))
        elif number % 3 == 1:  # while it publishes
            while process.is_alive() and not any(home.glob(".tmp-*")):
                time.sleep(0.0005)
            time.sleep(chance.uniform(0.0, 0.15))
        else:  # when it has just published
            while process.is_alive() and (home / "current").readlink() == current:
                time.sleep(0.0005)
        process.kill()  # it may have ended by then
        process.join()
        found = seen(settings.state)
        assert found in (before, after)
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            before_kept += found == before
    logging.getLogger(__name__).info("%d of %d scans killed; the catalog before stood after %d of them", kills, number, before_kept)
    assert 0 < before_kept < kills
    assert scan(settings).files["text"] == FILES
    assert seen(settings.state) == after
    assert not list(home.glob(".tmp-*"))
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(settings.state) in " ".join(process.info["cmdline"] or [])]


def test_two_scans_at_once_agree(settings, processes, tmp_path):
    wanted = write_variant(settings.raw, 1)
    said = [tmp_path / "one", tmp_path / "two"]
    both = [processes.Process(target=scanning_process.run, args=(settings.raw, settings.state, path)) for path in said]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert sorted(path.read_text() for path in said) == ["published False", "published True"]
    assert seen(settings.state) == wanted


def test_a_folder_renamed_between_walk_and_reading_is_whole_in_the_next_scan(settings, monkeypatch):
    for folder in ("a", "b", "c"):
        (settings.raw / folder).mkdir()
        for number in range(150):
            (settings.raw / folder / f"{number}.txt").write_text(f"{folder} {number}")
    examined = scanning.examined

    def moved_first(*args):
        (settings.raw / "b").rename(settings.raw / "moved")
        return examined(*args)

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "examined", moved_first)
        scan(settings)
    told = Store(settings.state).table("catalog").group_by(folder=pl.col("path").str.head(1), reason=pl.col("reason")).len()
    assert set(told.rows()) == {("a", None, 150), ("b", "not_found", 150), ("c", None, 150)}
    scan(settings)
    table = Store(settings.state).table("catalog")
    assert set(table["path"]) == {f"{folder}/{number}.txt" for folder in ("a", "moved", "c") for number in range(150)}
    assert set(table["status"]) == {"ok"}


def test_a_folder_renamed_while_its_files_are_read_is_whole_in_the_next_scan(settings, monkeypatch):
    for number in range(3000):
        (settings.raw / "b" / f"{number % 3}").mkdir(parents=True, exist_ok=True)
        (settings.raw / "b" / f"{number % 3}" / f"{number}.txt").write_text(f"b {number}")
    examined = scanning.examined
    timer = threading.Timer(0.15, lambda: (settings.raw / "b").rename(settings.raw / "moved"))

    def moved_soon(*args):
        timer.start()
        return examined(*args)

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "examined", moved_soon)
        scan(settings)
    timer.join()
    table = Store(settings.state).table("catalog")
    assert set(table["reason"].drop_nulls()) <= {"not_found"}
    assert table.height == 3000
    scan(settings)
    table = Store(settings.state).table("catalog")
    assert set(table["path"]) == {f"moved/{number % 3}/{number}.txt" for number in range(3000)}
    assert set(table["status"]) == {"ok"}


def test_a_disk_that_is_full_says_so_and_keeps_the_catalog(settings, processes, tmp_path):
    before = write_variant(settings.raw, 1)
    scan(settings)
    after = write_variant(settings.raw, 2)
    said = tmp_path / "said"
    process = processes.Process(target=scanning_process.run, args=(settings.raw, settings.state, said), kwargs={"file_bytes": 4096})
    process.start()
    process.join()
    answer = said.read_text()
    assert answer.startswith("StateNotWritable: cannot write")
    assert "File too large. What was published before is untouched. Free space" in answer
    assert seen(settings.state) == before
    scan(settings)
    assert seen(settings.state) == after


@pytest.mark.parametrize("already", [False, True])
def test_a_state_that_cannot_be_written_says_so_and_keeps_its_catalog(processes, already):
    home = Path(tempfile.mkdtemp(prefix="unified-assets-"))  # outside pytest's folders, which nobody else may enter
    try:
        home.chmod(0o755)
        (home / "raw").mkdir()
        (home / "raw" / "a.txt").write_text("one")
        state = home / "state"
        if already:
            scan(Settings(raw=home / "raw", state=state, workers=1))
        said = home / "said"
        said.touch()
        said.chmod(0o666)
        (home / "raw" / "b.txt").write_text("two")
        locked = [home, *(path for path in (state, *state.rglob("*")) if path.is_dir())]
        for folder in locked:
            folder.chmod(0o555)
        process = processes.Process(target=scanning_process.run, args=(home / "raw", state, said), kwargs={"as_nobody": os.geteuid() == 0})
        process.start()
        process.join()
        answer = said.read_text()
        assert answer.startswith("StateNotWritable: cannot write")
        assert "Permission denied. What was published before is untouched." in answer
        assert {path for path, _ in seen(state)} == ({"a.txt"} if already else set())
    finally:
        for folder in (home, *(path for path in home.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        shutil.rmtree(home)
