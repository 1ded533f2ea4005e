"""A lake laid out as `train/<source>/…` and `test/<source>/…`: every form of labels is one task with exactly those sides."""

import json

import polars as pl
import pytest

from unified_assets.allocation import allocate
from unified_assets.allocation.declared import resolve
from unified_assets.store.local import Store

Files = dict[str, str]
SIDES = (("train", 40), ("test", 10))


def table(side: str, count: int, *, start: int = 0) -> str:
    return "text,label\n" + "\n".join(f"{side} sentence number {n},{'ab'[n % 2]}" for n in range(start, start + count)) + "\n"


def lines(side: str, count: int) -> str:
    return "".join(json.dumps({"sentence": f"{side} said {n} times", "label": "ab"[n % 2], "id": n}) + "\n" for n in range(count))


def same_name() -> Files:
    return {f"{side}/S/data/all.csv": table(side, count) for side, count in SIDES}


def other_name() -> Files:
    return {"train/S/data/easy.csv": table("train", 40), "test/S/data/hard.csv": table("test", 10)}


def other_folder() -> Files:
    return {"train/S/S_training/TRAIN_FILE.csv": table("train", 40), "test/S/S_testing_keys/TEST_FULL.csv": table("test", 10)}


def few_rows_first() -> Files:
    return {"train/S/z.jsonl": lines("train", 40), "test/S/a.jsonl": lines("test", 3)}


def inner_names_say_otherwise() -> Files:
    return {"train/S/dev.jsonl": lines("train", 40), "test/S/test.jsonl": lines("test", 10)}


def line_grammar() -> Files:
    return {
        f"{side}/S/sums.txt": "".join(f"{n} + {n + len(side)} = {2 * n + len(side)}\n" for n in range(count)) for side, count in (("train", 40), ("test", 6))
    }


def keys() -> Files:
    def part(side: str, *names: str) -> str:
        return json.dumps({name: [[f"{side} {name} asks {n}", "ab"[n % 2]] for n in range(20)] for name in names})

    return {"train/S/small.json": part("train", "train", "oos_train"), "test/S/small.json": part("test", "test", "oos_test")}


def markup() -> Files:
    def item(side: str, n: int) -> str:
        texts = f"<p>The {side} man fell {n}.</p><a1>He slipped {side} {n}.</a1><a2>He {side} ran {n}.</a2>"
        return f'<item id="{n}" asks-for="{("cause", "effect")[n % 2]}" most-plausible-alternative="{1 + n // 2 % 2}">{texts}</item>'

    return {f"{side}/S/all.xml": f"<corpus>{''.join(item(side, n) for n in range(count))}</corpus>" for side, count in SIDES}


