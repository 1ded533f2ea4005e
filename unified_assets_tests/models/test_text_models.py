"""The four text models learn small tasks of every form they take, and answer alike after being rebuilt from what is saved."""

import json
import random

import numpy as np
import pytest
import torch

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.core.plugins import models
from unified_assets.learners.symbolic_arithmetic import SUBTRACT, Step
from unified_assets.learners.text_arithmetic_torch import lessons

NAMES = ("causal_reasoning_engine", "math_model", "logic_model", "concept_models")


def _task(name, subject, kind, texts, target, *, options=None):
    split = np.asarray([("train", "train", "train", "valid", "test")[place % 5] for place in range(len(target))])
    classes = tuple(sorted(set(target))) if kind == "classification" else ()
    values = np.asarray([classes.index(value) for value in target], np.int64) if classes else np.asarray(target, np.int64) if kind == "choice" else target
    info = TaskInfo(task=name, subject=subject, kind=kind, roles=tuple(texts), classes=classes, metric="exact_match" if kind == "generation" else "accuracy")
    ids = tuple(f"{place:05d}" for place in range(len(target)))
    return TaskData(info=info, example_ids=ids, texts=texts, media={}, arrays={}, target=values, split=split, options=options)


def _unlabelled(data):
    return TaskData(
        info=data.info, example_ids=data.example_ids, texts=dict(data.texts), media={}, arrays={}, target=None, split=data.split, options=data.options
    )


def _intents(count=150):
    draw = random.Random(0)
    stems = {
        "card": ["my card is lost", "where is the card", "send a new card"],
        "rate": ["what is the rate", "the rate today"],
        "pin": ["change my pin", "the pin is blocked"],
    }
    names = [draw.choice(sorted(stems)) for _ in range(count)]
    return _task("intents", "concept", "classification", {"text": [f"{draw.choice(stems[name])} please {draw.randint(1, 99)}" for name in names]}, names)


def _relations(count=150):
    draw = random.Random(1)
    rows = [
        (f"The <e1>{a}</e1> {'caused' if cause else 'stood near'} the <e2>{b}</e2>.", "Cause-Effect" if cause else "Other")
        for a, b, cause in ((draw.choice(["storm", "virus", "fire"]), draw.choice(["damage", "illness", "loss"]), draw.random() < 0.5) for _ in range(count))
    ]
    return _task("relations", "causal", "classification", {"text": [text for text, _ in rows]}, [name for _, name in rows])


def _causes(count=1800):
    draw = random.Random(2)
    pairs = [("It rained.", "The street got wet."), ("He studied hard.", "He passed the test."), ("The glass fell.", "The glass broke.")]
    stems, asked, options, target = [], [], [], []
    for _ in range(count):
        right, wrong = draw.sample(pairs, 2)
        forwards, place = draw.random() < 0.5, draw.randint(0, 1)
        stems.append(right[0] if forwards else right[1])
        asked.append("effect" if forwards else "cause")
        both = [right[forwards], wrong[forwards]]
        options.append(both if place == 0 else both[::-1])
        target.append(place)
    return _task("causes", "causal", "choice", {"premise": stems, "direction": asked}, target, options=options)


def _problems(count=150):
    draw = random.Random(3)
    context, question, target = [], [], []
    for _ in range(count):
        a, b, more = draw.randint(20, 60), draw.randint(2, 19), draw.random() < 0.5
        context.append(f"Ann had {a} apples. She {'bought' if more else 'gave away'} {b} apples.")
        question.append("How many apples does she have now?")
        target.append(f"{a + b if more else a - b}.0")
    return _task("problems", "math", "generation", {"context": context, "question": question}, target)


def _sums(count=400):
    draw = random.Random(4)
    rows = [(draw.randint(0, 99), draw.randint(0, 99)) for _ in range(count)]
    return _task("sums", "math", "generation", {"expression": [f"{a} + {b}" for a, b in rows]}, [str(a + b) for a, b in rows])


