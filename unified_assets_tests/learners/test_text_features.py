"""Texts as sparse rows, the tables that learn from them, and the vectors of words."""

import numpy as np
import torch

from unified_assets.learners.text_edits import edits
from unified_assets.learners.text_grams import RowBuilder, char_grams, fit_index, weigh, word_grams
from unified_assets.learners.text_tables_torch import RowTable, TableOptimizer
from unified_assets.learners.text_tokens import tokenize


def _rows(*texts):
    builder = RowBuilder()
    for text in texts:
        builder.add(word_grams(text.split()), char_grams(text))
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
    assert "near=no|taken" in found
    assert "kinds=taken" in found
