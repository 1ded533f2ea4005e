"""Catalog and verdicts in; tasks, sides and the ledger out."""

import json
from collections import defaultdict
from dataclasses import replace

import polars as pl
import pytest

from unified_assets.allocation import UnknownPath, allocate, explain
from unified_assets.core.errors import InvalidSetting
from unified_assets.store.local import Store


def folders(count: int = 20, *, prefix: str = "pets") -> dict[str, str]:
    return {f"{prefix}/{name}/{number}.png": f"{name}{number}" for name in ("cat", "dog") for number in range(count)}


def intents(count: int = 20) -> str:
    return "text,intent\n" + "\n".join(f"{'open' if n % 2 else 'close'} door number {n},{'open' if n % 2 else 'close'}" for n in range(count))


def run(settings, specs):
    summary = allocate(settings, lambda _line: None, specs)
    store = Store(settings.state)
    return summary, {name: store.table(name) for name in ("allocation", "tasks", "examples", "splits")}


def reasons(ledger: pl.DataFrame, path: str, model: str) -> tuple[str, str]:
    return ledger.filter((pl.col("path") == path) & (pl.col("model") == model)).select("use", "reason").row(0)


def test_every_file_has_one_row_for_every_model(lake, specs):
    settings = lake(folders() | {"asks.csv": intents(), "x.bin": "?", "notes.txt": "Buy milk."})
    summary, found = run(settings, specs)
    ledger = found["allocation"]
    assert len(ledger) == 43 * 7 == ledger.select("path", "model").n_unique()
    assert sum(summary.use["vision_service"].values()) == summary.files == 43
    assert reasons(ledger, "x.bin", "vision_service") == ("none", "unsupported: unknown_format")
    assert reasons(ledger, "asks.csv", "concept_models")[0] == "labelled"
    assert ledger["reason"].null_count() == 0
    assert summary.use["multimodal_service"]["labelled"] == 40


def test_a_task_goes_to_every_model_that_can_learn_it(lake, specs):
    documents = {f"papers/{kind}/{n}.pdf": f"{kind}{n}" for kind in ("letter", "invoice") for n in range(12)}
    summary, found = run(lake(folders() | documents), specs)
    assert {row["task"]: (row["subject"], tuple(row["models"])) for row in summary.tasks} == {
        "papers__class_folders": ("document", ("vision_service",)),
        "papers__class_folders_text": ("concept", ("concept_models",)),
        "pets__class_folders": ("image", ("multimodal_service", "vision_service")),
    }
    views = dict(found["allocation"].filter(pl.col("path") == "papers/letter/0.pdf").select("model", "via").drop_nulls().iter_rows())
    assert views == {"vision_service": "document.page", "concept_models": "document.text"}


def test_undeclared_sides_are_70_15_15_of_every_class(lake, specs):
    summary, found = run(lake(folders(20)), specs)
    (task,) = summary.tasks
    assert (task["train"], task["valid"], task["test"]) == (28, 6, 6)
    counts = found["examples"].filter(pl.col("model") == "vision_service").group_by("target", "split").len()
    assert set(counts.filter(pl.col("split") == "test")["len"]) == {3}


def test_a_declared_test_side_stands_and_validation_is_held_out_of_train(lake, specs):
    files = {f"pets/{side}/{name}/{n}.png": f"{side}{name}{n}" for side in ("train", "test") for name in ("cat", "dog") for n in range(20)}
    summary, found = run(lake(files), specs)
    (task,) = summary.tasks
    assert (task["train"], task["valid"], task["test"]) == (34, 6, 40)
    test = found["examples"].filter(pl.col("split") == "test")["inputs"].list.first().struct.field("path")
    assert all(path.startswith("pets/test/") for path in test)


