import numpy as np

from unified_assets.quality import candidates


def planes(count, seed=1):
    """Random smooth planes of 32 x 32."""
    coarse = np.random.default_rng(seed).normal(size=(count, 8, 8))
    return np.kron(coarse, np.ones((4, 4))) * 40 + 128


def found(*parts):
    left, right = candidates.pairs(np.concatenate(parts))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def test_noisy_and_scaled_copies_meet_their_originals_and_hardly_anything_else():
    originals = planes(400)
    noisy = 0.6 * originals + 30 + np.random.default_rng(2).normal(0, 6, originals.shape)
    pairs = found(originals, noisy)
    assert {(index, index + 400) for index in range(400)} <= pairs
    assert len(pairs) < 420


def test_a_pair_comes_once_and_never_with_itself():
    originals = planes(50)
    pairs = found(originals, originals, originals)
    assert len(pairs) == 150
    assert all(left < right for left, right in pairs)


def test_nothing_one_plane_and_plain_planes_can_be_asked():
    assert found(planes(0)) == set()
    assert found(planes(1)) == set()
    assert found(np.full((3, 32, 32), 7)) == {(0, 1), (0, 2), (1, 2)}


def test_a_plane_lies_in_the_buckets_its_weakest_bits_lead_to():
    spectra = np.full((1, 63), 5.0)
    spectra[0, [0, 8]] = 0.1, -0.2
    numbers = candidates.buckets(spectra, 0)[0].tolist()
    whole = (1 << candidates.BITS) - 1
    assert sorted(numbers) == sorted(whole ^ flipped for flipped in (0b100, 0b101, 0b000, 0b001))


def test_a_crowd_of_copies_costs_no_more_than_its_neighbours():
    left, right = candidates.pairs(np.repeat(planes(1), 500, axis=0))
    assert len(left) <= 500 * candidates.LIMIT
    assert set(left.tolist()) | set(right.tolist()) == set(range(500))
