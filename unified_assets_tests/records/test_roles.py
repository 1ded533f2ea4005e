"""Field names and values in; roles, kinds, subjects and withheld fields out."""

import json

import pytest

from unified_assets.core.contracts import Records
from unified_assets.records.examples import bounded, examples_of
from unified_assets.records.parsing import parse
from unified_assets.records.roles import Reading, read_roles


def _read(path: str, rows: list[dict[str, object]]) -> tuple[Records, Reading]:
    records = parse(path, "\n".join(json.dumps(row) for row in rows))
    assert records is not None
    reading = read_roles(records)
    assert reading is not None
    return records, reading


def _many(build, count: int = 24) -> list[dict[str, object]]:
    return [build(number) for number in range(count)]


CASES = {
    "which of two causes": (
        "data/train.jsonl",
        lambda n: {
            "premise": f"Rain fell {n}.",
            "ask-for": "effect" if n % 2 else "cause",
            "hypothesis1": f"Mud {n}.",
            "hypothesis2": f"Sun {n}.",
            "label": n % 2,
        },
        ("causal", "choice", ["premise", "direction", "option", "option"], "0"),
    ),
    "rules and a conclusion": (
        "folio.jsonl",
        lambda n: {"premises": [f"All {n} are b.", "c is a."], "conclusion": f"c is {n}.", "premises-FOL": ["x"], "label": ["True", "False", "Unknown"][n % 3]},
        ("logic", "classification", ["premise", "hypothesis"], "True"),
    ),
    "entailment of sentences": (
        "pairs.jsonl",
        lambda n: {
            "genre": "a" if n % 2 else "b",
            "sentence1": f"No dog {n} ran.",
            "sentence2": f"No {n} ran fast.",
            "label1": "",
            "gold_label": "entailment" if n % 2 else "neutral",
        },
        ("logic", "classification", ["premise", "hypothesis"], "neutral"),
    ),
    "truth as options": (
        "rules.jsonl",
        lambda n: {
            "id": f"q{n}",
            "context": f"The cat {n} is big.",
            "question": f"Is it true that {n}?",
            "options": ["A) True", "B) False"],
            "answer": "AB"[n % 2],
            "explanation": ["x"],
        },
        ("logic", "classification", ["context", "question"], "True"),
    ),
    "an order to deduce": (
        "deduction.jsonl",
        lambda n: {
            "context": f"Five birds {n} sit.",
            "question": "Which is true?",
            "options": [f"A) owl {n} first", "B) owl last", "C) no owl"],
            "answer": "ABC"[n % 3],
        },
        ("logic", "choice", ["context", "question", "option", "option", "option"], "0"),
    ),
    "a word problem": (
        "problems.jsonl",
        lambda n: {
            "ID": f"c{n}",
            "Body": f"Ann has {n} nuts and finds {n + 3}.",
            "Question": "How many now?",
            "Equation": f"({n}+{n + 3})",
            "Answer": float(2 * n + 3),
            "Type": "Addition",
        },
        ("math", "generation", ["context", "question"], "3"),
    ),
    "a solution with its final number": (
        "gsm.jsonl",
        lambda n: {"question": f"Two bags of {n} apples?", "answer": f"2*{n}=<<2*{n}={2 * n}>>\n#### {2 * n + 1000:,}"},
        ("math", "generation", ["question"], "1,000".replace(",", "")),
    ),
    "a sum to choose": (
        "algebra.jsonl",
        lambda n: {
            "question": f"Speed of train {n}?",
            "options": [f"A){n} km", f"B){n + 1} km", f"C){n + 2} km"],
            "rationale": "so A",
            "correct": "ABC"[n % 3],
        },
        ("math", "choice", ["question", "option", "option", "option"], "0"),
    ),
    "a question of probabilities": (
        "asks.jsonl",
        lambda n: {
            "given_info": f"For men the probability of {n} is {n}%.",
            "question": f"Will it rise {n}?",
            "answer": "yes" if n % 2 else "no",
            "reasoning": "x",
            "meta": {"a": n},
        },
        ("causal", "classification", ["context", "question"], "no"),
    ),
    "relations between marked nouns": (
        "relations.jsonl",
        lambda n: {"text": f"The <e1>fire</e1> left <e2>ash {n}</e2>.", "label": "Cause-Effect" if n % 2 else "Other"},
        ("causal", "classification", ["text"], "Other"),
    ),
    "a causal path": (
        "causal/news_train.csv.jsonl",
        lambda n: {"index": f"i{n}", "text": f"They struck {n} because of pay.", "label": n % 2},
        ("causal", "classification", ["text"], "0"),
    ),
    "intents": (
        "bank.jsonl",
        lambda n: {"text": f"where is my card {n}", "category": "arrival" if n % 2 else "fees"},
        ("concept", "classification", ["text"], "fees"),
    ),
    "formulas": (
        "formulas.jsonl",
        lambda n: {"formula": f"(a -> b) & {'abcdefghijklmnopqrstuvwxyz'[n]}", "label": "tautology" if n % 2 else "contingent"},
        ("logic", "classification", ["formula"], "contingent"),
    ),
    "sums": (
        "more.jsonl",
        lambda n: {"expression": f"{n} + {n}", "result": 2 * n},
        ("math", "generation", ["expression"], "0"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_records_are_read_as_a_person_would_read_them(case):
    path, build, (subject, kind, roles, first) = CASES[case]
    records, reading = _read(path, _many(build))
    examples = examples_of(records, reading)
    assert (reading.subject, reading.kind) == (subject, kind)
    assert [value.role for value in examples[0].inputs] == roles
    assert examples[0].target == first
    assert len(examples) == 24


def test_fields_that_give_the_answer_away_are_withheld_with_a_reason():
    _, build, _ = CASES["a word problem"]
    _, reading = _read("p.jsonl", _many(build))
    assert {item.split(":")[0] for item in reading.withheld} == {"ID", "Equation", "Type"}


def test_an_input_whose_few_values_each_have_one_label_is_a_leak():
    rows = _many(lambda n: {"question": f"What of {n}?", "context": f"part {n % 4}", "label": "x" if n % 4 < 2 else "y"}, 40)
    _, reading = _read("leaky.jsonl", rows)
    assert [name for _, name in reading.inputs] == ["question"]
    assert "context: each of its 4 values stands with one label only" in reading.withheld


def test_an_answer_counted_from_one_becomes_an_index_from_zero():
    rows = _many(lambda n: {"p": f"It rained {n}.", "asks-for": "cause", "a1": f"Clouds {n}.", "a2": f"Sun {n}.", "most-plausible-alternative": 1 + n % 2})
    rows[1]["asks-for"] = "effect"
    records, reading = _read("copa.jsonl", rows)
    assert [example.target for example in examples_of(records, reading)[:3]] == ["0", "1", "0"]


def test_a_person_can_name_the_label_and_leave_fields_out():
    records = parse(
        "a.csv", "note,colour,size\n" + "\n".join(f"a small thing number {n},{'red' if n % 2 else 'blue'},{'big' if n % 3 else 'small'}" for n in range(30))
    )
    assert records is not None
    reading = read_roles(records, {"colour": "label", "size": "ignore", "note": "text"})
    assert reading is not None
    assert (reading.target, reading.inputs) == ("colour", (("text", "note"),))


def test_records_without_a_label_are_no_task():
    records = parse("a.csv", "name,hex\n" + "\n".join(f"colour {n},#{n:06x}" for n in range(30)))
    assert records is not None
    assert read_roles(records) is None


def test_a_cut_takes_a_share_of_every_class_and_says_so():
    text = "text,label\n" + "\n".join(f"number {n} of its kind,{'a' if n < 600 else 'b'}" for n in range(1200))
    records = parse("sorted.csv", text)
    assert records is not None
    reading = read_roles(records)
    assert reading is not None
    kept, note = bounded(examples_of(records, reading), limit=300)
    assert len(kept) == 300
    assert 100 < sum(example.target == "b" for example in kept) < 200
    assert note == "; cut from 1200 to 300 examples by a hash of their content"
