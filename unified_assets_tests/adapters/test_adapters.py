"""Every adapter finds in its own example what it says, and leaves alone what has no form."""

import json
from pathlib import Path

import polars as pl
import pytest
import xxhash

from unified_assets.allocation.overrides import Overrides
from unified_assets.allocation.view import Lake
from unified_assets.core import plugins
from unified_assets.core.contracts import Proposal

MODALITY = {"png": "image", "jpg": "image", "wav": "audio", "mp4": "video", "pdf": "document"}


def lake_of(folder: Path) -> Lake:
    rows = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data, extension = path.read_bytes(), path.suffix.lstrip(".").lower()
            modality = MODALITY.get(extension, "text")
            media_type = {"txt": "text/plain", "md": "text/markdown"}.get(extension, f"{modality}/{extension}")
            rows.append((path.relative_to(folder).as_posix(), xxhash.xxh3_128_hexdigest(data), len(data), modality, media_type))
    files = pl.DataFrame(rows, schema=["path", "file_id", "size_bytes", "modality", "media_type"], orient="row")
    return Lake(folder, files, Overrides())


def write(folder: Path, files: dict[str, str]) -> Lake:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return lake_of(folder)


def propose(name: str, lake: Lake) -> list[Proposal]:
    return list(plugins.adapters()[name].propose(lake))


def targets(proposals: list[Proposal]) -> dict[str, str]:
    found = {}
    for proposal in proposals:
        for example in proposal.examples:
            for value in example.inputs:
                found[value.path if value.locator is None else f"{value.path}#{value.locator}"] = example.target
    return found


@pytest.mark.parametrize("name", sorted(plugins.adapters()))
def test_an_adapter_finds_what_its_example_holds(name, tmp_path):
    adapter = plugins.adapters()[name]
    adapter.example(tmp_path)
    proposals = propose(name, lake_of(tmp_path))
    found = targets(proposals)
    assert {key: found.get(key) for key in adapter.expected} == dict(adapter.expected)
    assert all(proposal.adapter == name and proposal.why for proposal in proposals)


@pytest.mark.parametrize("name", sorted(plugins.adapters()))
def test_an_adapter_finds_nothing_where_files_have_no_form(name, tmp_path):
    lake = write(
        tmp_path,
        {
            "readme.md": "# A folder\n\nNothing here is labelled.\n",
            "notes/one.txt": "Buy milk.\n",
            "photos/IMG 1.png": "x",
            "photos/beach, late.png": "y",
            "list.csv": "name,hex\nred,#f00\nblue,#00f\n",
            "broken.json": '{"a": [',
        },
    )
    assert propose(name, lake) == []


def test_split_folders_above_and_below_the_class_are_declared_sides(tmp_path):
    files = {f"a/train/cat/{n}.png": f"c{n}" for n in range(4)} | {f"a/dog/test/{n}.png": f"d{n}" for n in range(4)}
    (proposal,) = propose("class_folders", write(tmp_path, files))
    assert proposal.root == "a"
    assert {(example.target, example.split) for example in proposal.examples} == {("cat", "train"), ("dog", "test")}


def test_folders_that_tell_the_kind_of_file_or_a_shard_are_no_classes(tmp_path):
    shards = {f"s/part_{part}/{n}.png": f"{part}{n}" for part in range(3) for n in range(5)}
    kinds = {f"k/{kind}/{n}.png": f"{kind}{n}" for kind in ("images", "masks") for n in range(5)}
    assert propose("class_folders", write(tmp_path, shards | kinds)) == []


def test_a_class_of_folders_of_one_text_each_is_a_class_and_front_matter_stays_out(tmp_path):
    files = {f"wiki/{kind}/{n}/index.md": f"---\nkind: {kind}\n---\nAbout {kind} {n}." for kind in ("topics", "people") for n in range(6)}
    (proposal,) = propose("class_folders", write(tmp_path, files))
    assert {example.target for example in proposal.examples} == {"topics", "people"}
    assert proposal.examples[0].inputs[0].text == "About people 0."


