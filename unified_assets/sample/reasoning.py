"""A generator → propositional formulas and pairs of sentences, each labelled by checking every case."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from unified_assets.sample.words import Words

Truth = np.ndarray  # (assignments,) bool: the value of a formula, or of a sentence, in every case


@dataclass(frozen=True)
class Operator:
    """A binary connective, as a word and as a sign."""

    word: str
    sign: str
    value: Callable[[Truth, Truth], Truth]


OPERATORS = (
    Operator("and", "&", lambda left, right: left & right),
    Operator("or", "|", lambda left, right: left | right),
    Operator("->", "->", lambda left, right: ~left | right),
    Operator("<->", "<->", lambda left, right: left == right),
)
LABELS = ("contingent", "contradiction", "tautology")


def formulas(words: Words, count: int) -> list[dict[str, str]]:
    """`count` different formulas over two or three of p, q, r, as many of each label as can be."""
    wanted = {label: count // 3 + (index < count % 3) for index, label in enumerate(LABELS)}
    found: dict[str, str] = {}
    while any(wanted.values()):
        names = "pqr"[: words.whole(2, 3)]
        text, truth = _formula(words, names, words.whole(2, 3), worded=words.rng.random() < 0.5)
        label = "tautology" if truth.all() else "contingent" if truth.any() else "contradiction"
        if wanted[label] and text not in found and len(text) > 5:
            found[text] = label
            wanted[label] -= 1
    rows = [{"formula": text, "label": label} for text, label in found.items()]
    return words.some(rows, len(rows))  # so that the rare labels do not stand at the end


def _formula(words: Words, names: str, depth: int, *, worded: bool) -> tuple[str, Truth]:
    if depth == 0 or words.rng.random() < 0.1:
        name = words.one(names)
        return name, _column(names, name)
    if words.rng.random() < 0.25:
        text, truth = _formula(words, names, depth - 1, worded=worded)
        return (f"not {text}" if worded else f"~{text}"), ~truth
    operator = words.one(OPERATORS)
    (left, left_truth), (right, right_truth) = (_formula(words, names, depth - 1, worded=worded) for _ in range(2))
    return f"({left} {operator.word if worded else operator.sign} {right})", operator.value(left_truth, right_truth)


def _column(names: str, name: str) -> Truth:
    return np.array([row[names.index(name)] for row in itertools.product((False, True), repeat=len(names))])


# ---------------------------------------------------------------------------------------------- entailment

PEOPLE = ("farmer", "sailor", "teacher", "singer", "baker", "pilot", "nurse", "painter", "tailor", "guard")
KINDS = ("tall", "young", "old", "quiet", "happy", "foreign", "careful", "rich")
DEEDS = (
    ("sings", "loudly"),
    ("works", "at night"),
    ("travels", "by train"),
    ("reads", "in bed"),
    ("dances", "with joy"),
    ("swims", "in winter"),
    ("cooks", "for guests"),
)


@dataclass(frozen=True)
class Claim:
    """Every | some | no, of all or only of the described ones, doing it or doing it in that way."""

    quantifier: str
    described: bool
    modified: bool

    def text(self, person: str, kind: str, deed: tuple[str, str]) -> str:
        """The claim in words."""
        subject = f"{kind} {person}" if self.described else person
        return f"{self.quantifier.capitalize()} {subject} {deed[0]}{' ' + deed[1] if self.modified else ''}."


CLAIMS = tuple(Claim(*parts) for parts in itertools.product(("every", "some", "no"), (False, True), (False, True)))


@cache
def _worlds() -> dict[Claim, Truth]:
    """The value of each claim in every world: which of the 6 sorts of person (described or not x idle, doing, doing it that way) exist.

    Only worlds in which somebody of the described sort lives: "every" then speaks of somebody.
    """
    sorts = list(itertools.product((False, True), (0, 1, 2)))
    lives = np.array(list(itertools.product((False, True), repeat=len(sorts))))
    lives = lives[lives[:, [described for described, _ in sorts]].any(axis=1)]
    values = {}
    for claim in CLAIMS:
        meant = lives[:, [described or not claim.described for described, _ in sorts]]
        doing = np.array([deed >= (2 if claim.modified else 1) for described, deed in sorts if described or not claim.described])
        some = (meant & doing).any(axis=1)
        values[claim] = {"every": ~(meant & ~doing).any(axis=1), "some": some, "no": ~some}[claim.quantifier]
    return values


def relation(premise: Claim, hypothesis: Claim) -> str:
    """What the premise says about the hypothesis: entailment, contradiction or neutral."""
    given = _worlds()[hypothesis][_worlds()[premise]]
    return "entailment" if given.all() else "neutral" if given.any() else "contradiction"


def entailments(words: Words, count: int) -> list[dict[str, str]]:
    """`count` different pairs of sentences, as many of each label as can be."""
    pairs: dict[str, list[tuple[Claim, Claim]]] = {}
    for premise, hypothesis in itertools.product(CLAIMS, repeat=2):
        changed = (premise.quantifier != hypothesis.quantifier) + (premise.described != hypothesis.described) + (premise.modified != hypothesis.modified)
        if changed == 1:  # one edit, of the quantifier, the subject or the deed
            pairs.setdefault(relation(premise, hypothesis), []).append((premise, hypothesis))
    found: dict[tuple[str, str], str] = {}
    labels = sorted(pairs)
    while len(found) < count:
        label = labels[len(found) % len(labels)]
        premise, hypothesis = words.one(pairs[label])
        filling = (words.one(PEOPLE), words.one(KINDS), words.one(DEEDS))
        found.setdefault((premise.text(*filling), hypothesis.text(*filling)), label)
    rows = [{"premise": premise, "hypothesis": hypothesis, "label": label} for (premise, hypothesis), label in found.items()]
    return words.some(rows, len(rows))