def test_a_declared_validation_without_test_is_the_test_side(lake, specs):
    files = {f"pets/{side}/{name}/{n}.png": f"{side}{name}{n}" for side in ("train", "val") for name in ("cat", "dog") for n in range(20)}
    summary, _ = run(lake(files), specs)
    assert [(task["train"], task["valid"], task["test"]) for task in summary.tasks] == [(34, 6, 40)]


def test_same_bytes_with_two_labels_are_used_by_nobody(lake, specs):
    settings = lake(folders() | {"pets/cat/odd.png": "same", "pets/dog/odd.png": "same"})
    _, found = run(settings, specs)
    for path in ("pets/cat/odd.png", "pets/dog/odd.png"):
        use, reason = reasons(found["allocation"], path, "vision_service")
        assert use == "none"
        assert reason.startswith("contradictory label: the same content stands as cat and as dog")
    assert found["tasks"]["examples"].to_list() == [40]


def test_same_text_with_two_labels_is_left_out_and_a_copy_counts_once(lake, specs):
    text = intents() + "\nopen door number 1,close\nclose door number 2,close\n"
    _, found = run(lake({"asks.csv": text}), specs)
    texts = found["examples"]["inputs"].list.first().struct.field("text").to_list()
    assert "open door number 1" not in texts
    assert texts.count("close door number 2") == 1
    assert len(texts) == 19


def test_copies_are_one_unit(lake, specs):
    _, found = run(lake(folders() | {"pets/cat/copy.png": "cat3"}), specs)
    assert reasons(found["allocation"], "pets/cat/copy.png", "vision_service") == (
        "none",
        "exact copy of pets/cat/3.png: copies count once (pets__class_folders)",
    )


def test_content_declared_on_two_sides_is_measured_on_and_not_learned_from(lake, specs):
    files = {f"pets/{side}/{name}/{n}.png": f"{side}{name}{n}" for side in ("train", "test") for name in ("cat", "dog") for n in range(10)}
    files |= {"pets/train/cat/x.png": "both", "pets/test/cat/x.png": "both"}
    summary, found = run(lake(files), specs)
    use, reason = reasons(found["allocation"], "pets/train/cat/x.png", "vision_service")
    assert (use, reason) == ("none", "bridges train and test: the same content is declared test and train, and stands as test (pets__class_folders)")
    assert reasons(found["allocation"], "pets/test/cat/x.png", "vision_service")[0] == "labelled"
    assert [task["test"] for task in summary.tasks] == [21]


def test_no_group_stands_on_two_sides(lake, specs):
    names = {f"rec/{digit}_{who}_{n}.wav": f"{digit}{who}{n}" for digit in range(3) for who in ("ann", "bob", "cy", "di", "eve") for n in range(4)}
    _, found = run(lake(names), specs)
    mine = found["examples"].filter(pl.col("model") == "audio_service")
    assert set(mine["split"]) == {"train", "valid", "test"}
    assert mine.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    speakers = mine.with_columns(who=pl.col("inputs").list.first().struct.field("path").str.extract(r"_(\w+?)_"))
    assert speakers.group_by("who").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 5


def test_near_duplicates_stay_on_one_side(lake, specs):
    near = {f"pets/cat/{n}.png": f"pair{n // 2}" for n in range(20)}
    _, found = run(lake(folders(), near=near), specs)
    cats = found["examples"].filter((pl.col("model") == "vision_service") & (pl.col("target") == "cat"))
    pairs = cats.with_columns(pair=pl.col("inputs").list.first().struct.field("path").replace_strict(near))
    assert pairs.group_by("pair").agg(pl.col("split").n_unique())["split"].max() == 1