def test_the_first_field_is_the_class_and_the_name_after_it_the_group(tmp_path):
    files = {f"rec/{digit}_{who}_{n}.wav": f"{digit}{who}{n}" for digit in range(3) for who in ("ann", "bob", "cy", "di") for n in range(4)}
    (proposal,) = propose("file_names", write(tmp_path, files))
    assert {example.target for example in proposal.examples} == {"0", "1", "2"}
    assert {example.group for example in proposal.examples} == {"ann", "bob", "cy", "di"}


def test_a_two_way_mark_is_not_the_class_and_folders_side_by_side_are_joined(tmp_path):
    kinds = ("BIRD", "DRONE", "KITE", "PLANE")
    files = {f"d/Video_{mark}/{mark}_{kind}_{n:03d}.mp4": f"{mark}{kind}{n}" for mark in ("IR", "V") for kind in kinds for n in range(5)}
    (proposal,) = propose("file_names", write(tmp_path, files))
    assert proposal.root == "d"
    assert {example.target for example in proposal.examples} == set(kinds)


def test_an_identifier_inside_file_names_and_a_sentence_make_image_text(tmp_path):
    lines = [f'{{"sentence": "There is a box {n % 5}", "label": "{n % 2 == 0}", "identifier": "{1000 + n}-0", "evals": {{"r": 1}}}}' for n in range(20)]
    files = {f"x/images/dev-{1000 + n}-0-0.png": str(n) for n in range(20)} | {"x/dev.json": "\n".join(lines)}
    (proposal,) = propose("manifests", write(tmp_path, files))
    assert (proposal.subject, proposal.roles) == ("image_text", ("image", "text"))
    assert proposal.examples[0].inputs[0].path == "x/images/dev-1000-0-0.png"
    assert any(item.startswith("evals: ") for item in proposal.withheld)


def test_captions_without_a_label_are_pairs(tmp_path):
    lines = ["file_name,caption"] + [f"{n}.png,a picture of thing number {n}" for n in range(12)]
    (proposal,) = propose("manifests", write(tmp_path, {f"{n}.png": str(n) for n in range(12)} | {"metadata.csv": "\n".join(lines)}))
    assert (proposal.kind, proposal.roles, len(proposal.examples)) == ("pair", ("image", "text"), 12)


def test_train_and_test_files_of_one_table_are_one_task(tmp_path):
    def table(side: str) -> str:
        return "text,label\n" + "\n".join(f"{side} sentence number {n},{'a' if n % 2 else 'b'}" for n in range(20))

    (proposal,) = propose("record_tables", write(tmp_path, {"t/news_train.csv": table("train"), "t/news_test.csv": table("test")}))
    assert {(example.split, example.inputs[0].path) for example in proposal.examples} == {("train", "t/news_train.csv"), ("test", "t/news_test.csv")}


def test_real_files_are_read_as_their_makers_meant(corpus):
    lake = lake_of(corpus)
    found = {name: propose(name, lake) for name in ("labelled_lines", "record_files", "cause_pairs")}
    assert [(p.subject, len({e.target for e in p.examples}), len(p.examples)) for p in found["labelled_lines"]] == [("causal", 19, 8000)]
    assert [len({e.target for e in p.examples}) for p in found["record_files"]] == [9]
    assert [p.subject for p in found["cause_pairs"]] == ["causal"]


def test_a_word_near_the_end_of_names_that_differ_from_folder_to_folder_is_the_class(tmp_path):
    fronts = ("suite 6-1-4-t03", "suite 6-10-t01", "7.1-t05", "5-t02")
    files = {f"v/part{n % 5}/{n % 3}/{fronts[n % 4]}-{'pass' if n % 3 else 'fail'}-{'abcdefg'[n % 7]}.pdf": str(n) for n in range(40)}
    (proposal,) = propose("file_names", write(tmp_path, files | {"other/some file.pdf": "x"}))
    assert (proposal.root, proposal.form, len(proposal.examples)) == ("v", "file_names_field_2_from_the_end", 40)
    assert {example.target for example in proposal.examples} == {"pass", "fail"}


