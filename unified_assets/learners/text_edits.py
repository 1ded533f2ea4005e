"""Two sentences → what was taken out, put in or replaced between them, and under which operators that happened."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

OPERATORS = frozenset(
    {
        "no", "not", "n't", "never", "none", "nobody", "nothing", "neither", "nor", "few", "little", "less", "fewer", "least", "most", "many",
        "all", "every", "each", "any", "some", "several", "both", "if", "unless", "without", "before", "after", "than", "only", "at", "exactly",
        "either", "refused", "failed", "doubt", "deny", "hardly", "rarely", "seldom", "barely", "whoever", "anyone", "everyone", "someone", "two",
        "three", "four", "five", "ten", "more",
    }
)  # fmt: skip
MOST_WORDS = 80


def edits(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Features of each change: its type, its words, the words and operators to its left in the first sentence."""
    first, second = list(first[:MOST_WORDS]), list(second[:MOST_WORDS])
    changes = [change for change in SequenceMatcher(None, first, second, autojunk=False).get_opcodes() if change[0] != "equal"]
    kinds = "+".join(_kind(first[a:b], second[c:d]) for _, a, b, c, d in changes[:4])
    yield f"kinds={kinds}"
    operators = [word for word in first if word in OPERATORS]
    yield f"ops={' '.join(operators[:5])}"
    yield f"ops={' '.join(operators[:5])}|{kinds}"
    for word in set(first):
        yield f"in={word}|{kinds}"
    for _, start, end, begin, stop in changes[:4]:
        yield from _change(first, second, (start, end, begin, stop))


def _change(first: Sequence[str], second: Sequence[str], span: tuple[int, int, int, int]) -> Iterator[str]:
    start, end, begin, stop = span
    taken, put = first[start:end], second[begin:stop]
    kind = _kind(taken, put)
    left = [word for word in first[:start] if word in OPERATORS]
    yield f"near={' '.join(left[-1:])}|{kind}"
    yield f"near2={' '.join(left[-2:])}|{kind}"
    yield f"left={' '.join(left)}|{kind}"
    yield f"first={first[0] if first else ''}|{kind}"
    yield f"before={' '.join(first[max(start - 1, 0) : start])}|{kind}"
    for word in set(first[:start]):
        yield f"leftword={word}|{kind}"
    for word in taken:
        yield f"taken={word}"
        yield f"taken={word}|{' '.join(left[-1:])}"
    for word in put:
        yield f"put={word}"
        yield f"put={word}|{' '.join(left[-1:])}"
    yield f"swap={' '.join(taken)}>{' '.join(put)}"
    if taken[-1:] and put[-1:]:
        yield f"heads={taken[-1]}>{put[-1]}"
        yield f"grows={len(put) > len(taken)}|{put[-1] in taken or taken[-1] in put}|{' '.join(left[-1:])}"


def _kind(taken: Sequence[str], put: Sequence[str]) -> str:
    if not taken or not put:
        return "put" if put else "taken"
    one, two = set(taken), set(put)
    return "longer" if one < two else "shorter" if two < one else "swap"