def _formulas():
    leaves = ["p", "q", "(p and q)", "(p or q)", "not p", "(q -> p)"]
    rows = []
    for leaf in leaves:
        for other in leaves:
            rows += [
                (f"{leaf} or not {leaf} or {other}", "tautology"),
                (f"{leaf} and not {leaf} and {other}", "contradiction"),
                (f"({leaf} and r) or ({other} and not r)", "contingent"),
            ]
    random.Random(5).shuffle(rows)
    return _task("formulas", "logic", "classification", {"formula": [text for text, _ in rows]}, [name for _, name in rows])


def _theories(count=60):
    draw = random.Random(6)
    context, question, target = [], [], []
    for _ in range(count):
        wanted = draw.choice(["A", "B", "C"])
        one, two, three = draw.sample(["kind", "big", "red", "cold", "round"], 3)
        context.append(f"Anne is {one}. If someone is {one} then they are {two}.")
        question.append({"A": f"Anne is {two}.", "B": f"Anne is not {two}.", "C": f"Anne is {three}."}[wanted])
        target.append(wanted)
    return _task("theories", "logic", "classification", {"context": context, "question": question}, target)


def _train(name, tasks, steps, *, rate=2e-3):
    spec = models()[name]
    torch.manual_seed(0)
    learner = spec.build(json.loads(json.dumps(spec.blueprint(tasks, None))))
    learner.fit_statistics(tasks, None)
    optimizers = learner.optimizers(rate)
    draw = np.random.default_rng(0)
    learner.train()
    for step in range(steps):
        data = tasks[step % len(tasks)]
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = learner.loss(data, draw.choice(data.rows("train"), 32))
        assert torch.isfinite(loss)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    learner.eval()
    return spec, learner


def _score(learner, data):
    rows = data.rows("test")
    answers = learner.predict(data, rows).answers
    wanted = [data.info.classes[int(data.target[row])] if data.info.classes else str(data.target[row]) for row in rows]
    return float(np.mean([one == two for one, two in zip(answers, wanted, strict=True)]))


CASES = [
    ("concept_models", [_intents], 20, 1.0),
    ("causal_reasoning_engine", [_relations, _causes], 60, 1.0),
    ("math_model", [_problems], 40, 1.0),
    ("logic_model", [_theories], 20, 1.0),
    ("logic_model", [_formulas], 250, 1.0),
]


@pytest.mark.parametrize(("name", "makers", "steps", "least"), CASES, ids=[f"{name}-{makers[0].__name__[1:]}" for name, makers, _, _ in CASES])
def test_a_model_learns_its_tasks_and_answers_alike_when_rebuilt(name, makers, steps, least):
    tasks = [make() for make in makers]
    spec, learner = _train(name, tasks, steps)
    rebuilt = spec.build(json.loads(json.dumps(learner.blueprint)))
    rebuilt.load_state_dict(learner.state_dict())
    rebuilt.eval()
    for data in tasks:
        assert _score(learner, data) >= least
        rows = data.rows("test")
        expected, found = learner.predict(data, rows), rebuilt.predict(_unlabelled(data), rows)
        assert found.answers == expected.answers
        np.testing.assert_allclose(found.confidence, expected.confidence, rtol=1e-4)


def _written(draw, digits, operation):
    a, b = (draw.randint(10 ** (digits - 1), 10**digits - 1) for _ in range(2))
    return f"{a} {operation} {b}", str(a + b if operation == "+" else a - b)


def test_addition_and_subtraction_learned_on_five_digits_are_exact_on_eight_twelve_and_twenty():
    draw = random.Random(8)
    rows = [_written(draw, draw.randint(1, 5), draw.choice("+-")) for _ in range(600)]
    longer = [_written(draw, digits, draw.choice("+-")) for digits in (8, 12, 20) for _ in range(100)]
    data = _task("columns", "math", "generation", {"expression": [text for text, _ in rows]}, [answer for _, answer in rows])
    _, learner = _train("math_model", [data], 300)
    asked = _task("columns", "math", "generation", {"expression": [text for text, _ in longer]}, [answer for _, answer in longer])
    found = learner.predict(_unlabelled(asked), np.arange(len(longer))).answers
    assert np.mean([one == answer for one, (_, answer) in zip(found, longer, strict=True)]) >= 0.99