def test_few_files_named_like_many_beside_them_have_their_classes(tmp_path):
    files = {f"d/films/{kind}_{n:03d}.mp4": f"{kind}{n}" for kind in ("BIRD", "DRONE", "KITE") for n in range(8)}
    files |= {f"d/sounds/{kind}_{n:03d}.wav": f"{kind}{n}" for kind in ("BIRD", "DRONE", "WIND") for n in range(2)}
    files |= {f"far/{kind}_{n:03d}.wav": f"far{kind}{n}" for kind in ("BIRD", "DRONE") for n in range(3)}
    sounds, films = propose("file_names", write(tmp_path, files))
    assert (films.subject, sounds.subject, len(sounds.examples)) == ("video", "audio", 6)
    assert {example.target for example in sounds.examples} == {"BIRD", "DRONE", "WIND"}


def test_of_a_few_long_sounds_windows_are_the_examples(tmp_path):
    files = {f"d/films/{kind}_{n:03d}.mp4": f"{kind}{n}" for kind in ("BIRD", "DRONE", "KITE") for n in range(8)}
    lake = write(tmp_path, files | {f"d/sounds/{kind}_{n:03d}.wav": f"{kind}{n}" for kind in ("BIRD", "DRONE") for n in range(2)})
    lake.files = lake.files.with_columns(duration_s=pl.when(pl.col("modality") == "audio").then(10.0))
    sounds, _ = propose("file_names", lake)
    assert len(sounds.examples) == 4 * 19
    assert [example.inputs[0].locator for example in sounds.examples][:3] == ["time=0-1", "time=0.5-1.5", "time=1-2"]
    assert sounds.examples[18].inputs[0].locator == "time=9-10"


def test_a_small_folder_inside_a_class_belongs_to_it(tmp_path):
    files = {f"p/{name}/{n}.png": f"{name}{n}" for name in ("cat", "dog") for n in range(6)} | {f"p/cat/odd/{n}.png": f"odd{n}" for n in range(2)}
    (proposal,) = propose("class_folders", write(tmp_path, files))
    assert [example.target for example in proposal.examples].count("cat") == 8


def test_members_that_are_keys_of_what_is_told_of_them_are_found(tmp_path):
    makers = [{"Boeing": [{"737": [{f"737-{n}": {"seats": n}} for n in range(100, 160, 10)]}]}, {"Airbus": [{"A318": {"seats": 1}}, {"A319": {"seats": 2}}]}]
    lists = {f"l/{name}.json": json.dumps({name: [f"{name} {n}" for n in range(12)]}) for name in ("tools", "birds", "trees")}
    (proposal,) = propose("member_lists", write(tmp_path, lists | {"l/aircraft.json": json.dumps({"Description": "types", "makers": makers})}))
    planes = [example.inputs[0].text for example in proposal.examples if example.target == "aircraft"]
    assert planes == ["737-100", "737-110", "737-120", "737-130", "737-140", "737-150", "A318", "A319"]


def test_what_was_read_off_a_paper_tells_its_kind(tmp_path):
    files = {f"a/img/{n}.jpg": f"a{n}" for n in range(10)} | {f"a/key/{n}.json": json.dumps({"company": "X", "date": "d", "total": n}) for n in range(10)}
    files |= {f"b/my_invoices/{n}.pdf": f"b{n}" for n in range(10)} | {f"c/holiday/{n}.jpg": f"c{n}" for n in range(10)}
    (proposal,) = propose("document_kinds", write(tmp_path, files))
    found = targets([proposal])
    assert {found[f"a/img/{n}.jpg"] for n in range(10)} == {"receipt"}
    assert len(found) == 20
    assert (proposal.subject, proposal.roles, proposal.root) == ("document", ("page",), "")


