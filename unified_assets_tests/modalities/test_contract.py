"""What every modality promises, its own examples run."""

import io
import itertools
from contextlib import suppress

import numpy as np
import pytest

from unified_assets import files
from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile

MODALITIES = plugins.modalities()


@pytest.fixture(params=sorted(MODALITIES))
def modality(request):
    return MODALITIES[request.param]


def test_the_five_are_found():
    assert sorted(MODALITIES) == ["audio", "document", "image", "text", "video"]


def test_no_media_type_has_two_modalities():
    for one, other in itertools.combinations(MODALITIES.values(), 2):
        assert not one.media_types & other.media_types
    for one in MODALITIES.values():
        assert set(one.extensions.values()) <= one.media_types


def test_the_good_example_is_told_probed_and_decoded(modality):
    data, media_type = modality.good()
    found = files.detect(io.BytesIO(data), "")
    assert (found.modality, found.media_type) == (modality.name, media_type)
    assert isinstance(modality.probe(io.BytesIO(data), media_type), dict)
    assert files.decode_bytes(data)[:2] == (modality.name, media_type)


def test_the_bad_example_cannot_be_read(modality):
    data, media_type = modality.bad()
    with pytest.raises(UnreadableFile):
        modality.decode(io.BytesIO(data), media_type)


def test_decoding_twice_gives_the_same(modality):
    data, media_type = modality.good()
    first, second = (modality.decode(io.BytesIO(data), media_type) for _ in range(2))
    for name, value in vars(first).items():
        other = vars(second)[name]
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, other)
        elif name not in {"pages", "sound"}:
            assert value == other


def test_every_cut_of_the_good_example_decodes_or_says_why_not(modality):
    data, media_type = modality.good()
    for length in range(0, len(data), max(1, len(data) // 60)):
        with suppress(UnreadableFile):
            modality.decode(io.BytesIO(data[:length]), media_type)
