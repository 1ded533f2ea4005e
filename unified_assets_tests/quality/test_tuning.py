import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.quality import tuning


def test_a_threshold_replaces_that_of_the_check_and_a_disabled_check_is_gone():
    found = tuning.read("unified.yaml", {"checks": {"blurry": {"threshold": 0.7}, "too_small": {"enabled": False}, "near_duplicate": {"enabled": False}}})
    checks = found.checks()
    assert (checks["blurry"].threshold, "too_small" in checks, found.compares("near_duplicate"), found.compares("duplicate")) == (0.7, False, False, True)
    assert set(tuning.Tuning().checks()) - set(checks) == {"too_small"}


@pytest.mark.parametrize(
    ("checks", "field"),
    [
        ([1], "checks"),
        ({"blury": {"threshold": 1}}, "checks.blury"),
        ({"blurry": 0.7}, "checks.blurry"),
        ({"blurry": {"treshold": 0.7}}, "checks.blurry.treshold"),
        ({"blurry": {"threshold": "high"}}, "checks.blurry.threshold"),
        ({"blurry": {"threshold": True}}, "checks.blurry.threshold"),
        ({"blurry": {"threshold": float("nan")}}, "checks.blurry.threshold"),
        ({"blurry": {"enabled": "no"}}, "checks.blurry.enabled"),
        ({"duplicate": {"threshold": 3}}, "checks.duplicate.threshold"),
    ],
)
def test_a_bad_entry_is_refused_with_its_field(checks, field):
    with pytest.raises(InvalidSetting) as caught:
        tuning.read("unified.yaml", {"checks": checks})
    assert caught.value.field == field
    assert caught.value.source == "unified.yaml"


def test_a_bad_threshold_is_answered_with_the_unit_and_the_default():
    with pytest.raises(InvalidSetting, match="Give it in px; it is 32 by default"):
        tuning.read("unified.yaml", {"checks": {"too_small": {"threshold": None}}})