def test_an_arrow_is_read_behind_the_words_ground_truth_too(tmp_path):
    said = ("x --> y", "ground truth x --> y", "Ground truth:  x --> y", "ground truth:\ny <-- x", "they say that x --> y", "variable 2 --> variable 3")
    rows = "".join(f"{n}.5\t{n * 3 % 7}.25\n" for n in range(12))
    files = {f"p/data/pair.{n}.txt": f"C1\tC2\n{n}.0\t1.0\n{rows}" for n in range(1, 13)}
    files |= {f"p/about/pair{n:04d}_des.txt": f"Pair {n} was measured in two places.\n\n{said[n % 6]}\n" for n in range(1, 13)}
    (proposal,) = propose("cause_pairs", write(tmp_path, files))
    assert sorted(example.inputs[0].path for example in proposal.examples) == sorted(f"p/data/pair.{n}.txt" for n in range(1, 13) if n % 6 < 4)
    assert {"first causes second", "second causes first"} >= {example.target for example in proposal.examples}


def test_papers_beside_folders_of_kinds_and_kinds_of_few_papers_are_the_kind_other(tmp_path):
    files = {f"office/{kind}/{n}.pdf": f"{kind}{n}" for kind in ("invoices", "receipts") for n in range(10)}
    files |= {"office/maps/1.pdf": "m1", "office/maps/deep/2.pdf": "m2", "office/plans/1.png": "p1", "office/plans/deep/2.png": "too deep for a picture"}
    files |= {"elsewhere/the contract.pdf": "c", "elsewhere/holiday.pdf": "h", "office/loose.pdf": "l", "office/maps/invoice or receipt.pdf": "both"}
    (proposal,) = propose("document_kinds", write(tmp_path, files))
    found = targets([proposal])
    assert {path for path, kind in found.items() if kind == "other"} == {
        "office/maps/1.pdf",
        "office/maps/deep/2.pdf",
        "office/plans/1.png",
        "elsewhere/the contract.pdf",
    }
    assert len(found) == 24


def test_more_papers_beside_kinds_than_of_kinds_are_left_alone(tmp_path):
    files = {f"office/{kind}/{n}.pdf": f"{kind}{n}" for kind in ("invoices", "receipts") for n in range(10)}
    files |= {f"office/maps/{n}.pdf": f"m{n}" for n in range(21)}
    (proposal,) = propose("document_kinds", write(tmp_path, files))
    assert set(targets([proposal]).values()) == {"invoice", "receipt"}


def test_a_code_after_a_number_is_the_class_of_markup_and_what_names_it_stays_out(tmp_path):
    codes = ["IH", "RH", "enr", "ENR"]
    files = {
        f"bills/{'HR' if n % 2 else 'BILLS-116s'}{n}{'_' if n % 3 else ''}{codes[n % 4]}.xml": f"<bill><meta><stage>{codes[n % 4]}</stage></meta>"
        f"<slug>HR {n} {codes[n % 4]}</slug><p>Be it enacted {n}</p></bill>"
        for n in range(24)
    }
    (proposal,) = propose("text_names", write(tmp_path, files))
    assert {example.target for example in proposal.examples} == {"ih", "rh", "enr"}
    assert {example.inputs[0].text for example in proposal.examples} == {f"Be it enacted {n}" for n in range(24)}
    assert "slug: names the class in most files" in proposal.withheld


def test_chapters_days_and_numbered_descriptions_are_no_classes_of_texts(tmp_path):
    files = {f"book/chapter_{n // 8}_{n % 8}.txt": f"Page {n} of a long story that goes on." for n in range(40)}
    files |= {f"pairs/pair{n:04d}_des.txt": f"A description of pair {n}." for n in range(20)}
    assert propose("text_names", write(tmp_path, files)) == []


def test_links_in_markup_between_files_are_classes_by_the_name_of_the_kind(tmp_path):
    def entry(key: str, text: str, above: str | None) -> str:
        return f'<Synset id="{key}"><Definition>{text}</Definition>' + (f'<SynsetRelation relType="hypernym" target="{above}"/>' if above else "") + "</Synset>"

    words = "".join(f'<LexicalEntry><Lemma writtenForm="word {n}"/><Sense synset="s{n}"/></LexicalEntry>' for n in range(30))
    kinds = "".join(f'<LexicalEntry><Lemma writtenForm="{name}"/><Sense synset="{key}"/></LexicalEntry>' for name, key in (("bird", "b"), ("tree", "t")))
    files = {
        "w/nouns.xml": f"<L>{words}" + "".join(entry(f"s{n}", f"the meaning of {n}", "bt"[n % 2]) for n in range(30)) + "</L>",
        "w/tops.xml": f"<L>{kinds}" + entry("b", "flies", "top") + entry("t", "stands", "top") + "</L>",
    }
    (proposal,) = propose("linked_records", write(tmp_path, files))
    assert (len(proposal.examples), proposal.roles) == (30, ("term", "definition"))
    found = {tuple(value.text for value in example.inputs): example.target for example in proposal.examples}
    assert found["word 0", "the meaning of 0"] == "bird"
    assert found["word 1", "the meaning of 1"] == "tree"


