"""Texts as sparse rows, the tables that learn from them, and the vectors of words."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from unified_assets.learners.symbolic_equations import equations
from unified_assets.learners.text_edits import edits
from unified_assets.learners.text_grams import CharGrams, RowBuilder, fit_index, weigh, word_grams
from unified_assets.learners.text_polarity import direction, monotone, polarity
from unified_assets.learners.text_problem import equation_features, read
from unified_assets.learners.text_start import linear_start
from unified_assets.learners.text_tables_torch import RowTable, TableOptimizer
from unified_assets.learners.text_tokens import tokenize


def _rows(*texts):
    builder = RowBuilder()
    for text in texts:
        builder.add(word_grams(text.split()), CharGrams(text))
    return builder.rows()


def test_each_block_of_a_row_has_unit_length_and_unknown_grams_are_left_out():
    sparse = _rows("red apple", "red pear", "unseen words")
    hashes, idf = fit_index(sparse, np.asarray([0, 1]), limit=1000)
    weighed = weigh(sparse, hashes, idf)
    assert len(weighed.offsets) == 4
    values = weighed.values[weighed.offsets[0] : weighed.offsets[1]]
    np.testing.assert_allclose((values**2).sum(), 2.0, rtol=1e-5)
    assert weighed.offsets[3] - weighed.offsets[2] < weighed.offsets[1] - weighed.offsets[0]


def test_the_index_keeps_the_most_frequent_buckets_when_it_is_full():
    sparse = _rows(*["common"] * 3, "rare")
    hashes, _ = fit_index(sparse, np.arange(4), limit=5)
    common, _ = fit_index(sparse, np.arange(3), limit=1000)
    assert len(hashes) == 5
    assert set(hashes) <= set(common)


def test_taking_rows_gives_bags_in_their_order():
    sparse = _rows("a b", "c", "d e")
    weighed = weigh(sparse, *fit_index(sparse, np.arange(3), limit=1000))
    ids, values, offsets = weighed.take(np.asarray([2, 0]))
    assert offsets.tolist() == [0, int(weighed.offsets[3] - weighed.offsets[2])]
    assert len(ids) == len(values)
    np.testing.assert_array_equal(ids[offsets[1] :], weighed.ids[: weighed.offsets[1]])


def test_only_the_rows_that_were_read_are_updated():
    table = RowTable(6, 2)
    optimizer = TableOptimizer([table], lr=0.5)
    out = table(torch.tensor([1, 3]), torch.tensor([0]), torch.ones(2))
    out.sum().backward()
    optimizer.step()
    moved = table.weight.abs().sum(dim=1) > 0
    assert moved.tolist() == [False, True, False, True, False, False]
    torch.testing.assert_close(table.weight[1], torch.full((2,), -0.5))


def test_a_step_that_was_not_taken_leaves_no_trace():
    table = RowTable(4, 1)
    optimizer = TableOptimizer([table], lr=0.5)
    table(torch.tensor([0]), torch.tensor([0]), torch.ones(1)).sum().backward()
    optimizer.zero_grad()
    optimizer.step()
    assert not table.weight.any()
    assert not table.bias.any()


def test_marked_spans_are_found_and_markers_are_no_words():
    tokens = tokenize(["The <e1>heavy rain</e1> caused a <e2>flood</e2>."], np.zeros(0, np.int64))
    assert tokens.length.tolist() == [7]
    assert tokens.spans[0].tolist() == [[1, 2], [5, 5]]


def test_edits_name_the_operator_above_a_change():
    found = set(edits(["no", "delegate", "finished", "the", "report", "on", "time"], ["no", "delegate", "finished", "the", "report"]))
    assert "taken|near=no" in found
    assert "kinds=taken" in found


@pytest.mark.parametrize(
    ("sentence", "word", "sign"),
    [
        ("some dogs chase big cats", "big", 1),
        ("no dogs chase big cats", "big", -1),
        ("every big dog barked at cats", "big", -1),
        ("every dog barked at big cats", "big", 1),
        ("every dog who did not bark chased big cats", "big", -1),
        ("if big dogs bark , cats run", "big", -1),
        ("if dogs bark , big cats run", "big", 1),
        ("he does n't chase no big cats", "big", 1),
        ("a few dogs chase big cats", "big", 1),
        ("few dogs chase big cats", "big", -1),
        ("at most five dogs chase big cats", "big", -1),
    ],
)
def test_an_operator_turns_the_direction_of_what_it_governs(sentence, word, sign):
    words = sentence.split()
    assert polarity(words, words.index(word))[0] == sign


def test_an_alternative_makes_a_phrase_more_general():
    assert direction([], ["red"]) == ("put", 1)
    assert direction([], ["red", "or"]) == ("put or", -1)
    assert direction(["any", "soda"][1:], ["coke"]) == ("swap", 0)


def test_a_more_specific_word_follows_under_a_negation_and_not_without_one():
    assert "vote=1" in set(monotone(["no", "dog", "barked"], ["no", "big", "dog", "barked"]))
    assert "vote=-1" in set(monotone(["some", "dog", "barked"], ["some", "big", "dog", "barked"]))


def test_a_replaced_word_takes_the_part_that_its_context_asks_for():
    assert "general=food" in set(monotone(["tom", "eats", "bread"], ["tom", "eats", "food"]))
    assert "special=food" in set(monotone(["nobody", "eats", "bread"], ["nobody", "eats", "food"]))


def test_the_numbers_of_a_word_problem_know_what_they_count_and_whether_that_is_asked():
    problem = read("Ann had 12 red apples and 5 pears. She ate 3 apples.", "How many apples are left?")
    assert [part.noun for part in problem.parts] == ["red", "pear", "apple"]
    assert [part.asked for part in problem.parts] == [1, 0, 1]
    assert [part.verb for part in problem.parts] == ["had", "had", "ate"]
    assert "left" in problem.cues


def test_a_problem_without_a_question_of_its_own_asks_with_its_last_sentence():
    problem = read("", "Ann had 12 apples. How many are left if she ate 3?")
    assert problem.tokens[problem.asks] == "how"
    equation = next(found for found in equations(list(problem.numbers)) if found.shape == "a-b")
    assert "a-b|cue left" in equation_features(equation, problem, [])[0]


def test_the_setting_of_a_linear_start_is_chosen_without_looking_at_groups_left_out():
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, 200)
    dense = np.stack([target + 0.3 * draw.normal(size=200), draw.normal(size=200)], axis=1).astype(np.float32)
    empty = weigh(_rows(*[""] * 200), np.zeros(0, np.int64), np.zeros(0, np.float32))
    groups = [f"g{place // 2}" for place in range(200)]
    table, side, bias = linear_start(empty, dense, target, np.arange(150), (0, 2), groups=groups)
    assert table.shape == (0, 2)
    answers = (dense @ side.T + bias).argmax(axis=1)
    assert (answers[150:] == target[150:]).mean() > 0.85


ROWS_OF_PAIRS = """
import hashlib
from types import SimpleNamespace
from unified_assets.learners.text_features import pair
texts = {"premise": ["no old dog sees a small cat by the river"] * 2, "hypothesis": ["no old dog sees a large red cat", "every dog sees some cat"]}
class Data(SimpleNamespace):
    def __len__(self):
        return 2
found = pair(Data(texts=texts, info=SimpleNamespace(roles=("premise", "hypothesis"))))
print(hashlib.sha256(found.sparse.hashes.tobytes()).hexdigest())
"""


def test_rows_of_pairs_have_one_order_in_every_process():
    told = {
        subprocess.run([sys.executable, "-c", ROWS_OF_PAIRS], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
