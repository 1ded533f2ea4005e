"""Texts of record files in; flat records out."""

import json

import pytest

from unified_assets.records.lines import parse_lines
from unified_assets.records.names import declared_split, fields_of_name, side_of_folder, split_of_file, without_splits, words
from unified_assets.records.parsing import parse, text_of
from unified_assets.records.places import is_prose
from unified_assets.records.tables import splitless


def test_a_byte_order_mark_is_no_part_of_the_first_field():
    records = parse("a.csv", text_of(b"\xef\xbb\xbfindex,text\n1,one\n2,two\n"))
    assert records is not None
    assert records.fields == ("index", "text")


def test_a_short_row_keeps_its_number():
    records = parse("a.csv", "text,label\none,a\ntwo\nthree,b\n")
    assert records is not None
    assert [row["text"] for row in records.rows] == ["one", "two", "three"]
    assert "label" not in records.rows[1] or not records.rows[1]["label"]


def test_json_lines_in_a_json_file_are_records():
    records = parse("dev.json", '{"q": "a", "n": 51.0}\n{"q": "b", "n": null}\n')
    assert records is not None
    assert records.format == "jsonl"
    assert records.rows[0] == {"q": "a", "n": "51.0"}
    assert records.rows[1] == {"q": "b", "n": ""}


def test_keys_of_a_dict_of_lists_declare_the_sides():
    value = {"train": [["a b", "x"], ["c d", "y"]], "oos_val": [["e f", "oos"], ["g h", "oos"]]}
    records = parse("data.json", json.dumps(value))
    assert records is not None
    assert records.splits == ("train", "train", "valid", "valid")
    assert records.fields == ("column1", "column2")


def test_a_dict_of_objects_is_a_table_with_its_keys():
    records = parse("emoji.json", json.dumps({"x": {"name": "one", "group": "a"}, "y": {"name": "two", "group": "b"}}))
    assert records is not None
    assert records.rows[1] == {"key": "y", "name": "two", "group": "b"}


def test_repeated_xml_elements_are_records_and_entities_stay_off():
    hostile = '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    records = parse("a.xml", f'{hostile}<r><item id="1" ask="cause"><p>one</p></item><item id="2" ask="effect"><p>&e;two</p></item></r>')
    assert records is not None
    assert records.rows[0] == {"id": "1", "ask": "cause", "p": "one"}
    assert "root:" not in records.rows[1]["p"]


def test_broken_and_deeply_nested_files_hold_no_records():
    assert parse("a.json", "[" * 100_000) is None
    assert parse("a.json", '{"a": ') is None
    assert parse("a.xml", "<a><b></a>") is None
    assert parse("a.csv", "") is None


def test_numbered_sentences_keep_their_label_and_lose_the_comment():
    text = "\n".join(f'{number}\t"The <e1>rain</e1> made <e2>mud</e2> {number}."\nCause-Effect(e1,e2)\nComment: surely {number}\n' for number in range(1, 13))
    records = parse_lines("train.txt", text)
    assert records is not None
    assert records.rows[0] == {"text": "The <e1>rain</e1> made <e2>mud</e2> 1.", "label": "Cause-Effect(e1,e2)"}
    assert len(records.rows) == 12
    assert all("Comment" not in value for row in records.rows for value in row.values())


def test_sums_formulas_and_tagged_lines_are_told_apart():
    sums = parse_lines("a.txt", "\n".join(f"{one} * {one + 2} = {one * (one + 2)}" for one in range(20)))
    formulas = parse_lines("b.txt", "\n".join(f"(a -> b) and not {letter}\tcontingent" for letter in "abcdefghijklmnopqrst"))
    tagged = parse_lines("c.txt", "\n".join(f"__label__{'x' if one % 2 else 'y'} some text {one}" for one in range(20)))
    assert sums is not None
    assert sums.rows[3] == {"expression": "3 * 5", "result": "15"}
    assert formulas is not None
    assert formulas.rows[0] == {"formula": "(a -> b) and not a", "label": "contingent"}
    assert tagged is not None
    assert tagged.rows[1] == {"text": "some text 1", "label": "x"}


def test_prose_follows_no_line_grammar():
    assert parse_lines("a.txt", "\n".join(f"This is line {one} of a letter to nobody." for one in range(40))) is None


def test_names_tell_words_fields_and_sides():
    assert words("CausalNews_v2") == ("causal", "news", "v", "2")
    assert fields_of_name("000487-num9") == (("000487", "num", "9"), "0-a0")
    assert declared_split("a/validation/b/c.jpg") == "valid"
    assert declared_split("a/train/test/c.jpg") == "train/test"
    assert declared_split("trains/c.jpg") is None
    assert split_of_file("data/folio-train.jsonl") == "train"
    assert without_splits("a/train/b") == "a/b"
    assert splitless("x/folio-train.jsonl") == "folio.jsonl"
    assert splitless("x/train.jsonl") == "table.jsonl"


def test_records_are_read_by_what_they_are_where_the_name_does_not_say():
    rows = "text,label\na b c,x\nd e f,y\n"
    assert parse("table", rows, media_type="text/csv").format == "csv"
    assert parse("table.2024", '[{"a": 1, "b": 2}, {"a": 3, "b": 4}]', media_type="application/json").format == "json"
    assert parse("notes", rows, media_type="text/plain") is None
    tabbed = "index\ttext\tlabel\n" + "".join(f"{n}\ta sentence {n}\tx\n" for n in range(5))
    assert [row["text"] for row in parse("snli_train.txt", tabbed).rows] == [f"a sentence {n}" for n in range(5)]
    assert parse("story.txt", "Once\tupon\ta time\nthere was\na\ttab\n") is None


def test_letters_with_a_head_are_prose_and_settings_are_not():
    assert is_prose("mail/1.txt", "application/yaml")
    assert not is_prose("config.yaml", "application/yaml")
    assert not is_prose("a.csv", "text/plain")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("train", "train"),
        ("Validation", "valid"),
        ("val2017", "valid"),
        ("test_images", "test"),
        ("images-train", "train"),
        ("train19", "train"),
        ("labels_test", "test"),
        ("训练集", "train"),
        ("trainer", None),
        ("w8-training-data", None),
        ("testimonials", None),
        ("contest", None),
        ("data", None),
    ],
)
def test_folders_that_name_a_side_are_told_from_those_that_only_sound_like_it(name, side):
    assert side_of_folder(name) == side
