import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.presets import Preset, parse_preset
from unified_assets.training.ablation import encoder_effect, summary, variants

ALL = ("teaching", "vectors")
EVERY = (*ALL, "encoders")


def names(exchange, concerns, seeds=2):
    return [variant.name for variant in variants(Preset(seed=7, exchange=exchange, ablation_seeds=seeds), concerns)]


def test_a_model_is_trained_without_with_each_and_with_all_over_the_seeds():
    every = ["alone-7", "teaching-7", "vectors-7", "alone-8", "teaching-8", "vectors-8", "teaching-vectors-8"]
    assert names(ALL, set(ALL)) == every


def test_what_does_not_concern_a_model_is_not_tried_but_peers_are_never_left_waiting():
    assert names(ALL, {"vectors"}) == ["alone-7", "alone-8", "vectors-8"]
    assert names(ALL, {"teaching"}) == ["alone-7", "teaching-7", "alone-8", "teaching-8", "teaching-vectors-8"]
    assert names(EVERY, {"encoders"}) == ["alone-7", "encoders-7", "alone-8", "encoders-8", "teaching-vectors-encoders-8"]
    assert names(ALL, set()) == ["alone-8"]
    assert names(("vectors",), {"vectors"}) == ["alone-7", "alone-8", "vectors-8"]


def test_nothing_is_tried_without_seeds_and_a_single_channel_is_all_of_them():
    assert names(ALL, set(ALL), seeds=0) == []
    assert names((), set(ALL), seeds=3) == ["alone-8", "alone-9"]


def test_summary_has_mean_spread_and_gain_over_the_same_seeds():
    trained = [
        {"channels": [], "seed": 7, "score": 0.5},
        {"channels": [], "seed": 8, "score": 0.7},
        {"channels": ["vectors"], "seed": 7, "score": 0.75},
        {"channels": ["vectors"], "seed": 9, "score": 0.25},
        {"channels": ["teaching"], "seed": 7, "score": None},
    ]
    assert summary(trained) == [
        {"channels": "none", "seeds": 2, "mean": pytest.approx(0.6), "spread": pytest.approx(0.02**0.5), "gain": None},
        {"channels": "vectors", "seeds": 2, "mean": 0.5, "spread": pytest.approx(0.125**0.5), "gain": 0.25},
    ]
    assert summary([]) == []


def test_a_model_beside_an_encoder_is_trained_without_it_too_from_every_seed_and_without_exchange():
    found = variants(Preset(seed=7, exchange=("vectors",), ablation_seeds=2), {"vectors"}, encoder=True)
    assert [variant.name for variant in found] == ["alone-7", "alone-8", "vectors-8", "alone-no-encoder-7", "alone-no-encoder-8"]
    assert [(variant.channels, variant.encoder) for variant in found[-2:]] == [((), False), ((), False)]
    assert variants(Preset(ablation_seeds=0), {"vectors"}, encoder=True) == []


def test_what_an_encoder_gave_is_the_mean_over_seeds_that_were_trained_with_and_without_it():
    trained = [
        {"channels": [], "encoder": True, "seed": 7, "score": 0.75},
        {"channels": [], "encoder": True, "seed": 8, "score": 1.0},
        {"channels": [], "encoder": False, "seed": 7, "score": 0.5},
        {"channels": [], "encoder": False, "seed": 8, "score": 0.5},
        {"channels": [], "encoder": False, "seed": 9, "score": 0.0},
        {"channels": ["vectors"], "encoder": True, "seed": 7, "score": 0.875},
    ]
    assert encoder_effect(trained) == {"seeds": 2, "without": 0.5, "with": 0.875, "gain": 0.375}
    assert [(row["channels"], row["mean"], row["gain"]) for row in summary(trained)] == [("none", 0.875, None), ("vectors", 0.875, 0.125)]
    assert encoder_effect([part for part in trained if part["encoder"]]) is None
    assert encoder_effect([{"channels": [], "encoder": False, "seed": 7, "score": 0.5}]) is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (True, EVERY),
        (False, ()),
        (["vectors", "teaching"], ALL),
        (["encoders", "vectors", "teaching"], EVERY),
        (["vectors"], ("vectors",)),
        ([], ()),
        (("teaching", "teaching"), ("teaching",)),
    ],
)
def test_exchange_is_a_list_of_channels_in_a_fixed_order_or_all_or_none(given, meant):
    assert parse_preset({"exchange": given}, source="test").exchange == meant


@pytest.mark.parametrize("given", [["vectors", "telepathy"], "vectors", 3, None, [["vectors"]]])
def test_another_channel_is_refused_with_the_field(given):
    with pytest.raises(InvalidSetting, match="exchange"):
        parse_preset({"exchange": given}, source="test")