def test_a_context_asked_twice_stays_on_one_side(lake, specs):
    rows = [
        {"context": f"Rules of set {n // 2}.", "question": f"Is it true that {n}?", "options": ["A) True", "B) False"], "answer": "AB"[(n // 3) % 2]}
        for n in range(40)
    ]
    _, found = run(lake({"rules.json": json.dumps(rows)}), specs)
    mine = found["examples"].with_columns(context=pl.col("inputs").list.first().struct.field("text"))
    assert mine.group_by("context").agg(pl.col("split").n_unique())["split"].max() == 1


def test_an_example_keeps_its_side_as_data_grow(lake, specs):
    _, before = run(lake(folders(20)), specs)
    _, after = run(lake(folders(40)), specs)
    sides = {row["example_id"]: row["split"] for row in after["examples"].iter_rows(named=True)}
    assert {row["example_id"]: row["split"] for row in before["examples"].iter_rows(named=True)}.items() <= sides.items()
    assert len(sides) == 80


def test_a_new_file_that_ties_both_sides_together_is_used_by_nobody(lake, specs):
    _, before = run(lake(folders(20)), specs)
    sides = {row["inputs"][0]["path"]: row["split"] for row in before["examples"].iter_rows(named=True) if row["target"] == "cat"}
    train, test = (next(path for path, side in sides.items() if side == wanted) for wanted in ("train", "test"))
    near = dict.fromkeys((train, test, "pets/cat/new.png"), "alike")
    _, after = run(lake(folders(20) | {"pets/cat/new.png": "new"}, near=near), specs)
    use, reason = reasons(after["allocation"], "pets/cat/new.png", "vision_service")
    assert (use, reason.split(":")[0]) == ("none", "bridges train and test")
    assert len(after["examples"]) == len(before["examples"])


def test_nothing_changes_where_nothing_changed(lake, specs):
    files = folders() | {"asks.csv": intents()}
    first, _ = run(lake(files), specs)
    again, _ = run(lake(files), specs)
    assert (again.digests, again.model_digests) == (first.digests, first.model_digests)
    grown, _ = run(lake(files | {"asks.csv": intents(30)}), specs)
    changed = {name for name in grown.model_digests if grown.model_digests[name] != first.model_digests[name]}
    assert changed == {"concept_models"}
    assert {name for name in grown.digests if grown.digests[name] != first.digests[name]} == {"text"}


def test_an_allocation_is_kept_while_nothing_that_it_depends_on_changes(lake, specs):
    files = folders() | {"asks.csv": intents(), "twice/cat/a.png": "same", "twice/dog/b.png": "same"}
    settings = lake(files)
    first, lines = allocate(settings, lambda _line: None, specs), list[str]()
    published = Store(settings.state).current("allocation")
    again = allocate(settings, lines.append, specs)
    assert lines == ["allocation: nothing that it depends on has changed"]
    assert replace(again, seconds=0) == replace(first, seconds=0)
    assert Store(settings.state).current("allocation") == published
    newer = {name: replace(spec, version="2") if name == "math_model" else spec for name, spec in specs.items()}
    (settings.raw / "unified.yaml").write_text("split: {'pets/cat/*': test}\n")
    for given, changed in ((specs, "what a person says"), (newer, "a model")):
        lines.clear()
        allocate(settings, lines.append, given)
        assert "nothing" not in lines[0], changed


def test_an_allocation_that_missed_something_is_made_again(lake, specs):
    settings = lake(folders() | {"asks.csv": intents()})
    read = settings.raw / "asks.csv"
    text = read.read_bytes()
    read.unlink()
    missed = allocate(settings, lambda _line: None, specs)
    read.write_bytes(text)
    whole = allocate(settings, lambda _line: None, specs)
    assert len(whole.tasks) == len(missed.tasks) + 1


def test_files_of_one_stem_are_pairs_with_one_id_for_all_models(lake, specs):
    files = {f"shots/c{n}.{extension}": f"{extension}{n}" for n in range(10) for extension in ("png", "wav")}
    summary, found = run(lake(files), specs)
    pairs = found["examples"]
    assert summary.tasks == ()
    assert pairs["task"].null_count() == len(pairs) == 30
    assert pairs["example_id"].n_unique() == 10
    roles = {row["model"]: [value["role"] for value in row["inputs"]] for row in pairs.iter_rows(named=True)}
    assert roles == {"vision_service": ["image"], "audio_service": ["audio"], "multimodal_service": ["image", "audio"]}
    assert set(pairs["split"]) == {"train"}
    assert summary.use["vision_service"]["pair"] == 10


def test_a_pair_of_a_test_file_stays_off_the_train_side(lake, specs):
    files = folders(20) | {f"pets/cat/{n}.wav": f"sound{n}" for n in range(20)}
    _, found = run(lake(files), specs)
    sides = {row["inputs"][0]["path"]: row["split"] for row in found["examples"].filter(pl.col("task").is_not_null()).iter_rows(named=True)}
    pairs = found["examples"].filter(pl.col("task").is_null() & (pl.col("model") == "vision_service"))
    assert len(pairs) == 20
    assert all(row["split"] == sides[row["inputs"][0]["path"]] for row in pairs.iter_rows(named=True))


def test_videos_go_to_those_who_see_and_those_with_sound_to_those_who_hear(lake, specs):
    kinds = ("BIRD", "DRONE", "KITE", "PLANE")
    files = {f"clips/{kind}_{'loud' if n % 2 else 'mute'}_{n:03d}.mp4": f"{kind}{n}" for kind in kinds for n in range(10)}
    summary, found = run(lake(files), specs)
    (task,) = summary.tasks
    assert task["models"] == ["audio_service", "multimodal_service"]
    heard = found["examples"].filter((pl.col("model") == "audio_service") & pl.col("task").is_not_null())
    assert len(heard) == 20
    assert {value["role"] for row in heard["inputs"].to_list() for value in row} == {"video"}
    views = found["allocation"].filter(pl.col("path") == "clips/BIRD_loud_001.mp4").select("model", "via").drop_nulls()
    assert dict(views.iter_rows()) == {"audio_service": "video.sound", "multimodal_service": "video.frames"}
    together = found["examples"].filter(pl.col("task").is_null() & (pl.col("model") == "multimodal_service"))
    assert {tuple(value["role"] for value in row) for row in together["inputs"].to_list()} == {("video", "audio")}


def test_what_is_written_down_beats_what_a_name_hints_at(lake, specs):
    files = {f"d/{n // 10}/{n:04d}-num{n % 5}.png": str(n) for n in range(40)}
    rows = "file,target\n" + "\n".join(f"d/{n // 10}/{n:04d}-num{n % 5}.png,{'odd' if n % 2 else 'even'}" for n in range(40))
    summary, _ = run(lake(files | {"labels.csv": rows}), specs)
    assert [task["task"] for task in summary.tasks] == ["labels_csv_target"]
    assert any("written down" in note for note in summary.notes)


def test_rejected_files_are_nobodys(lake, specs):
    _, found = run(lake(folders(), rejected=("pets/cat/0.png",)), specs)
    assert set(found["allocation"].filter(pl.col("path") == "pets/cat/0.png")["reason"]) == {"rejected by quality: truncated"}


def test_a_task_that_is_too_small_is_left_out_and_says_so(lake, specs):
    summary, found = run(lake(folders(5)), specs)
    assert summary.tasks == ()
    assert reasons(found["allocation"], "pets/cat/0.png", "vision_service") == (
        "none",
        "10 examples are too few to learn and measure a task, 16 are needed (pets__class_folders)",
    )


def test_withheld_fields_stand_in_the_task(lake, specs):
    rows = [{"ID": n, "Body": f"Ann has {n} nuts.", "Question": f"And {n} more?", "Equation": f"{n}+{n}", "Answer": 2 * n} for n in range(40)]
    _, found = run(lake({"sums.json": json.dumps(rows)}), specs)
    assert [item.split(":")[0] for item in found["tasks"]["withheld"][0]] == ["ID", "Equation"]
    roles = {value["role"] for row in found["examples"]["inputs"].to_list() for value in row}
    assert roles == {"context", "question"}


def test_a_person_can_rename_a_task_map_its_classes_and_leave_it_out(lake, specs):
    config = "tasks:\n  pets__class_folders:\n    name: animals\n    class_map: {cat: feline}\n"
    summary, found = run(lake(folders() | {"unified.yaml": config}), specs)
    assert [task["task"] for task in summary.tasks] == ["animals"]
    assert found["tasks"]["classes"].to_list() == [["dog", "feline"]]
    summary, _ = run(lake({"unified.yaml": "tasks:\n  pets__class_folders:\n    ignore: true\n"}), specs)
    assert summary.tasks == ()


def test_a_misspelt_key_of_the_configuration_is_refused(lake, specs):
    with pytest.raises(InvalidSetting, match="ignroe"):
        run(lake(folders() | {"unified.yaml": "ignroe: ['*.bak']\n"}), specs)


def test_explain_tells_of_a_file_what_it_is_who_learns_from_it_and_what_is_kept_back(lake, specs):
    settings = lake(folders() | {"asks.csv": intents()})
    run(settings, specs)
    lines = explain(settings, "asks.csv").splitlines()
    assert lines[0] == f"asks.csv: text, text/csv, {(settings.raw / 'asks.csv').stat().st_size:,} bytes; quality found nothing against it"
    assert lines[1] == "  concept_models learns from labels: 14 training, 3 validation and 3 test examples of asks_csv_intent"
    assert "Task asks_csv_intent (concept), learned by concept_models: tell the class" in lines
    assert "  20 examples: 14 to train, 3 to validate, 3 to test" in lines
    assert "  Given to the model: text" in lines
    assert "  Read as: 20 csv records: text → text, label intent (2 values)" in lines
    assert lines[-1].startswith("For example (")


def test_explain_tells_of_a_folder_what_lies_in_it_and_why_files_are_left(lake, specs):
    settings = lake(folders() | {"pets/notes.txt": "Only words about pets.", "pets/cat/broken.png": "?"}, rejected=("pets/cat/broken.png",))
    run(settings, specs)
    lines = explain(settings, str(settings.raw / "pets")).splitlines()
    assert lines[0] == "pets: 42 files (41 image, 1 text)"
    assert "  1 that nobody uses: rejected by quality: truncated" in lines
    assert "  vision_service: 40 files: learns from labels; 2 files: learns nothing from it" in lines
    assert "    1 x a text; vision_service learns from image and document only" in lines
    assert "Task pets__class_folders (image), learned by multimodal_service, vision_service: tell the class" in lines
    with pytest.raises(UnknownPath, match="the catalog has no such file or folder"):
        explain(settings, "nowhere")


def test_every_reason_of_the_ledger_says_what_and_why(lake, specs):
    files = folders(20) | {"asks.csv": intents(), "prose.txt": "Only words.", "table.csv": "x,y\n1,2\n3,4\n"}
    files |= {"few/a/0.png": "few a", "few/b/1.png": "few b", "pets/dog/copy.png": "cat0", "odd.wav": "sound", "x.bin": "?"}
    _, _ = run(lake(files), specs)
    settings = lake({})
    ledger = {(path, model): reason for path, model, reason in Store(settings.state).table("allocation").select("path", "model", "reason").iter_rows()}
    assert ledger["pets/cat/5.png", "vision_service"].endswith(" example of pets__class_folders")
    assert ledger["pets/cat/5.png", "math_model"] == "an image; math_model learns from text only"
    both = "contradictory label: the same content stands as cat and as dog (pets__class_folders)"
    assert ledger["pets/cat/0.png", "vision_service"] == ledger["pets/dog/copy.png", "vision_service"] == both
    assert ledger["asks.csv", "math_model"] == "its labels are learned by concept_models; math_model learns arithmetic and word problems"
    assert ledger["prose.txt", "logic_model"].startswith("prose without a label: ")
    assert ledger["table.csv", "logic_model"].startswith("no label was recognised in it: ")
    assert ledger["odd.wav", "audio_service"] == "nothing says what it shows: no class folder, file name, manifest or sidecar"
    assert ledger["x.bin", "vision_service"] == "unsupported: unknown_format"


def test_an_adapter_that_fails_costs_only_its_own_tasks(lake, specs):
    from unified_assets.core import plugins

    def broken(_view):
        message = "boom"
        raise ValueError(message)

    adapters = dict(plugins.adapters())
    adapters["file_names"] = replace(adapters["file_names"], propose=broken)
    summary = allocate(lake(folders()), lambda _line: None, specs, adapters)
    assert [task["task"] for task in summary.tasks] == ["pets__class_folders"]
    assert summary.notes == ("adapter file_names failed: ValueError: boom",)


def test_a_container_that_separates_the_classes_is_named_as_a_suspect(lake, specs):
    files = {f"words/{name}/{n}.wav": f"{name}{n}" + "x" * (40 if name == "stop" else 0) for name in ("go", "stop") for n in range(16)}
    _, found = run(lake(files), specs)
    assert "size_bytes: tells 100% of the labels on its own (the majority class 50%); suspect, kept out of the inputs" in found["tasks"]["withheld"][0]


def test_two_names_of_the_third_truth_value_are_one_class(lake, specs):
    def part(side: str, third: str) -> str:
        rows = [{"premises": [f"{side} rule {n}."], "conclusion": f"So {n} holds.", "label": ("True", "False", third)[n % 3]} for n in range(24)]
        return "\n".join(map(json.dumps, rows))

    _, found = run(lake({"f/rules-train.jsonl": part("a", "Unknown"), "f/rules-validation.jsonl": part("b", "Uncertain")}), specs)
    assert found["tasks"]["classes"].to_list() == [["False", "True", "Unknown"]]


def test_of_few_recordings_of_each_class_one_is_measured_on(lake, specs):
    """Six files in three classes, cut into many windows each: no class is tested on only, none is learned only."""
    rows = "".join(f"{kind} {take} says part number {n},{kind},{kind}{take}\n" for kind in ("rain", "wind", "fire") for take in range(2) for n in range(10))
    (task,) = allocate(lake({"t/all.csv": f"text,label,session\n{rows}"}), specs=specs).tasks
    assert (task["train"], task["valid"], task["test"]) == (30, 0, 30)
    examples = Store(lake({}).state).table("examples")
    met = {(row["split"], row["target"]) for row in examples.iter_rows(named=True)}
    assert met == {(side, kind) for side in ("train", "test") for kind in ("rain", "wind", "fire")}


def test_an_option_of_two_words_stands_on_one_side(lake, specs):
    def row(n: int) -> dict[str, object]:
        common = ("He died.", "Spring comes.", "Tom sneezed.")
        options = (common[n % 3] if n % 20 < 3 else f"Thing {n} broke apart.", f"Something else befell {n}.")
        return {"premise": f"Premise {n} holds.", "ask-for": "effect", "hypothesis1": options[n % 2], "hypothesis2": options[1 - n % 2], "label": n // 2 % 2}

    settings = lake({"c/train.jsonl": "\n".join(json.dumps(row(n)) for n in range(300))})
    allocate(settings, specs=specs)
    store = Store(settings.state)
    sides: dict[str, set[str]] = defaultdict(set)
    for inputs, split in store.table("examples").select("inputs", "split").iter_rows():
        for value in inputs:
            sides[value["text"]].add(split)
    assert {text: len(found) for text, found in sides.items() if len(text.split()) == 2} == {"He died.": 1, "Spring comes.": 1, "Tom sneezed.": 1}
    assert "shared short option: kept on one side" in store.table("tasks")["why"][0]
