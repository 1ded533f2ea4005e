"""What text models fit to the train side sees the validation side too, once that has decided all it has to."""

import dataclasses

import numpy as np
import pytest
import torch

from unified_assets.core.contracts import TaskData, TaskInfo
from unified_assets.learners.text_learner_torch import TextLearner
from unified_assets.learners.text_plan import plan

CLASSES = ("cats", "dogs", "birds", "cows")


def task(texts, targets, split):
    info = TaskInfo(task="animals", subject="concept", kind="classification", roles=("text",), classes=CLASSES, metric="accuracy")
    ids = tuple(f"{place:03d}" for place in range(len(texts)))
    target, sides = np.asarray(targets, np.int64), np.asarray(split)
    return TaskData(info=info, example_ids=ids, texts={"text": texts}, media={}, arrays={}, target=target, split=sides, groups=ids)


@pytest.fixture
def animals():
    """Training rows say meow and woof; validation rows, and one test row, purr."""
    train = [f"{('meow', 'woof')[place % 2]} says number{place}" for place in range(24)]
    valid = [f"{('purr', 'woof')[place % 2]} says again{place}" for place in range(12)]
    return task([*train, *valid, "purr"], [place % 2 for place in range(36)] + [0], ["train"] * 24 + ["valid"] * 12 + ["test"])


def learner_of(data):
    torch.manual_seed(1)
    learner = TextLearner(plan([data]))
    learner.fit_statistics([data], None)
    return learner


def refit(learner, data):
    fresh = {name: value.clone() for name, value in learner_of(data).started().items()}
    learner.refit_statistics([data], fresh)


def said(learner, data):
    return learner.predict(data, data.rows("test")).log_probs[0]


def test_words_of_the_validation_side_alone_say_nothing_before_the_refit_and_count_after_it(animals):
    learner = learner_of(animals)
    silent = dataclasses.replace(animals, texts={"text": [*animals.texts["text"][:-1], "unheard"]})
    assert np.array_equal(said(learner, animals), said(learner, silent))
    before = said(learner, animals)[0]
    refit(learner, animals)
    assert said(learner, animals)[0] > before + 0.1
    assert learner.predict(animals, animals.rows("test")).answers == ["cats"]


def test_what_steps_have_taught_the_wide_branch_stays_in_it(animals):
    plain, taught = learner_of(animals), learner_of(animals)
    head = taught.head(animals)
    with torch.no_grad():
        head.wide.weight += 0.25
        head.dense_wide.weight += 0.5
    for learner in (plain, taught):
        refit(learner, animals)
    assert torch.allclose(head.wide.weight, plain.head(animals).wide.weight + 0.25)
    assert torch.allclose(head.dense_wide.weight, plain.head(animals).dense_wide.weight + 0.5)


def test_a_learner_that_is_read_back_after_its_refit_answers_the_same(animals):
    learner = learner_of(animals)
    refit(learner, animals)
    again = TextLearner(plan([animals]))
    again.load_state_dict(learner.state_dict())
    assert np.array_equal(said(again, animals), said(learner, animals))


def test_a_linear_head_that_cross_validation_has_chosen_stays_as_it_is(animals):
    info = dataclasses.replace(animals.info, classes=CLASSES[:2])
    data = dataclasses.replace(animals, info=info)
    learner = learner_of(data)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    refit(learner, data)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())
