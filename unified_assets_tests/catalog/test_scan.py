"""Every path gets a row; nothing hangs; a rescan costs what changed."""

import io
import json
import os
import shutil
import socket
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unified_assets.catalog import examining, scan
from unified_assets.core import plugins
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.paths import encode_path
from unified_assets.core.settings import Settings
from unified_assets.files import detection
from unified_assets.store.local import Store


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "raw").mkdir()
    return Settings(raw=tmp_path / "raw", state=tmp_path / "state", workers=1, file_timeout_s=20.0)


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def wav(seconds: float = 0.5) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\1\2" * int(8000 * seconds))
    return buffer.getvalue()


def package(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def rows(settings: Settings) -> dict[str, dict]:
    return {row["path"]: row for row in Store(settings.state).table("catalog").iter_rows(named=True)}


def told(row: dict) -> tuple:
    return row["modality"], row["media_type"], row["status"], row["reason"]


def test_good_files_carry_what_their_headers_say(settings):
    (settings.raw / "a" / "b").mkdir(parents=True)
    (settings.raw / "a" / "b" / "picture.png").write_bytes(png())
    (settings.raw / "tone.wav").write_bytes(wav(0.5))
    (settings.raw / "list.csv").write_text("name,colour\napple,red\nplum,violet\n")
    (settings.raw / "words.txt").write_bytes("naïve café".encode("utf-16"))
    summary = scan(settings)
    found = rows(settings)
    assert dict(summary.files) == {"audio": 1, "document": 0, "image": 1, "text": 2, "video": 0, "other": 0}
    assert set(summary.digests) == set(summary.files)
    assert (found["a/b/picture.png"]["width"], found["a/b/picture.png"]["height"]) == (60, 40)
    assert (found["tone.wav"]["sample_rate_hz"], found["tone.wav"]["channels"], found["tone.wav"]["duration_s"]) == (8000, 1, 0.5)
    assert (found["list.csv"]["records"], found["list.csv"]["encoding"]) == (2, "utf-8")
    assert (found["words.txt"]["encoding"], found["words.txt"]["status"]) == ("utf-16-le", "ok")
    assert all(len(row["file_id"]) == 32 for row in found.values())


def test_damaged_and_mislabelled_files_become_rows_with_a_reason(settings):
    (settings.raw / "cut.png").write_bytes(png()[:20])
    (settings.raw / "cut.wav").write_bytes(wav()[:20])
    (settings.raw / "cut.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Cat")
    (settings.raw / "cut.mp4").write_bytes(b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41")
    (settings.raw / "empty.jpg").write_bytes(b"")
    (settings.raw / "empty.txt").write_bytes(b"")
    (settings.raw / "really a picture.txt").write_bytes(png())
    (settings.raw / "archive.zip").write_bytes(package({"readme.txt": b"hello"}))
    (settings.raw / "archive.tar.gz").write_bytes(b"\x1f\x8b\x08" + bytes(20))
    (settings.raw / "noise.bin").write_bytes(b"\x8f\0" + np.random.default_rng(1).integers(0, 255, 4000, dtype=np.uint8).tobytes())
    bomb = package({"[Content_Types].xml": b"<Types/>", "word/document.xml": b" " * (96 << 20)})
    (settings.raw / "bomb.docx").write_bytes(bomb)
    scan(settings)
    found = rows(settings)
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert {path: told(row) for path, row in found.items()} == {
        "cut.png": ("image", "image/png", "quarantined", "corrupt_header"),
        "cut.wav": ("audio", "audio/wav", "quarantined", "corrupt_header"),
        "cut.pdf": ("document", "application/pdf", "quarantined", "corrupt"),
        "cut.mp4": ("video", "video/mp4", "quarantined", "corrupt"),
        "empty.jpg": ("image", "image/jpeg", "quarantined", "empty"),
        "empty.txt": ("text", "text/plain", "ok", None),
        "really a picture.txt": ("image", "image/png", "ok", None),
        "archive.zip": ("other", "application/zip", "unsupported", "container"),
        "archive.tar.gz": ("other", "application/gzip", "unsupported", "container"),
        "noise.bin": ("other", "application/octet-stream", "unsupported", "unknown_format"),
        "bomb.docx": ("document", word, "quarantined", "bomb"),
    }
    assert [path for path, row in found.items() if not row["extension_agrees"]] == ["really a picture.txt"]
    assert "MiB" in found["bomb.docx"]["probe_extra"]


def test_containers_are_listed_and_pictures_without_a_decoder_say_what_is_missing(settings):
    (settings.raw / "archive.zip").write_bytes(package({"readme.txt": b"hello", "more/b.txt": b"you"}))
    (settings.raw / "bomb.zip").write_bytes(package({"zeros": bytes(32 << 20)}))
    (settings.raw / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(64))
    (settings.raw / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    scan(settings)
    found = rows(settings)
    assert {path: told(row) for path, row in found.items()} == {
        "archive.zip": ("other", "application/zip", "unsupported", "container"),
        "bomb.zip": ("other", "application/zip", "quarantined", "bomb"),
        "photo.heic": ("other", "image/heic", "unsupported", "unsupported_format"),
        "drawing.svg": ("other", "image/svg+xml", "unsupported", "unsupported_format"),
    }
    listing = json.loads(found["archive.zip"]["probe_extra"])
    assert listing == {"listed": True, "members": 2, "unpacked_bytes": 8, "archives_inside": 0, "names": ["readme.txt", "more/b.txt"]}
    assert "HEVC" in found["photo.heic"]["probe_extra"]
    assert all(row["extension_agrees"] for row in found.values())


def test_a_sparse_terabyte_and_a_one_line_table_cost_nothing(settings):
    with (settings.raw / "hole.txt").open("wb") as stream:
        stream.truncate(1 << 40)
    with (settings.raw / "line.csv").open("wb") as stream:
        stream.write(b"a," * (40 << 20))
    (settings.raw / "deep.json").write_bytes(b"[" * 200_000)
    scan(settings)
    found = rows(settings)
    assert told(found["hole.txt"]) == ("other", None, "unreadable", "sparse")
    assert (told(found["line.csv"]), found["line.csv"]["records"]) == (("text", "text/csv", "ok", None), None)
    assert (told(found["deep.json"]), found["deep.json"]["records"]) == (("text", "application/json", "ok", None), None)


def test_what_is_no_regular_file_is_listed_and_never_opened_or_followed(settings, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("not of this lake")
    os.mkfifo(settings.raw / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(settings.raw / "sock"))
        (settings.raw / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
        (settings.raw / "folder link").symlink_to(tmp_path / "outside")
        (settings.raw / "loop").symlink_to(".")
        (settings.raw / "dangling").symlink_to("nowhere")
        scan(settings)
    assert {path: told(row) for path, row in rows(settings).items()} == {
        "pipe": ("other", "inode/fifo", "unreadable", "not_regular"),
        "sock": ("other", "inode/socket", "unreadable", "not_regular"),
        "link.txt": ("other", "inode/symlink", "unreadable", "link"),
        "folder link": ("other", "inode/symlink", "unreadable", "link"),
        "loop": ("other", "inode/symlink", "unreadable", "link"),
        "dangling": ("other", "inode/symlink", "unreadable", "link"),
    }
    assert not scan(settings).published


def test_names_of_any_bytes_are_kept_reversibly(settings):
    names = [b"two\nlines.txt", b"latin \xe9t\xe9.txt", b"back\\slash.txt", b"back\\xe9.txt", "snow ☃.txt".encode(), b"deep/" * 30 + b"x.txt"]
    for name in names:
        path = settings.raw / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a line\n")
    scan(settings)
    found = rows(settings)
    assert sorted(found) == sorted(map(encode_path, names))
    assert all(row["status"] == "ok" for row in found.values())


def test_hidden_system_and_ignored_files_are_no_part_of_the_lake(settings):
    for name in (".git/config", ".hidden.txt", "sub/.DS_Store", "Thumbs.db", "~$open.docx", "notes.bak", "sub/old/deep/x.txt", "sub/keep.txt", "keep.txt"):
        path = settings.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    (settings.raw / "unified.yaml").write_text("ignore: ['*.bak', 'sub/old/**']\n")
    scan(settings)
    assert sorted(rows(settings)) == ["keep.txt", "sub/keep.txt"]


def test_a_configuration_that_is_wrong_is_refused_with_its_field(settings):
    (settings.raw / "unified.yaml").write_text("ignore: 7\n")
    with pytest.raises(InvalidSetting, match=r"unified\.yaml: `ignore` is 7"):
        scan(settings)


def test_a_rescan_costs_what_changed(settings):
    for number in range(6):
        (settings.raw / f"{number}.png").write_bytes(png(number))
    (settings.raw / "a.txt").write_text("one")
    first = scan(settings)
    again = scan(settings)
    assert (again.published, again.unchanged, again.digests) == (False, 7, first.digests)
    assert again.seconds < 1.0

    (settings.raw / "a.txt").write_text("two")
    (settings.raw / "5.png").unlink()
    (settings.raw / "b.txt").write_text("new")
    third = scan(settings)
    assert (third.published, third.added, third.changed, third.removed, third.unchanged) == (True, 1, 1, 1, 5)
    assert third.digests["audio"] == first.digests["audio"]
    assert third.digests["text"] != first.digests["text"]
    assert third.digests["image"] != first.digests["image"]


def test_a_copied_lake_has_the_same_digests(settings, tmp_path):
    (settings.raw / "a.png").write_bytes(png())
    first = scan(settings)
    os.utime(settings.raw / "a.png", (1, 1))
    touched = scan(settings)
    assert (touched.published, touched.changed, touched.unchanged, touched.digests) == (True, 0, 1, first.digests)
    shutil.copytree(settings.raw, tmp_path / "copy")
    elsewhere = scan(Settings(raw=tmp_path / "copy", state=tmp_path / "other state", workers=1))
    assert elsewhere.digests == first.digests


def test_shards_make_no_difference(settings, monkeypatch):
    for number in range(11):
        (settings.raw / f"{number}.txt").write_text(f"text {number}")
    whole = scan(settings)
    monkeypatch.setattr(examining, "SHARD", 3)
    in_shards = scan(settings.model_copy(update={"state": settings.state.with_name("other")}))
    assert in_shards.digests == whole.digests
    assert Store(settings.state).table("catalog").equals(Store(settings.state.with_name("other")).table("catalog"))


def test_what_turns_into_something_else_is_seen(settings):
    (settings.raw / "a.txt").write_text("one")
    os.mkfifo(settings.raw / "b.txt")
    (settings.raw / "c.txt").symlink_to("a.txt")
    scan(settings)
    assert (scan(settings).published, scan(settings).unchanged) == (False, 3)
    for name in "abc":
        (settings.raw / f"{name}.txt").unlink()
    os.mkfifo(settings.raw / "a.txt")
    (settings.raw / "b.txt").symlink_to("c.txt")
    (settings.raw / "c.txt").write_text("three")
    scan(settings)
    assert {path: told(row)[1:] for path, row in rows(settings).items()} == {
        "a.txt": ("inode/fifo", "unreadable", "not_regular"),
        "b.txt": ("inode/symlink", "unreadable", "link"),
        "c.txt": ("text/plain", "ok", None),
    }


def test_an_empty_lake_is_published_once_and_a_missing_one_is_refused(settings, tmp_path):
    assert scan(settings).published
    assert rows(settings) == {}
    assert not scan(settings).published
    with pytest.raises(InvalidSetting, match="not a folder"):
        scan(settings.model_copy(update={"raw": tmp_path / "nowhere"}))


def test_the_state_may_lie_inside_the_raw_folder(settings):
    inside = settings.model_copy(update={"state": settings.raw / "state"})
    (settings.raw / "a.txt").write_text("one")
    scan(inside)
    assert not scan(inside).published
    assert list(rows(inside)) == ["a.txt"]


def test_files_without_permission_are_named_and_read_once_it_is_given(settings):
    path = settings.raw / "secret.txt"
    path.write_text("mine")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    scan(settings)
    assert told(rows(settings)["secret.txt"])[2:] == ("unreadable", "no_permission")
    assert not scan(settings).published
    path.chmod(0o644)
    scan(settings)
    assert rows(settings)["secret.txt"]["status"] == "ok"


TRAPS = """
import ctypes, time
from unified_assets.core.contracts import Modality
from unified_assets.core.media import DecodedText

def probe(stream, media_type):
    stream.seek(0)
    deed = stream.read().split()[0].split(b"\\0")[-1]
    if deed == b"hang":
        time.sleep(600)
    if deed == b"slow":
        time.sleep(2)
    if deed == b"crash":
        ctypes.string_at(0)
    if deed == b"bomb":
        hoard = []
        while True:
            hoard.append(bytearray(32 << 20))
    return {"width": 3, "colour": deed.decode()}

def sample():
    return b"\\x8f\\0fine", "application/x-trap"

MODALITY = Modality(
    name="trap", description="", media_types=frozenset({"application/x-trap"}), probe=probe, decode=lambda s, m: DecodedText(text="", encoding=""),
    views=("trap",), extensions={"trap": "application/x-trap"}, good=sample, bad=sample,
)
"""


@pytest.fixture
def trap_plugin(tmp_path, monkeypatch):
    """Another package that brings a modality, found by its entry point."""
    site = tmp_path / "site"
    (site / "trap-1.0.dist-info").mkdir(parents=True)
    (site / "trap-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: trap\nVersion: 1.0\n")
    (site / "trap-1.0.dist-info" / "entry_points.txt").write_text("[unified_assets.modalities]\ntrap = trap_modality:MODALITY\n")
    (site / "trap_modality.py").write_text(TRAPS)
    monkeypatch.syspath_prepend(str(site))
    caches = (plugins.discover, detection.kinds)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_a_modality_of_another_package_is_contained_when_it_hangs_crashes_or_bursts(settings, trap_plugin):
    for deed in ("fine", "hang", "crash", "bomb"):
        (settings.raw / f"{deed}.trap").write_bytes(b"\x8f\0" * 40 + deed.encode())
    for number in range(20):
        (settings.raw / f"{number}.txt").write_text("good")
    quick = settings.model_copy(update={"file_timeout_s": 4.0, "file_memory_mib": 256})
    started = time.monotonic()
    summary = scan(quick)
    found = rows(settings)
    assert told(found["fine.trap"]) == ("trap", "application/x-trap", "ok", None)
    assert (found["fine.trap"]["width"], found["fine.trap"]["probe_extra"]) == (3, '{"colour": "fine"}')
    assert told(found["hang.trap"]) == ("trap", "application/x-trap", "quarantined", "timeout")
    assert told(found["crash.trap"]) == ("trap", "application/x-trap", "quarantined", "crash")
    assert told(found["bomb.trap"]) == ("trap", "application/x-trap", "quarantined", "out_of_memory")
    assert all(len(row["file_id"]) == 32 for row in found.values())
    assert summary.files["trap"] == 4
    assert summary.files["text"] == 20
    assert time.monotonic() - started < 30
    again = scan(quick)  # the machine may have been busy: what took too long, or too much memory, is tried once more
    assert again.unchanged == 24
    assert {path: "tries" in (row["probe_extra"] or "") for path, row in rows(settings).items() if row["status"] != "ok"} == {
        "hang.trap": True,
        "bomb.trap": True,
        "crash.trap": False,
    }
    assert not scan(quick).published


def test_a_file_that_timed_out_on_a_busy_machine_is_told_by_the_next_scan(settings, trap_plugin):
    (settings.raw / "slow.trap").write_bytes(b"\x8f\0" * 40 + b"slow")
    scan(settings.model_copy(update={"file_timeout_s": 0.5}))
    assert told(rows(settings)["slow.trap"]) == ("trap", "application/x-trap", "quarantined", "timeout")
    scan(settings)
    assert told(rows(settings)["slow.trap"]) == ("trap", "application/x-trap", "ok", None)


def test_a_catalog_made_without_a_plugin_is_made_anew_with_it(settings, request):
    (settings.raw / "fine.trap").write_bytes(b"\x8f\0" * 40 + b"fine")
    scan(settings)
    assert told(rows(settings)["fine.trap"]) == ("other", "application/octet-stream", "unsupported", "unknown_format")
    request.getfixturevalue("trap_plugin")
    assert scan(settings).published
    assert rows(settings)["fine.trap"]["modality"] == "trap"


def test_the_corpus_counts_equal_its_truth(settings):
    corpus = os.environ.get("UNIFIED_ASSETS_CORPUS")
    if not corpus:
        pytest.skip("UNIFIED_ASSETS_CORPUS names no corpus")
    real = settings.model_copy(update={"raw": Path(corpus), "workers": 2})
    summary = scan(real)
    assert dict(summary.files) == {"audio": 1026, "document": 216, "image": 2934, "text": 514, "video": 108, "other": 0}
    again = scan(real)
    assert (again.published, again.digests) == (False, summary.digests)
    assert again.seconds < 1.0
