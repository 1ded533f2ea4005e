import numpy as np

from unified_assets.quality import texts

WORDS = [f"{first}{second}{third}" for first in ("ka", "lo", "mi", "ne", "pu") for second in ("r", "st", "nd", "l") for third in ("a", "en", "is", "o", "um")]


def article(seed, words=600):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 12)).capitalize() + "." for _ in range(words // 12)]


def groups(*listed):
    return texts.near_duplicates([texts.signature(text.lower().split()) for text in listed])


def test_a_revision_is_a_near_duplicate_and_another_article_is_not():
    for seed in range(10):
        first = article(seed)
        revised = [*first[:5], "This sentence is new here.", *first[7:], "And so is this one."]
        assert groups("\n".join(first), "\n".join(article(seed + 100)), "\r\n  ".join(revised).upper()) == [[0, 2]]


def test_texts_without_spaces_are_compared_as_well():
    rng = np.random.default_rng(2)
    text, other = ("".join(chr(0x4E00 + int(value)) for value in rng.integers(0, 2000, 300)) for _ in range(2))
    assert groups(text, other, text[:140] + "另外" + text[143:]) == [[0, 2]]


def test_of_a_short_text_nothing_is_said():
    assert texts.signature(["a", "cat", "sat"]) is None
    assert texts.signature([]) is None
    assert groups("\n".join(article(1))) == []