def test_a_quotient_worked_out_in_one_subtraction_does_not_teach_that_the_difference_is_the_quotient():
    assert lessons("0 / 767", "0") == ((Step(SUBTRACT, 0, 767), -767),)
    assert lessons("3 - 10", "-7") == ((Step(SUBTRACT, 3, 10), -7),)
    assert lessons("3 - 10", "5") == ((Step(SUBTRACT, 3, 10), 5),)


def test_products_quotients_brackets_and_decimals_are_worked_out_by_the_same_columns():
    draw = random.Random(9)
    rows = [_written(draw, draw.randint(1, 5), draw.choice("+-")) for _ in range(300)]
    rows += [(f"{a} * {b}", str(a * b)) for a, b in ((draw.randint(10, 999), draw.randint(10, 99)) for _ in range(300))]
    data = _task("mixed", "math", "generation", {"expression": [text for text, _ in rows]}, [answer for _, answer in rows])
    _, learner = _train("math_model", [data], 250)
    texts = ["2 + 3 * 4", "(2 + 3) * 4", "8642 / 29", "1.5 + 2.75", "-7 - 8", "99999 * 88888", "(12 - 40) * 3"]
    asked = _task("mixed", "math", "generation", {"expression": texts}, ["0"] * len(texts))
    assert learner.predict(_unlabelled(asked), np.arange(len(texts))).answers == ["14", "20", "298", "4.25", "-15", "8888711112", "-84"]


def test_what_is_learned_of_word_problems_in_one_task_serves_another():
    few, many = _problems(12), _problems(300)
    info = TaskInfo(task="others", subject="math", kind="generation", roles=few.info.roles, classes=(), metric="exact_match")
    small = TaskData(info=info, example_ids=few.example_ids, texts=few.texts, media={}, arrays={}, target=few.target, split=few.split)
    _, learner = _train("math_model", [many, small], 60)
    assert learner.trunk.equations.weight.abs().sum() > 0
    assert _score(learner, small) == 1.0


def test_training_is_the_same_twice():
    first, second = (_train("causal_reasoning_engine", [_relations()], 10)[1].state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_choices_are_matched_by_vectors_of_their_own_texts():
    choices, sentences = _causes(40), _relations(60)
    _, together = _train("causal_reasoning_engine", [choices, sentences], 0)
    vectors, tuned = together.trunk.vectors, together.trunk.tuned.weight
    assert not torch.equal(vectors, tuned)
    _, alone = _train("causal_reasoning_engine", [choices], 0)
    assert torch.equal(alone.trunk.vectors, alone.trunk.tuned.weight)


def test_soft_targets_teach_a_class():
    data = _intents()
    _, learner = _train("concept_models", [data], 5)
    rows = data.rows("train")[:4]
    target = torch.full((4, 3), 1 / 3)
    assert torch.isfinite(learner.loss(_unlabelled(data), rows, target))


def test_a_model_answers_what_it_cannot_read_without_failing():
    data = _sums(40)
    _, learner = _train("math_model", [data], 1)
    odd = TaskData(
        info=data.info, example_ids=("0", "1"), texts={"expression": ["what?", "1 / 0"]}, media={}, arrays={}, target=None, split=np.asarray(["test", "test"])
    )
    found = learner.predict(odd, np.arange(2))
    assert found.answers == ["", ""]
    assert found.confidence[0] == 0


@pytest.mark.parametrize("make", [_intents, _relations, _causes, _problems, _sums, _formulas, _theories], ids=lambda make: make.__name__[1:])
def test_every_form_has_a_baseline_scored_on_its_test_side(make):
    data = make()
    name = next(name for name, spec in models().items() if name in NAMES and data.info.subject in spec.subjects)
    found = models()[name].baseline(data)
    assert len(found.predictions) == len(data.rows("test"))
    assert 0 <= found.majority <= 1
    assert 0 <= found.baseline <= 1
    assert found.method


def test_a_task_without_test_rows_has_no_baseline():
    data = _intents(30)
    alone = TaskData(info=data.info, example_ids=data.example_ids, texts=data.texts, media={}, arrays={}, target=data.target, split=np.full(30, "train"))
    assert models()["concept_models"].baseline(alone).baseline is None