def folders() -> Files:
    return {f"{side}/S/pets/{name}/{n}.png": f"{side}{name}{n}" for side, count in SIDES for name in ("cat", "dog") for n in range(count // 2)}


def folders_with_own_sides() -> Files:
    made = {f"train/S/{inner}/{name}/{n}.png": f"{inner}{name}{n}" for inner in ("train", "validation") for name in ("cat", "dog") for n in range(12)}
    return made | {f"test/S/test/{name}/{n}.png": f"test{name}{n}" for name in ("cat", "dog") for n in range(6)}


def names() -> Files:
    return {
        f"{side}/S/rec/{n % 4}_{['ann', 'bob', 'cy', 'di'][n // 4 % 4]}_{n}.wav": f"{side}{n}"
        for side, count in (("train", 64), ("test", 16))
        for n in range(count)
    }


def manifest() -> Files:
    found: Files = {}
    for side, count in SIDES:
        found |= {f"{side}/S/shots/{side}{n:04d}.png": f"{side}{n}" for n in range(count)}
        found[f"{side}/S/index.csv"] = "file,target\n" + "".join(f"shots/{side}{n:04d}.png,{'ab'[n % 2]}\n" for n in range(count))
    return found


def huggingface() -> Files:
    found: Files = {}
    for side, count in SIDES:
        found |= {f"{side}/S/{n}.png": f"{side}{n}" for n in range(count)}
        found[f"{side}/S/metadata.jsonl"] = "".join(json.dumps({"file_name": f"{n}.png", "label": "ab"[n % 2]}) + "\n" for n in range(count))
    return found


def voc() -> Files:
    found: Files = {}
    for side, count in SIDES:
        for n in range(count):
            found[f"{side}/S/images/s{n}.png"] = f"{side}{n}"
            found[f"{side}/S/annotations/s{n}.xml"] = f"<annotation><object><name>{'ab'[n % 2]}</name></object></annotation>"
    return found


def coco() -> Files:
    found: Files = {}
    for side, count in SIDES:
        found |= {f"{side}/S/images/{n}.png": f"{side}{n}" for n in range(count)}
        value = {
            "images": [{"id": n, "file_name": f"{n}.png"} for n in range(count)],
            "annotations": [{"image_id": n, "category_id": n % 2} for n in range(count)],
            "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
        }
        found[f"{side}/S/instances_{'dev' if side == 'train' else side}.json"] = json.dumps(value)
    return found


def sidecars() -> Files:
    found: Files = {}
    for side, count in SIDES:
        for n in range(count):
            found |= {f"{side}/S/shots/s{n}.png": f"{side}{n}", f"{side}/S/shots/s{n}.json": json.dumps({"label": "ab"[n % 2]})}
    return found


def pairs() -> Files:
    found: Files = {}
    for side, start, count in (("train", 1, 24), ("test", 50, 8)):
        for n in range(start, start + count):
            found[f"{side}/S/all/pair.{n}.txt"] = "".join(f"{k * n:.1f} {k * 2.5 + n:.1f}\n" for k in range(20))
            found[f"{side}/S/all/pair{n:04d}_des.txt"] = f"Two columns.\n\n{'x --> y' if n % 2 else 'y --> x'}\n"
    return found


def lists() -> Files:
    return {
        f"{side}/S/lists/{name}.json": json.dumps({name: [f"{side} {name} {letter * 3}" for letter in "abcdefghijklmnopqrst"[:count]]})
        for side, count in (("train", 20), ("test", 6))
        for name in ("birds", "trees", "tools")
    }


def record_files() -> Files:
    def entries(side: str, name: str, count: int) -> str:
        return "<G>" + "".join(f'<E id="e{n}"><Definition>a {side} thing of {name} that is number {n}</Definition></E>' for n in range(count)) + "</G>"

    return {f"{side}/S/words/{name}.xml": entries(side, name, count) for side, count in (("train", 24), ("test", 12)) for name in ("birds", "trees", "tools")}


def yolo() -> Files:
    found: Files = {"train/S/data.yaml": "names: [tree, kite]\n"}
    for side, count in SIDES:
        for n in range(count):
            found[f"{side}/S/images/s{n}.png"] = f"{side}{n}"
            found[f"{side}/S/labels/s{n}.txt"] = "0 0.5 0.5 0.2 0.2\n" + ("1 0.1 0.1 0.1 0.1\n" if n % 3 else "")
    return found


def front_matter() -> Files:
    return {f"{side}/S/p{n}.md": f"---\ncategory: {'ab'[n % 2]}\n---\nThe {side} page number {n}." for side, count in SIDES for n in range(count)}


def prose() -> Files:
    return {
        f"{side}/S/{name}/{n}/index.md": f"---\nk: {name}\n---\nA {side} text about {name} {n}."
        for side, count in SIDES
        for name in ("topics", "people")
        for n in range(count // 2)
    }


def bills() -> Files:
    codes = ("IH", "RH", "enr", "IS")
    return {f"{side}/S/b/HR{len(side)}{n}_{codes[n % 4]}.xml": f"<bill><p>Be it enacted {side} {n}</p></bill>" for side, count in SIDES for n in range(count)}


def cases_of_a_standard() -> Files:
    return {
        f"{side}/S/part {n % 3}/{('suite 6-1', 'a 7')[n % 2]}-t0{n}-{('pass', 'fail')[n // 2 % 2]}-{'abc'[n % 3]}.png": f"{side}{n}"
        for side, count in SIDES
        for n in range(count)
    }


def linked() -> Files:
    kinds = "b,bird,flies,\nt,tree,stands,\n"
    return {
        f"{side}/S/taxa.csv": f"id,name,definition,parent_id\n{kinds}"
        + "".join(f"{side}{n},{side} thing {n},found in {side} {n},{'bt'[n % 2]}\n" for n in range(count))
        for side, count in SIDES
    }


FORMS = (
    same_name, other_name, other_folder, few_rows_first, inner_names_say_otherwise, line_grammar, keys, markup, folders, folders_with_own_sides,
    names, manifest, huggingface, voc, coco, sidecars, yolo, front_matter, pairs, lists, record_files, prose,
    bills, cases_of_a_standard, linked,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_source_under_train_and_test_is_one_task_with_exactly_those_sides(form, lake, specs):
    files = form()
    settings = lake(files)
    summary = allocate(settings, specs=specs)
    assert len(summary.tasks) == 1, [task["task"] for task in summary.tasks]
    (task,) = summary.tasks
    assert task["task"].startswith("S__")
    examples = Store(settings.state).table("examples").filter(pl.col("task").is_not_null()).unique("example_id")
    sides = {(row["inputs"][0]["path"].partition("/")[0], row["split"]) for row in examples.iter_rows(named=True)}
    assert sides == {("train", "train"), ("train", "valid"), ("test", "test")}
    plain = {path.removeprefix("train/"): text for path, text in files.items() if path.startswith("train/")}
    for path in sorted(settings.raw.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (alone,) = allocate(lake(plain), specs=specs).tasks
    assert (alone["task"], alone["kind"], alone["classes"]) == (task["task"], task["kind"], task["classes"])


def test_the_outermost_level_that_tells_is_the_side():
    assert resolve(["train/valid", "test/test", "train/valid"]) == ["train", "test", "train"]
    assert resolve(["train/train", "train/valid", "test/valid"]) == ["train", "valid", "test"]
    assert resolve(["train/train", "train/test", "train/valid"]) == ["train", "test", "valid"]
    assert resolve(["train/train", "train/test", "test"]) == ["train", "train", "test"]
    assert resolve(["valid", "valid", None]) == ["valid", "valid", None]
    assert resolve(["test/train", "test/test"]) == ["train", "test"]
    assert resolve([None, None]) == [None, None]


def test_a_speaker_on_both_declared_sides_does_not_move_the_declared_side(lake, specs):
    (task,) = allocate(lake(names()), specs=specs).tasks
    assert (task["train"] + task["valid"], task["test"]) == (64, 16)
    assert 8 <= task["valid"] <= 11


def test_classes_that_are_called_otherwise_on_the_test_side_are_one_label_space(lake, specs):
    def part(side: str, third: str, count: int) -> str:
        rows = [{"premises": [f"{side} rule {n}."], "conclusion": f"So {n} holds.", "label": ("True", "False", third)[n % 3]} for n in range(count)]
        return "\n".join(map(json.dumps, rows))

    (task,) = allocate(
        lake({"train/F/v0/f_train.jsonl": part("a", "Unknown", 60), "test/F/v0/f_validation.jsonl": part("b", "Uncertain", 9)}), specs=specs
    ).tasks
    assert (task["classes"], task["test"]) == (3, 9)


def sides_of(settings, specs, model: str) -> dict[str, list[str]]:
    """Task → the sides its examples stand on, most frequent first."""
    allocate(settings, specs=specs)
    examples = Store(settings.state).table("examples").filter((pl.col("model") == model) & pl.col("task").is_not_null())
    counts = examples.group_by("task", "split").len().sort("len", "split", descending=[True, False])
    return {task: rows["split"].to_list() for (task,), rows in counts.group_by("task", maintain_order=True)}


def test_a_test_folder_beside_a_train_folder_that_lacks_its_task_stays_the_test_side(lake, specs):
    """Sounds have labels on both sides, images on the test side only: they are measured, and learned from the pairs."""
    files = {f"train/sound/{name}/{n}.wav": f"train{name}{n}" for name in "ab" for n in range(8)}
    files |= {f"test/sound/{name}/{n}.wav": f"test{name}{n}" for name in "ab" for n in range(8)}
    files |= {f"test/image/{name}/{n}.png": f"image{name}{n}" for name in "ab" for n in range(10)}
    files |= {f"open/pair{n}.{extension}": f"{extension}{n}" for n in range(30) for extension in ("png", "wav")}
    settings = lake(files)
    assert sides_of(settings, specs, "vision_service") == {"image__class_folders": ["test"]}
    store = Store(settings.state)
    (task,) = store.table("tasks").filter(pl.col("task") == "image__class_folders").iter_rows(named=True)
    assert (task["classes"], task["examples"], task["models"]) == (["a", "b"], 20, ["multimodal_service", "vision_service"])
    assert "learned from other models only" in task["why"]
    pairs = store.table("examples").filter(pl.col("task").is_null() & (pl.col("model") == "vision_service"))
    assert pairs["split"].to_list() == ["train"] * 30


def test_a_lone_validation_folder_around_everything_says_nothing(lake, specs):
    files = {f"S/dev/{name}/{n}.png": f"{name}{n}" for name in "ab" for n in range(20)}
    assert sides_of(lake(files), specs, "vision_service") == {"S__class_folders": ["train", "test", "valid"]}


def test_a_declared_test_side_stands_where_the_rest_declares_nothing(lake, specs):
    files = {f"S/{name}/{n}.png": f"{name}{n}" for name in "ab" for n in range(20)} | {
        f"S/test/{name}/{n}.png": f"test{name}{n}" for name in "ab" for n in range(5)
    }
    settings = lake(files)
    allocate(settings, specs=specs)
    examples = Store(settings.state).table("examples").filter(pl.col("model") == "vision_service")
    found = {row["inputs"][0]["path"]: row["split"] for row in examples.iter_rows(named=True)}
    assert {path for path, side in found.items() if side == "test"} == {path for path in files if path.startswith("S/test/")}
    assert sorted(found.values()).count("valid") == 6


@pytest.mark.parametrize("form", ["S/{kind}/{side}_{n:03d}.png", "S/pics/{kind}_{side}_{n:03d}.png", "S/{kind}/img-{n}-{side}.png"])
def test_a_side_in_the_names_of_media_files_is_declared(form, lake, specs):
    counts = {"train": 12, "val": 4, "test": 4}
    files = {form.format(kind=kind, side=side, n=n): f"{kind}{side}{n}" for kind in ("cat", "dog") for side, count in counts.items() for n in range(count)}
    settings = lake(files)
    (task,) = allocate(settings, specs=specs).tasks
    assert (task["classes"], task["train"], task["valid"], task["test"]) == (2, 24, 8, 8)
    examples = Store(settings.state).table("examples").filter((pl.col("model") == "vision_service") & (pl.col("split") == "test"))
    assert all("test" in row[0]["path"] for row in examples["inputs"].to_list())


ONE = {"sentence": "a lone test sentence", "label": "a", "id": 99}


@pytest.mark.parametrize(
    ("train", "name", "test"),
    [
        ("S/a.jsonl", "S/a.jsonl", json.dumps(ONE)),
        ("S/a.json", "S/a.json", json.dumps([ONE])),
        ("S/a.json", "S/a.json", json.dumps(ONE)),
        ("S/a.json", "S/a.json", json.dumps({"test": [ONE]})),
        ("S/a.csv", "S/b.csv", "sentence,label,id\na lone test sentence,a,99\n"),
        ("S/a.tsv", "S/a.tsv", "sentence\tlabel\tid\na lone test sentence\ta\t99\n"),
    ],
)
def test_a_test_file_of_one_record_is_the_test_side(train, name, test, lake, specs):
    rows = [{"sentence": f"train said {n} times", "label": "ab"[n % 2], "id": n} for n in range(40)]
    mark = "," if train.endswith("csv") else "\t"
    made = mark.join(rows[0]) + "\n" + "\n".join(mark.join(map(str, row.values())) for row in rows)
    text = {"jsonl": "\n".join(map(json.dumps, rows)), "json": json.dumps(rows)}.get(train.rpartition(".")[2], made)
    (task,) = allocate(lake({f"train/{train}": text, f"test/{name}": test}), specs=specs).tasks
    assert (task["train"] + task["valid"], task["test"]) == (40, 1)


def test_a_manifest_of_one_record_names_the_only_test_file(lake, specs):
    files = {f"train/S/{n}.png": f"train{n}" for n in range(20)} | {"test/S/0.png": "test0"}
    files["train/S/metadata.csv"] = "file_name,label\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(20))
    files["test/S/metadata.csv"] = "file_name,label\n0.png,a\n"
    (task,) = allocate(lake(files), specs=specs).tasks
    assert (task["train"] + task["valid"], task["test"]) == (20, 1)


def test_a_part_of_one_record_beside_others_in_a_file_of_parts_is_kept(lake, specs):
    parts = {"train": [[f"somebody asks for number {n}", "ab"[n % 2]] for n in range(30)], "test": [["who asks for this one", "a"]]}
    (task,) = allocate(lake({"S/all.json": json.dumps(parts)}), specs=specs).tasks
    assert (task["train"] + task["valid"], task["test"]) == (30, 1)


def test_one_word_in_all_names_or_in_few_of_them_declares_nothing(lake, specs):
    files = {f"S/{kind}/test_{n:03d}.png": f"{kind}{n}" for kind in ("cat", "dog") for n in range(10)}
    files |= {f"T/{kind}/{'test' if n == 3 else 'shot'}{n}.png": f"t{kind}{n}" for kind in ("cat", "dog") for n in range(10)}
    first, second = allocate(lake(files), specs=specs).tasks
    assert [(task["train"], task["valid"], task["test"]) for task in (first, second)] == [(14, 3, 3)] * 2


def test_lists_of_file_names_called_by_a_side_declare_it(lake, specs):
    """As Pascal VOC has them: stems in ImageSets, pictures and annotations in folders beside it."""
    files = {f"V/JPEGImages/{n:06d}.png": f"p{n}" for n in range(60)}
    files |= {f"V/Annotations/{n:06d}.xml": f"<annotation><object><name>{'ab'[n % 2]}</name></object></annotation>" for n in range(60)}
    sides = {"train": range(40), "val": range(40, 50), "test": range(50, 60)}
    files |= {f"V/ImageSets/Main/{side}.txt": "".join(f"{n:06d}\n" for n in numbers) for side, numbers in sides.items()}
    settings = lake(files)
    (task,) = allocate(settings, specs=specs).tasks
    assert (task["train"], task["valid"], task["test"]) == (40, 10, 10)
    examples = Store(settings.state).table("examples").filter(pl.col("split") == "test")
    assert {int(row[0]["path"][-10:-4]) for row in examples["inputs"].to_list()} == set(range(50, 60))


def test_a_lone_list_and_texts_called_by_a_side_declare_nothing(lake, specs):
    files = {f"V/{kind}/{n}.png": f"{kind}{n}" for kind in ("cat", "dog") for n in range(20)}
    files |= {
        "V/test.txt": "".join(f"{n}\n" for n in range(5)),
        "notes/train.txt": "Take the train\nat noon\n" * 4,
        "notes/test.txt": "Only a test\nof words\n" * 4,
    }
    (task,) = allocate(lake(files), specs=specs).tasks
    assert (task["train"], task["valid"], task["test"]) == (28, 6, 6)
