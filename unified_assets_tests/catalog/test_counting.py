import os

from unified_assets.catalog import count_paths, scan
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store


def test_the_count_is_what_a_scan_finds_whatever_lies_in_the_folder(tmp_path):
    raw = tmp_path / "raw"
    (raw / "a" / ".git").mkdir(parents=True)
    (raw / "a" / ".git" / "config").write_text("x")
    (raw / "a" / "one.txt").write_text("one")
    (raw / "two.txt").write_text("two")
    (raw / ".DS_Store").write_text("x")
    (raw / "skip.bak").write_text("x")
    (raw / "unified.yaml").write_text("ignore: ['*.bak']\n")
    os.mkfifo(raw / "pipe")
    (raw / "link").symlink_to(tmp_path)
    (raw / "broken").symlink_to(tmp_path / "nowhere")
    (raw / os.fsdecode(b"bad\xff.txt")).write_text("x")
    settings = Settings(raw=raw, state=raw / "state").absolute()
    scan(settings, lambda _: None)
    rows = Store(settings.state).table("catalog")["path"].to_list()
    assert sorted(rows) == ["a/one.txt", "bad\\xff.txt", "broken", "link", "pipe", "two.txt"]
    assert count_paths(settings) == 6
    (raw / "three.txt").write_text("three")
    assert count_paths(settings) == 7


def test_the_sample_is_counted_as_it_is_scanned(sample_lake, tmp_path):
    settings = Settings(raw=sample_lake, state=tmp_path / "state").absolute()
    scan(settings, lambda _: None)
    assert count_paths(settings) == len(Store(settings.state).table("catalog"))
