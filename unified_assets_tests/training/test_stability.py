import pytest

from unified_assets.training.stability import DeviceLost, stable


def test_a_gpu_that_fails_in_a_round_is_told_with_what_to_do_and_not_tried_again():
    calls = []

    def attempt(factor, cuts):
        calls.append((factor, cuts))
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported")

    with pytest.raises(DeviceLost, match=r"round 3 of m: CUDA error: unspecified launch failure CUDA .* `unified-assets train --resume`"):
        stable(attempt, model="m", round_index=3, batch_size=8, log=print)
    assert calls == [(1.0, 1)]


def test_another_error_stays_what_it_is():
    def attempt(_factor, _cuts):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match=r"^a bug$"):
        stable(attempt, model="m", round_index=3, batch_size=8, log=print)
