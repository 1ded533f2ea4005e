"""`unified.yaml`: what a person says wins over what is inferred, and what cannot be used is refused with field and fix."""

import io
import json

import polars as pl
import pytest
from PIL import Image

from unified_assets.allocation import allocate
from unified_assets.allocation.overrides import SCHEMA_FILE, load_overrides, schema_text
from unified_assets.catalog import scan
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.quality import assess
from unified_assets.store.local import Store


def folders(count: int = 20) -> dict[str, str]:
    return {f"pets/{name}/{number}.png": f"{name}{number}" for name in ("cat", "dog") for number in range(count)}


def test_the_published_schema_is_the_one_that_is_checked():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert set(json.loads(schema_text())["properties"]) == {"ignore", "accept", "reject", "checks", "columns", "split", "group", "tasks"}


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("ignroe: ['*.bak']", "ignroe", "Write `ignore`."),
        ("tasks: {a: {nmae: b}}", "tasks.a.nmae", "Write `name`."),
        ("tasks: {a: {name: 'two words'}}", "tasks.a.name", "pattern"),
        ("tasks: {a: {subject: poetry}}", "tasks.a.subject", "Write one of 'image', 'audio'"),
        ("columns: {'*.csv': {kind: lable}}", "columns.*.csv.kind", "Write one of 'label', 'split'"),
        ("split: {'holdout/**': exam}", "split.holdout/**", "Write one of 'train', 'valid' or 'test'."),
        ("group: {'*.wav': '('}", "group", "the regular expression of '*.wav' is not valid"),
        ("ignore: 3", "ignore", "Write a tuple"),
        ("[1, 2]", "(file)", "Overrides"),
        ("a: b: c", "(file)", "Write valid YAML in UTF-8."),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field_and_a_fix(text, field, said, tmp_path):
    (tmp_path / "unified.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSetting) as caught:
        load_overrides(Settings(raw=tmp_path, state=tmp_path / "state"))
    assert caught.value.field == field
    assert said in str(caught.value)


def test_a_configuration_outside_the_raw_root_is_read_and_a_missing_one_refused(lake, specs, tmp_path):
    settings = lake(folders())
    (tmp_path / "elsewhere.yaml").write_text("tasks: {pets__class_folders: {name: animals}}", encoding="utf-8")
    summary = allocate(settings.model_copy(update={"config": tmp_path / "elsewhere.yaml"}), specs=specs)
    assert [task["task"] for task in summary.tasks] == ["animals"]
    with pytest.raises(InvalidSetting, match="there is no such file"):
        allocate(settings.model_copy(update={"config": tmp_path / "nowhere.yaml"}), specs=specs)


def test_a_person_can_say_which_files_are_the_test_side_and_what_stays_together(lake, specs):
    config = "split: {'pets/*/1?.png': test}\n"
    settings = lake(folders() | {"unified.yaml": config})
    (task,) = allocate(settings, specs=specs).tasks
    assert (task["train"], task["valid"], task["test"]) == (17, 3, 20)
    examples = Store(settings.state).table("examples").filter(pl.col("split") == "test")
    assert all(row[0]["path"].rpartition("/")[2].startswith("1") for row in examples["inputs"].to_list())


def test_a_person_can_say_what_stays_on_one_side(lake, specs):
    config = "group: {'pets/**': '(\\d)\\.png$'}\n"
    settings = lake(folders() | {"unified.yaml": config})
    allocate(settings, specs=specs)
    examples = Store(settings.state).table("examples").with_columns(last=pl.col("inputs").list.first().struct.field("path").str.extract(r"(\d)\.png$"))
    assert examples.group_by("last").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 10


def test_column_roles_win_over_names(lake, specs):
    table = "text,label,mood\n" + "\n".join(f"sentence number {n} of many,{'ab'[n % 2]},{('glad', 'sad')[n // 2 % 2]}" for n in range(40))
    settings = lake({"t/all.csv": table, "unified.yaml": "columns: {'t/*.csv': {mood: label, label: ignore}}\n"})
    allocate(settings, specs=specs)
    assert Store(settings.state).table("tasks")["classes"].to_list() == [["glad", "sad"]]


def test_names_that_nothing_answers_to_are_noted(lake, specs):
    config = "tasks:\n  nothing_like_it: {ignore: true}\n  pets__class_folders: {class_map: {cow: cattle}}\n"
    notes = allocate(lake(folders() | {"unified.yaml": config}), specs=specs).notes
    assert "unified.yaml names the task nothing_like_it, which was not found" in notes
    assert "pets__class_folders: unified.yaml maps the class cow, which was not found" in notes


def test_nothing_is_printed(lake, specs, capsys):
    allocate(lake(folders()), specs=specs)
    assert capsys.readouterr().out == ""


def shot(seed: int) -> bytes:
    image = Image.effect_noise((64, 64), 30 + seed % 60).convert("RGB")
    image.putpixel((seed % 64, seed // 64), (255, seed % 256, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


EVERYTHING = r"""
ignore: ['*.bak', 'drafts/**']
accept: ['pets/cat/black.png']
reject: ['pets/dog/3.png']
checks: {blurry: {threshold: 0.99}}
columns: {'shots/*.csv': {which: file, mood: label, label: ignore}}
split: {'pets/*/1?.png': test}
group: {'shots/*.png': '(\d)\.png$'}
tasks:
  pets__class_folders: {name: animals, class_map: {cat: feline}}
  shots__index_csv_mood: {name: moods}
  shots__file_names_prefix: {ignore: true}
"""


@pytest.mark.parametrize("place", ["in the raw root", "outside"])
def test_every_key_is_obeyed_from_scan_to_ledger_wherever_the_file_lies(place, tmp_path):
    raw, config = tmp_path / "raw", tmp_path / ("raw" if place == "in the raw root" else "elsewhere") / "unified.yaml"
    files = {f"pets/{name}/{n}.png": shot(n + 100 * (name == "dog")) for name in ("cat", "dog") for n in range(20)}
    files |= {"pets/cat/black.png": picture_of((0, 0, 0)), "pets/dog/black.png": picture_of((1, 0, 0)), "pets/cat/7.bak": b"old", "drafts/cat/1.png": shot(900)}
    files |= {f"shots/{'ab'[n % 2]}_{n:03d}.png": shot(300 + n) for n in range(40)}
    rows = "".join(f"{'ab'[n % 2]}_{n:03d}.png,x,{('glad', 'sad')[n // 2 % 2]}\n" for n in range(40))
    files |= {"shots/index.csv": f"which,label,mood\n{rows}".encode(), str(config.relative_to(tmp_path)): EVERYTHING.encode()}
    for name, data in files.items():
        path = tmp_path / name if name == str(config.relative_to(tmp_path)) else raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    settings = Settings(raw=raw, state=tmp_path / "state", workers=1, config=None if place == "in the raw root" else config)
    scan(settings)
    assess(settings)
    allocate(settings)
    store = Store(settings.state)
    catalog, quality = store.table("catalog"), dict(store.table("quality_report").select("path", "decision").iter_rows())
    assert not {path for path in catalog["path"] if path.endswith(".bak") or path.startswith("drafts/") or path == "unified.yaml"}
    assert [quality[f"pets/{name}.png"] for name in ("cat/black", "dog/black", "dog/3")] == ["warn", "reject", "reject"]
    tasks = {row["task"]: row for row in store.table("tasks").iter_rows(named=True)}
    assert {name: (row["classes"], row["examples"]) for name, row in tasks.items()} == {"animals": (["dog", "feline"], 40), "moods": (["glad", "sad"], 40)}
    examples = store.table("examples").filter(pl.col("model") == "vision_service")
    side = {row["inputs"][0]["path"]: (row["split"], row["task"]) for row in examples.iter_rows(named=True) if row["task"]}
    tens = {f"pets/{name}/{n}.png" for name in ("cat", "dog") for n in range(10, 20)}
    assert {path for path, (split, task) in side.items() if task == "animals" and split == "test"} == tens
    by_digit = {digit: {split for path, (split, task) in side.items() if task == "moods" and path[-5] == digit} for digit in "0123456789"}
    assert all(len(sides) == 1 for sides in by_digit.values())


def picture_of(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "PNG")
    return out.getvalue()
