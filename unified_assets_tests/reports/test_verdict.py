import pytest

from unified_assets.reports.render import _verdict


@pytest.mark.parametrize(
    ("score", "baseline", "test", "said"),
    [
        (0.9, 0.5, 100, "above its baseline"),
        (0.5, 0.9, 100, "below its baseline"),
        (0.52, 0.5, 100, "above its baseline, within its error"),
        (0.48, 0.5, 100, "below its baseline, within its error"),
        (0.5, 0.5, 100, "equal to its baseline"),
        (1.0, 0.9, 20, "above its baseline"),
        (None, 0.9, 20, "not measured"),
        (0.9, None, 20, "not measured"),
    ],
)
def test_a_verdict_says_whether_the_difference_is_more_than_the_error(score, baseline, test, said):
    beats = None if score is None or baseline is None else score >= baseline
    task = {"score": score, "baseline": baseline, "test": test, "metric": "accuracy", "beats_baseline": beats}
    assert _verdict(task) == said


@pytest.mark.parametrize(
    ("interval", "said"),
    [((0.01, 0.2), "above its baseline"), ((-0.01, 0.2), "above its baseline, within its error")],
)
def test_where_the_difference_was_resampled_its_interval_decides(interval, said):
    task = {"score": 0.6, "baseline": 0.5, "test": 10, "metric": "accuracy", "beats_baseline": True, "over_baseline": list(interval)}
    assert _verdict(task) == said
