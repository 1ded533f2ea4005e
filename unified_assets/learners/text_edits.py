"""Two sentences → what was taken out, put in or replaced between them, and under which operators that happened."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

OPERATORS = frozenset(
    {
        "no", "not", "n't", "never", "none", "nobody", "nothing", "neither", "nor", "few", "little", "less", "fewer", "least", "most", "many",
        "all", "every", "each", "any", "some", "several", "both", "if", "unless", "without", "before", "after", "than", "only", "at", "exactly",
        "either", "refused", "refuse", "failed", "doubt", "deny", "hardly", "rarely", "seldom", "barely", "whoever", "anyone", "anything", "everyone",
        "someone", "two", "three", "four", "five", "ten", "more", "lack", "avoid", "stop", "too", "cannot",
    }
)  # fmt: skip
NEGATIVE = OPERATORS & frozenset(
    {
        "no", "not", "n't", "never", "none", "nobody", "nothing", "neither", "nor", "few", "little", "less", "fewer", "if", "unless", "without",
        "before", "than", "hardly", "rarely", "seldom", "barely", "refused", "refuse", "failed", "doubt", "deny", "whoever", "cannot", "every", "each",
        "all", "any", "anyone", "anything", "lack", "avoid", "stop", "too",
    }
)  # fmt: skip
MOST_WORDS, MOST_CHANGES = 80, 4
FAR = 6  # words between an operator and a change, at most counted
Change = tuple[int, int, int, int]  # [start, end) in the first sentence became [begin, stop) in the second


def changes(first: Sequence[str], second: Sequence[str]) -> list[Change]:
    """The first changes between two token lists, in order."""
    first, second = list(first[:MOST_WORDS]), list(second[:MOST_WORDS])
    found = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return [(start, end, begin, stop) for tag, start, end, begin, stop in found if tag != "equal"][:MOST_CHANGES]


def operators(words: Sequence[str]) -> list[str]:
    """The operators in order; a contracted negation counts as one."""
    plain = ["n't" if word.endswith("n't") else word for word in words]
    return [word for word in plain if word in OPERATORS]


def edits(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Features of each change: its kind by the operators around it, the words to its left, its own words."""
    first, second = list(first[:MOST_WORDS]), list(second[:MOST_WORDS])
    found = changes(first, second)
    kinds = "+".join(kind_of(first[start:end], second[begin:stop]) for start, end, begin, stop in found)
    yield f"kinds={kinds}"
    yield f"kinds={kinds}|{' '.join(operators(first)[:4])}"
    for change in found:
        yield from _change(first, second, change)


def _change(first: Sequence[str], second: Sequence[str], change: Change) -> Iterator[str]:
    start, end, begin, stop = change
    taken, put = first[start:end], second[begin:stop]
    kind = kind_of(taken, put)
    left, everywhere = operators(first[:start]), operators(first)
    near, odd = " ".join(left[-1:]), sum(word in NEGATIVE for word in left) % 2
    yield from (f"{kind}|near={near}", f"{kind}|near={near}|{_gap(first, start)}", f"{kind}|near2={' '.join(left[-2:])}", f"{kind}|left={' '.join(left)}")
    yield from (f"{kind}|all={' '.join(everywhere)}", f"{kind}|first={' '.join(everywhere[:1])}", f"{kind}|odd={odd}")
    yield from (f"{kind}|right={' '.join(operators(first[end:]))}|{near}", f"{kind}|comma={',' in first[:start]}|{near}")
    yield from (f"{kind}|word={word}" for word in dict.fromkeys(first[:start]))  # not a set: its order differs from process to process, and sums with it
    yield from (f"{kind}|before={' '.join(first[max(start - size, 0) : start])}" for size in (1, 2))
    yield f"{kind}|after={' '.join(first[end : end + 1])}"
    for name, words in (("put", put), ("taken", taken)):
        for word in words:
            yield from (f"{kind}|{name}={word}", f"{kind}|{name}={word}|{odd}", f"{kind}|{name}={word}|{near}")
    if kind == "swap":
        yield from (f"swap={taken[-1]}>{put[-1]}", f"swap={taken[-1]}>{put[-1]}|{odd}", f"swap={len(put) - len(taken)}|{near}")
        yield f"grows={(put[-1] in taken) - (taken[-1] in put)}|{odd}"


def _gap(words: Sequence[str], place: int) -> int:
    """Words between the nearest operator to the left and this place."""
    return next((min(gap, FAR) for gap, word in enumerate(reversed(words[:place])) if operators([word])), FAR + 1)


def kind_of(taken: Sequence[str], put: Sequence[str]) -> str:
    """put, taken, longer or shorter (one holds all words of the other) or swap."""
    if not taken or not put:
        return "put" if put else "taken"
    one, two = set(taken), set(put)
    return "longer" if one < two else "shorter" if two < one else "swap"
