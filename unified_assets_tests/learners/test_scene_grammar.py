import random

import numpy as np
import pytest

from unified_assets.learners.image_objects import COLOURS, FIELDS, MOST, SHAPES
from unified_assets.learners.scene_claims import CLAIMS, claims
from unified_assets.learners.scene_grammar import program_of
from unified_assets.learners.scene_things import scene_of
from unified_assets.learners.scene_words import words_of

FILL = {"square": 1.0, "circle": np.pi / 4, "triangle": 0.5}


def drawn(*panels):
    """Things as (colour, shape, left, top, side), in hundredths of their panel."""
    rows = [
        [number, COLOURS.index(colour), SHAPES.index(shape), FILL[shape] * (side / 100) ** 2, (x + side / 2) / 100, (y + side / 2) / 100, 0, 0, 0]
        for number, panel in enumerate(panels)
        for colour, shape, x, y, side in panel
    ]
    out = np.full((MOST, FIELDS), -1, np.float32)
    out[: len(rows)] = rows
    return out


def tower(*colours):
    """Blocks from the ground up."""
    return [(colour, "square", 40, 80 - 21 * place, 20) for place, colour in enumerate(colours)]


TOWERS = drawn(tower("yellow"), tower("black", "yellow", "blue"), tower("blue", "black", "blue"))
BOXES = drawn(
    [("black", "square", 0, 30, 10), ("yellow", "circle", 40, 40, 30)],
    [("blue", "triangle", 80, 80, 20), ("blue", "square", 20, 20, 20), ("black", "circle", 30, 60, 10)],
    [("yellow", "square", 45, 45, 10)],
)


@pytest.mark.parametrize(
    ("sentence", "scene", "holds"),
    [
        ("There is a tower with exactly three blocks.", TOWERS, True),
        ("There is exactly one tower with three blocks", TOWERS, False),
        ("There are 2 towers with a blue block at the top", TOWERS, True),
        ("All 3 towers have at least 1 yellow block", TOWERS, False),
        ("The top of the three blocks towers is blue.", TOWERS, True),
        ("There is a yellow block as the base of a tower with at least two blocks.", TOWERS, False),
        ("There is a yellow block above a black block.", TOWERS, True),
        ("There is no yellow block on a blue block", TOWERS, True),
        ("There is a tower with a black block over a blue block", TOWERS, True),
        ("there are two towers with the same height", TOWERS, True),
        ("There is a tower that the second block from the base is yellow.", TOWERS, True),
        ("One tower has a yelow base", TOWERS, True),
        ("There is only one tower which has blocks of 2 different colors", TOWERS, True),
        ("There is a black tower", TOWERS, False),
        ("There is a black square touching the wall", BOXES, True),
        ("there is exactly one yellow object touching the edge", BOXES, False),
        ("There is a triangle closely touching a corner of a box", BOXES, True),
        ("There is a blue item closely touching right wall of a box.", BOXES, True),
        ("There is 1 box with only yellow items", BOXES, True),
        ("There is a box with items of only black and blue color.", BOXES, True),
        ("one of the grey square contains exactly three objects", BOXES, True),
        ("atleast one black circle is not touching the edge", BOXES, True),
        ("ll blue items are in the same box.", BOXES, True),
        ("Each box has at least 1 black item", BOXES, False),
        ("There are 2 black items and at least one small circle", BOXES, True),
        ("There is a box with a blue triangle and no yellow squares.", BOXES, True),
        ("There is a small blue square", BOXES, False),
        ("There is only one color touching the bottom", BOXES, True),
    ],
)
def test_a_sentence_is_true_of_the_scenes_it_describes_and_of_no_other(sentence, scene, holds):
    program = program_of(sentence)
    assert program.covered == 1
    assert program.claim(scene_of(scene), True) is holds


def test_a_bare_number_may_mean_exactly_or_at_least():
    program = program_of("There are 2 blue blocks")  # there are three
    assert (program.claim(scene_of(TOWERS), False), program.claim(scene_of(TOWERS), True)) == (True, False)


def test_words_are_told_by_their_meaning_also_when_misspelt():
    assert words_of("Ther are tree grey boxes with a yelow cirlce") == words_of("there are three boxes with a yellow circle")


def test_a_state_of_a_claim_is_one_of_nine_and_says_how_much_was_understood():
    sentences = ["There are 2 blue blocks", "There is a blue block, said the man in the moon", "Buy milk tomorrow", ""]
    states = claims(sentences, np.stack([TOWERS] * 4))
    assert states.shape == (4, CLAIMS)
    assert states.argmax(axis=1).tolist() == [7, 4, 0, 0]
    assert claims(["There are 2 blue blocks"], np.full((1, MOST, FIELDS), -1, np.float32)).argmax() == 0  # a photograph has no things


def test_any_words_in_any_order_are_read_to_an_end():
    words = [*words_of("there is only one black tower with at least two small blocks or a circle on top of the base of all"), "zebra", ",", "NO"]
    chooser = random.Random(1)
    for _ in range(300):
        program = program_of(" ".join(chooser.choice(words).lower() for _ in range(40)))
        if program is not None:
            assert 0 <= program.covered <= 1
            assert program.claim(scene_of(BOXES), True) in {True, False}
    assert program_of("there is a block " + "as the base of a tower with a block " * 4).covered == 1
    assert program_of("block " * 41) is None
