"""A small lake with planted faults, scanned and assessed with the real worker pool."""

import os
import shutil
import wave

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageFilter

from unified_assets import catalog, quality
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store, write_table


def picture(seed, side=96):
    tones = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3))
    return Image.fromarray(np.kron(tones, np.ones((8, 8, 1))).astype(np.uint8))


def save_wav(path, samples):
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(8000)
        target.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def tone(seconds=0.5, level=0.3):
    return level * np.sin(np.arange(int(8000 * seconds)) * 0.4) * np.linspace(0.2, 1, int(8000 * seconds))


def plant(raw):
    """path → names of the issues that must be found, and nothing else."""
    raw.mkdir()
    truth = {}

    def expect(path, *issues):
        truth[path] = set(issues)
        return raw / path

    picture(1).save(expect("good.png"))
    picture(2).save(expect("copied.png"))
    shutil.copy(raw / "copied.png", expect("copied_again.png", "duplicate"))
    Image.new("RGB", (80, 80), (200, 200, 200)).save(expect("blank.png", "blank"))
    picture(3).filter(ImageFilter.GaussianBlur(8)).save(expect("blurry.png", "blurry"))
    picture(4).point(lambda value: value // 8).save(expect("dark.png", "dark", "low_contrast"))
    Image.effect_noise((4, 4), 90).save(expect("tiny.png", "tiny"))
    picture(5, 400).resize((800, 80)).save(expect("strip.png", "odd_aspect"))
    whole = (raw / "good.png").read_bytes()
    expect("cut.png").write_bytes(whole[: len(whole) // 2])
    truth["cut.png"] = None  # rejected, whatever the decoder calls it
    expect("zero_bytes.png").write_bytes(b"")
    truth["zero_bytes.png"] = None
    save_wav(expect("good.wav"), tone())
    save_wav(expect("silent.wav", "silent"), np.zeros(4000))
    save_wav(expect("clipped.wav", "clipped"), tone(level=6.0))
    save_wav(expect("offset.wav", "dc_offset", "near_duplicate"), tone() + 0.2)  # good.wav, shifted
    expect("good.txt").write_text("The quick brown fox jumps over the lazy dog.\n", encoding="utf-8")
    expect("blank.txt").write_text(" \n\n \t\n", encoding="utf-8")
    truth["blank.txt"] = None
    expect("garbled.txt", "mojibake").write_text("It’s a naïve café — déjà vu. ".encode().decode("cp1252", "replace") * 5, encoding="utf-8")
    expect("spam.txt", "repetitive", "duplicated_lines").write_text("Buy now, buy cheap, buy here!\n" * 300, encoding="utf-8")
    os.mkfifo(expect("pipe"))
    truth["pipe"] = None
    expect("link.png").symlink_to(raw / "good.png")
    truth["link.png"] = None
    expect("blob.bin").write_bytes(np.random.default_rng(0).bytes(5000))
    truth["blob.bin"] = None
    return truth


def run(raw, state, **changes):
    settings = Settings(raw=raw, state=state, workers=1, **changes)
    catalog.scan(settings)
    summary = quality.assess(settings)
    return summary, Store(state).table("quality_report")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    home = tmp_path_factory.mktemp("lake")
    truth = plant(home / "raw")
    summary, report = run(home / "raw", home / "state")
    return home, truth, summary, report


def names(report):
    return {path: {entry["name"] for entry in issues} for path, issues in report.select("path", "issues").iter_rows()}


def test_every_catalogued_path_has_exactly_one_verdict(lake):
    home, truth, summary, report = lake
    assert sorted(report["path"]) == sorted(truth) == sorted(Store(home / "state").table("catalog")["path"])
    assert summary.files == len(truth)
    assert set(summary.digests) == {"document", "image", "audio", "text", "video", "other"}


def test_the_worst_files_are_handed_out_with_thumbnails(lake):
    _, _, summary, report = lake
    found = names(report)
    assert {entry["issue"] for entry in summary.worst} >= {"blank", "silent"}
    assert all(entry["issue"] in found[entry["path"]] and entry["thumbnail"].startswith("data:image/") for entry in summary.worst)
    copies = sum(not {"duplicate", "near_duplicate"}.isdisjoint(issues) for issues in found.values())
    assert summary.copied_share == copies / len(found) > 0


def test_planted_faults_are_found_by_name_and_good_files_have_none(lake):
    _, truth, _, report = lake
    found = names(report)
    assert {path: found[path] for path, issues in truth.items() if issues is not None} == {path: issues for path, issues in truth.items() if issues is not None}


def test_what_cannot_be_learned_from_is_rejected_and_nothing_else(lake):
    _, truth, summary, report = lake
    rejected = set(report.filter(pl.col("decision") == "reject")["path"])
    assert rejected == {path for path, issues in truth.items() if issues is None} | {"blank.png", "tiny.png", "silent.wav"}
    assert summary.decisions["reject"] == len(rejected)
    assert summary.rejected_share == len(rejected) / len(truth)


def test_a_failure_is_an_issue_named_by_its_reason(lake):
    home, _, _, report = lake
    reasons = dict(Store(home / "state").table("catalog").filter(pl.col("status") != "ok").select("path", "reason").iter_rows())
    found = names(report)
    assert reasons["link.png"] == "link"
    assert all(found[path] == {reason} for path, reason in reasons.items())


def test_scores_fall_with_each_warning_and_are_zero_when_rejected(lake):
    *_, report = lake
    scores = dict(report.select("path", "score").iter_rows())
    assert [scores[path] for path in ("good.png", "blurry.png", "dark.png", "blank.png", "pipe")] == [100.0, 85.0, 70.0, 0.0, 0.0]


def test_copies_name_the_first_path_with_the_same_bytes(lake):
    *_, report = lake
    assert dict(report.filter(pl.col("duplicate_of").is_not_null()).select("path", "duplicate_of").iter_rows()) == {"copied_again.png": "copied.png"}


def test_an_issue_carries_its_value_and_threshold(lake):
    *_, report = lake
    (entry,) = report.filter(pl.col("path") == "strip.png")["issues"].to_list()[0]
    assert (entry["severity"], entry["value"], entry["threshold"], entry["detail"]) == ("warn", 10.0, 8.0, "800 x 80 px")


def test_the_page_shows_the_worst_files_and_stands_alone(lake):
    home, *_ = lake
    page = (home / "state" / "quality_report" / "index.html").read_text(encoding="utf-8")
    assert "blurry.png" in page
    assert page.count("data:image/") >= 10
    assert "<script" not in page
    assert 'src="http' not in page


def test_an_unchanged_lake_is_not_assessed_again(lake):
    home, _, first, _ = lake
    before = Store(home / "state").current("quality")
    summary, _ = run(home / "raw", home / "state")
    assert Store(home / "state").current("quality") == before
    assert (summary.measured, summary.digests, summary.issues) == (0, first.digests, first.issues)


def test_a_new_file_costs_one_measurement_and_changes_one_digest(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    picture(1).save(raw / "a.png")
    (raw / "a.txt").write_text("The quick brown fox.\n")
    first, _ = run(raw, tmp_path / "state")
    picture(2).save(raw / 'b"><script>.png')
    second, _ = run(raw, tmp_path / "state")
    assert (first.measured, second.measured) == (2, 1)
    assert {name for name in first.digests if first.digests[name] != second.digests[name]} == {"image"}
    shutil.copy(raw / "a.png", raw / "c.png")
    third, report = run(raw, tmp_path / "state")
    assert third.measured == 0
    assert names(report)["c.png"] == {"duplicate"}


def test_a_hostile_file_name_is_escaped_on_the_page(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    Image.new("RGB", (80, 80)).save(raw / '"><script>alert(1)<!--.png')
    summary, _ = run(raw, tmp_path / "state")
    page = summary.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_forged_hash_makes_no_duplicate(tmp_path):
    raw, state = tmp_path / "raw", tmp_path / "state"
    raw.mkdir()
    (raw / "a.txt").write_text("The quick brown fox.\n")
    (raw / "b.txt").write_text("                    \n")
    settings = Settings(raw=raw, state=state, workers=1)
    catalog.scan(settings)
    store = Store(state)
    forged = store.table("catalog").with_columns(file_id=pl.lit("0" * 32), status=pl.lit("ok"), modality=pl.lit("text"), media_type=pl.lit("text/plain"))
    store.publish("catalog", lambda folder: write_table(folder, "catalog", forged))
    quality.assess(settings)
    assert names(store.table("quality_report")) == {"a.txt": set(), "b.txt": {"empty"}}


def test_a_folder_of_small_images_is_not_blamed_for_being_small(tmp_path):
    raw = tmp_path / "raw"
    (raw / "digits").mkdir(parents=True)
    (raw / "photos").mkdir()
    for index in range(24):
        picture(index, 24).save(raw / "digits" / f"{index:02d}.png")
    for index in range(24):
        picture(100 + index, 24 if index == 0 else 96).save(raw / "photos" / f"{index:02d}.png")
    _, report = run(raw, tmp_path / "state")
    assert {path for path, issues in names(report).items() if "too_small" in issues} == {"photos/00.png"}


def test_a_person_can_overrule_the_checks(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    Image.new("RGB", (80, 80), (10, 10, 10)).save(raw / "night.png")
    picture(1).save(raw / "fine.png")
    (raw / "unified.yaml").write_text("accept: [night.png]\nreject: [fine.png]\n")
    _, report = run(raw, tmp_path / "state")
    assert dict(report.select("path", "decision").iter_rows()) == {"night.png": "warn", "fine.png": "reject"}
    assert names(report)["fine.png"] == {"excluded"}


def test_thresholds_of_a_person_count_and_cost_no_second_measurement(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    picture(5, 400).resize((800, 80)).save(raw / "strip.png")
    shutil.copy(raw / "strip.png", raw / "again.png")
    first, before = run(raw, tmp_path / "state")
    config = tmp_path / "tuned.yaml"
    config.write_text("checks: {odd_aspect: {threshold: 12}, duplicate: {enabled: false}}\n")
    second, after = run(raw, tmp_path / "state", config=config)
    assert (names(before)["again.png"], names(before)["strip.png"]) == ({"odd_aspect"}, {"odd_aspect", "duplicate"})
    assert names(after) == {"strip.png": set(), "again.png": set()}
    assert second.measured == 0
    assert first.digests["image"] != second.digests["image"]


def test_a_check_that_does_not_exist_is_refused(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    picture(1).save(raw / "a.png")
    config = tmp_path / "tuned.yaml"
    config.write_text("checks: {blury: {threshold: 1}}\n")
    with pytest.raises(InvalidSetting, match="no check has this name"):
        run(raw, tmp_path / "state", config=config)


def test_near_duplicates_share_a_group(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for seed in (1, 2):
        picture(seed, 320).filter(ImageFilter.GaussianBlur(1)).save(raw / f"{seed}.png")
    Image.open(raw / "1.png").resize((200, 200)).save(raw / "1_small.jpg", quality=60)
    shutil.copy(raw / "1.png", raw / "1_copy.png")
    _, report = run(raw, tmp_path / "state")
    assert dict(report.select("path", "near_duplicate_group").iter_rows()) == {"1.png": "1.png", "1_copy.png": "1.png", "1_small.jpg": "1.png", "2.png": None}
    assert names(report)["1_small.jpg"] == {"near_duplicate"}


def test_an_empty_lake_is_assessed(tmp_path):
    (tmp_path / "raw").mkdir()
    summary, _ = run(tmp_path / "raw", tmp_path / "state")
    assert (summary.files, summary.rejected_share, summary.issues) == (0, 0.0, {})
    assert "No file has an issue." in summary.page.read_text(encoding="utf-8")


def test_real_files_are_neither_rejected_nor_warned_of_without_need(corpus, tmp_path):
    found = sorted(path for path in corpus.rglob("*") if path.is_file() and not any(part.startswith(".") for part in path.relative_to(corpus).parts))
    for path in found[::12]:
        target = tmp_path / "raw" / path.relative_to(corpus)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    summary, report = run(tmp_path / "raw", tmp_path / "state")
    assert summary.files > 300
    assert summary.rejected_share <= 0.01
    totals = dict(report.group_by("modality").len().iter_rows())
    warned = report.select("modality", "issues").explode("issues").unnest("issues").filter(pl.col("severity") == "warn").group_by("modality", "name").len()
    allowed = {"no_text_layer", "blank_pages", "duplicate", "near_duplicate", "ragged_rows"}  # true of the files they name
    assert [row for row in warned.iter_rows() if row[1] not in allowed and row[2] > max(1, 0.02 * totals[row[0]])] == []


def test_a_file_that_timed_out_is_tried_three_times_in_all(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    picture(1, 1600).save(raw / "slow.png")
    settings = Settings(raw=raw, state=tmp_path / "state", workers=1)
    catalog.scan(settings)
    hurried = settings.model_copy(update={"file_timeout_s": 0.001})
    tried = [quality.assess(hurried).measured for _ in range(4)]
    assert tried == [1, 1, 1, 0]
    assert names(Store(settings.state).table("quality_report")) == {"slow.png": {"timeout"}}


def test_a_file_that_timed_out_on_a_busy_machine_is_mended_next_time(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    picture(1, 1600).save(raw / "slow.png")
    settings = Settings(raw=raw, state=tmp_path / "state", workers=1)
    catalog.scan(settings)
    quality.assess(settings.model_copy(update={"file_timeout_s": 0.001}))
    assert quality.assess(settings).decisions == {"accept": 1, "warn": 0, "reject": 0}
    assert quality.assess(settings).measured == 0