def test_a_train_among_other_vehicles_is_a_class_and_one_beside_a_test_folder_is_a_side(tmp_path):
    files = {f"v/{name}/{n}.png": f"{name}{n}" for name in ("car", "plane", "train") for n in range(6)}
    (proposal,) = propose("class_folders", write(tmp_path / "one", files))
    assert ({example.target for example in proposal.examples}, {example.split for example in proposal.examples}) == ({"car", "plane", "train"}, {None})
    sided = {f"v/{side}/{name}/{n}.png": f"{side}{name}{n}" for side in ("train", "test") for name in ("car", "plane") for n in range(6)}
    (proposal,) = propose("class_folders", write(tmp_path / "two", sided))
    assert ({example.target for example in proposal.examples}, {example.split for example in proposal.examples}) == ({"car", "plane"}, {"train", "test"})


@pytest.mark.parametrize(
    "form",
    ["2{y:03d}-{m:02d}-{d:02d} {h:02d}.{n:02d}.11", "Screenshot 2{y:03d}-{m:02d}-{d:02d} at {h}.{n:02d}.07 {half}", "IMG_{d:02d}.{m:02d}.2{y:03d}_{n:04d}"],
)
def test_days_and_times_in_names_are_no_classes(form, tmp_path):
    names = [form.format(y=19 + n % 3, m=1 + n % 12, d=1 + n % 28, h=n % 12, n=n % 60, half=("AM", "PM")[n % 2]) for n in range(72)]
    assert propose("file_names", write(tmp_path, {f"camera/{name}.jpg": name for name in names})) == []


def test_a_class_before_a_day_is_a_class(tmp_path):
    names = [f"{('beach', 'forest')[n % 2]}_2021-{1 + n % 12:02d}-{1 + n % 28:02d}_{n:03d}" for n in range(48)]
    (proposal,) = propose("file_names", write(tmp_path, {f"camera/{name}.jpg": name for name in names}))
    assert {example.target for example in proposal.examples} == {"beach", "forest"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", json.dumps({f"shots/{n}.png": "ab"[n % 2] for n in range(20)})),
        ("classes.json", json.dumps({kind: [f"shots/{n}.png" for n in range(20) if "ab"[n % 2] == kind] for kind in "ab"})),
        ("list.txt", "\n".join(f"shots/{n}.png {'ab'[n % 2]}" for n in range(20))),
        ("list.txt", "\n".join(f"shots/{n}.png\t{'ab'[n % 2]}" for n in range(20))),
    ],
)
def test_maps_and_lines_of_files_and_labels_are_manifests_and_no_names_to_learn(name, text, tmp_path):
    lake = write(tmp_path, {f"d/shots/{n}.png": str(n) for n in range(20)} | {f"d/{name}": text})
    (proposal,) = propose("manifests", lake)
    assert targets([proposal]) == {f"d/shots/{n}.png": "ab"[n % 2] for n in range(20)}
    assert propose("member_lists", lake) == []
    assert propose("labelled_lines", lake) == []
    assert propose("record_tables", lake) == []


def test_a_number_after_speaker_says_who_and_not_what(tmp_path):
    files = {f"rec/speaker{who:02d}_{('yes', 'no')[n % 2]}_{n:03d}.wav": f"{who}{n}" for who in range(1, 6) for n in range(8)}
    (proposal,) = propose("file_names", write(tmp_path, files))
    assert {example.target for example in proposal.examples} == {"yes", "no"}
    assert {example.group for example in proposal.examples} == {"01", "02", "03", "04", "05"}
