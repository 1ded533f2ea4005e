"""From raw files to examples on the sample lake: scan, assess, allocate, compared with the truth beside it."""

import csv
import json
from collections import defaultdict
from types import SimpleNamespace

import polars as pl
import pytest

from unified_assets import sample
from unified_assets.allocation import allocate
from unified_assets.catalog import scan
from unified_assets.core import plugins
from unified_assets.core.settings import Settings
from unified_assets.quality import assess
from unified_assets.store.local import Store

MEDIA = {"image", "page", "audio", "video"}
LEARNERS = {  # subject of a task -> who must learn it
    "image": {"vision_service", "multimodal_service"},
    "audio": {"audio_service", "multimodal_service"},
    "video": {"vision_service", "audio_service", "multimodal_service"},
    "document": {"vision_service"},
    "causal": {"causal_reasoning_engine"},
    "math": {"math_model"},
    "logic": {"logic_model"},
    "concept": {"concept_models"},
}


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    home = tmp_path_factory.mktemp("road")
    written = sample.write(home / "lake")
    settings = Settings(raw=written.folder, state=home / "state", workers=2)
    scanned, assessed, allocated = scan(settings), assess(settings), allocate(settings)
    with (written.truth / "files.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["path"]: row for row in csv.DictReader(file)}
    with (written.truth / "pairs.csv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    store = Store(settings.state)
    return SimpleNamespace(
        settings=settings,
        scanned=scanned,
        assessed=assessed,
        allocated=allocated,
        ignored={path for path, row in truth.items() if row["status"] == "ignored"},
        files={path: row for path, row in truth.items() if row["status"] != "ignored"},
        told=[json.loads(line) for line in (written.truth / "examples.jsonl").read_text(encoding="utf-8").splitlines()],
        pairs=pairs,
        **{name: store.table(name) for name in ("catalog", "quality_report", "allocation", "tasks", "examples", "splits")},
    )


def keyed(frame: pl.DataFrame, *columns: str) -> dict:
    return {row["path"]: tuple(row[column] for column in columns) for row in frame.iter_rows(named=True)}


def labelled(road) -> pl.DataFrame:
    return road.examples.filter(pl.col("task").is_not_null())


def source(inputs: list[dict]) -> tuple[str, int | None]:
    """The file and record that an example stands in."""
    records = {(entry["path"], entry["locator"]) for entry in inputs}
    path, locator = min(records, key=str)
    assert {other for other, _ in records} == {path}
    name, _, number = (locator or "").partition("=")
    return path, int(number) if name == "record" else None


# ------------------------------------------------------------------------------------------------ scan and assess


def test_every_path_has_one_row_and_ignored_files_have_none(road):
    assert sorted(road.catalog["path"]) == sorted(road.files)
    assert not road.ignored & set(road.catalog["path"])


@pytest.mark.parametrize("column", ["modality", "media_type", "status"])
def test_the_catalog_says_of_every_file_what_is_true(road, column):
    found = keyed(road.catalog, column)
    assert {path: value for path, (value,) in found.items() if value != road.files[path][column]} == {}


def test_only_what_cannot_be_learned_from_is_rejected(road):
    rejected = set(road.quality_report.filter(pl.col("decision") == "reject")["path"])
    assert rejected == {path for path, row in road.files.items() if row["decision"] == "reject"}


def test_every_planted_fault_is_found_under_its_name_and_no_clean_file_is_warned_of(road):
    found = {path: {issue["name"] for issue in issues} for path, (issues,) in keyed(road.quality_report, "issues").items()}
    missed = {path: (row["issue"], found[path]) for path, row in road.files.items() if row["issue"] and row["issue"] not in found[path]}
    warned = {path: names for path, names in found.items() if names and not road.files[path]["issue"]}
    assert (missed, warned) == ({}, {})


def test_copies_are_told_from_near_copies(road):
    units = defaultdict(set)
    for path, row in road.files.items():
        units[row["unit"]].add(path)
    near = {frozenset(units[row["unit"]]) for row in road.files.values() if row["fault"] == "near_duplicate"}
    groups = defaultdict(set)
    for path, group in road.quality_report.filter(pl.col("near_duplicate_group").is_not_null()).select("path", "near_duplicate_group").iter_rows():
        groups[group].add(path)
    copies = {path: row["unit"] for path, row in road.files.items() if row["issue"] == "duplicate"}
    assert dict(road.quality_report.filter(pl.col("duplicate_of").is_not_null()).select("path", "duplicate_of").iter_rows()) == copies
    assert {frozenset(members) for members in groups.values() if not members <= set(copies) | set(copies.values())} == near


# ------------------------------------------------------------------------------------------------ allocate


def test_every_labelled_example_of_the_truth_is_found_with_its_target_and_nothing_else(road):
    wanted = {(row["path"], row["record"]): row["target"] for row in road.told}
    for model in sorted(set(labelled(road)["model"])):
        subjects = {subject for subject, models in LEARNERS.items() if model in models} | ({"document"} if model == "concept_models" else set())
        mine = {key: target for key, target, subject in ((*entry,) for entry in _told(road)) if subject in subjects}
        found = {source(row["inputs"]): row["target"] for row in labelled(road).filter(pl.col("model") == model).iter_rows(named=True)}
        assert {key: target for key, target in found.items() if wanted.get(key) != target} == {}, model
        assert sorted(key for key in mine if key not in found) == [], model


def _told(road):
    return [((row["path"], row["record"]), row["target"], row["subject"]) for row in road.told]


def test_the_label_spaces_are_those_of_the_truth(road):
    roots = {row["task"]: row["root"] for row in road.tasks.iter_rows(named=True)}
    hints = {(row["path"], row["record"]): row["task_hint"] for row in road.told}
    seen = defaultdict(set)
    for row in labelled(road).iter_rows(named=True):
        seen[row["task"]].add(hints[source(row["inputs"])])
    assert {task: found for task, found in seen.items() if len(found) != 1} == {}
    assert {hint for found in seen.values() for hint in found} == set(hints.values())
    assert set(seen) == set(roots)


def test_each_task_is_learned_by_whoever_can(road):
    subjects = {(row["path"], row["record"]): row["subject"] for row in road.told}
    learners = defaultdict(set)
    for row in labelled(road).iter_rows(named=True):
        learners[subjects[source(row["inputs"])]].add(row["model"])
    assert {subject: LEARNERS[subject] - models for subject, models in learners.items() if LEARNERS[subject] - models} == {}
    assert set(learners) == set(subjects.values())
    assert "concept_models" in learners["document"]


def test_sides_that_the_data_declare_are_kept(road):
    declared = {(row["path"], row["record"]): row["split"] for row in road.told if row["split"]}
    sides = defaultdict(set)
    for row in labelled(road).iter_rows(named=True):
        key = source(row["inputs"])
        if key in declared:
            sides[declared[key]].add(row["split"])
    assert sides["test"] == {"test"}
    assert "test" not in sides["train"]


def test_every_task_has_examples_to_learn_from_and_to_test_on(road):
    for (task, model), rows in labelled(road).group_by("task", "model"):
        sides = rows["split"].value_counts()
        counts = dict(sides.iter_rows())
        assert counts.get("train", 0) > counts.get("test", 0) > 0, (task, model, counts)


def test_files_with_contradictory_labels_teach_nobody(road):
    both = {path for path, row in road.files.items() if row["fault"] == "contradictory_label"}
    assert len(both) == 2
    assert not both & {entry["path"] for inputs in labelled(road)["inputs"] for entry in inputs}
    reasons = road.allocation.filter(pl.col("path").is_in(list(both)) & (pl.col("model") == "vision_service"))
    assert all("contradict" in reason for reason in reasons["reason"]), reasons["reason"].to_list()


def test_the_ledger_has_one_row_for_every_file_and_model(road):
    keys = set(road.allocation.select("path", "model").iter_rows())
    assert len(plugins.models()) == 7
    assert len(road.allocation) == len(keys) == len(road.files) * 7
    assert keys == {(path, model) for path in road.files for model in plugins.models()}
    assert road.allocation["reason"].str.len_chars().min() > 0


def test_the_ledger_counts_the_examples_that_are_there(road):
    told = defaultdict(int)
    for path, model, uses in road.allocation.select("path", "model", "tasks").iter_rows():
        for use in uses or []:
            told[path, model, use["task"]] += use["train"] + use["valid"] + use["test"]
    found = defaultdict(set)
    for row in labelled(road).iter_rows(named=True):
        for entry in row["inputs"]:
            found[entry["path"], row["model"], row["task"]].add(row["example_id"])
    assert {key: count for key, count in told.items() if count} == {key: len(ids) for key, ids in found.items()}


def test_rejected_files_are_used_by_nobody(road):
    rejected = {path for path, row in road.files.items() if row["decision"] == "reject"}
    assert set(road.allocation.filter(pl.col("path").is_in(list(rejected)))["use"]) == {"none"}
    assert not rejected & {entry["path"] for inputs in road.examples["inputs"] for entry in inputs}


def test_no_group_and_no_copy_stands_on_two_sides(road):
    groups, units = defaultdict(set), defaultdict(set)
    for row in road.examples.iter_rows(named=True):
        groups[row["group"]].add(row["split"])
        for entry in row["inputs"]:
            if entry["role"] in MEDIA:
                units[road.files[entry["path"]]["unit"]].add(row["split"])
    assert {group: sides for group, sides in groups.items() if len(sides) > 1} == {}
    assert {unit: sides for unit, sides in units.items() if len(sides) > 1} == {}
    assert road.splits["group"].is_unique().all()


def test_same_stem_files_are_pairs_under_one_id_and_each_model_gets_the_part_it_takes(road):
    rows = road.examples.filter((pl.col("kind") == "pair") & pl.col("task").is_null() & pl.col("target").is_null())
    wanted = {frozenset((row["image"], row["audio"])) for row in road.pairs}
    whole = rows.filter(pl.col("model") == "multimodal_service")
    found = {frozenset(entry["path"] for entry in inputs): name for name, inputs in whole.select("example_id", "inputs").iter_rows()}
    assert {paths for paths in found if len(paths) > 1} == wanted
    for model, column in (("vision_service", "image"), ("audio_service", "audio")):
        parts = {name: {entry["path"] for entry in inputs} for name, inputs in rows.filter(pl.col("model") == model).select("example_id", "inputs").iter_rows()}
        mine = {found[frozenset((row["image"], row["audio"]))]: {row[column]} for row in road.pairs}
        assert {name: parts.get(name) for name in mine} == mine, model


def test_a_video_is_a_pair_of_its_frames_and_its_sound(road):
    videos = {path for path, row in road.files.items() if row["modality"] == "video"}
    rows = road.examples.filter((pl.col("kind") == "pair") & (pl.col("model") == "multimodal_service"))
    found = {inputs[0]["path"]: {entry["role"] for entry in inputs} for inputs in rows["inputs"] if inputs[0]["path"] in videos}
    assert found == {path: {"video", "audio"} for path in videos}


def test_unlabelled_pairs_are_labelled_for_nobody(road):
    paired = {row[column] for row in road.pairs for column in ("image", "audio")}
    assert not paired & {entry["path"] for inputs in labelled(road)["inputs"] for entry in inputs}


def test_fields_that_give_the_answer_away_are_withheld(road):
    problems = road.tasks.filter(pl.col("root").str.contains("word_problems"))
    assert any("Equation" in field for fields in problems["withheld"] for field in fields)
    texts = [entry["text"] or "" for inputs in labelled(road).filter(pl.col("model") == "math_model")["inputs"] for entry in inputs]
    assert not [text for text in texts if ".0 " in text]


def test_a_second_pass_over_unchanged_files_changes_no_digest(road):
    scanned, assessed, allocated = scan(road.settings), assess(road.settings), allocate(road.settings)
    assert (scanned.digests, assessed.digests) == (road.scanned.digests, road.assessed.digests)
    assert (allocated.digests, allocated.model_digests) == (road.allocated.digests, road.allocated.model_digests)
    assert (scanned.added, scanned.changed, scanned.removed) == (0, 0, 0)


def test_a_tenth_of_the_lake_has_the_same_label_spaces(road, tmp_path):
    small = sample.write(tmp_path / "lake", scale=0.1)
    settings = Settings(raw=small.folder, state=tmp_path / "state", workers=2)
    scan(settings)
    assess(settings)
    allocate(settings)
    assert Store(settings.state).table("tasks")["task"].to_list() == road.tasks["task"].to_list()
    assert sum(small.files.values()) < 400
