"""Two sentences → whether each change between them goes with or against the context it stands in (monotonicity).

A change that makes a phrase more general follows in an upward context and one that makes it more specific in a downward one
(van Benthem 1986); `no`, `few`, the first argument of `every`, the if-clause and the like turn the direction around.
"""

from collections.abc import Iterator, Sequence

from unified_assets.learners.text_edits import changes, kind_of

DETERMINERS = frozenset({"any", "some", "a", "an", "the", "one", "ever", "even", "both", "either"})
REVERSING = frozenset(
    {
        "no", "not", "n't", "never", "none", "nobody", "nothing", "neither", "nor", "few", "little", "less", "fewer", "without", "hardly", "rarely",
        "seldom", "barely", "scarcely", "refuse", "refuses", "refused", "fail", "fails", "failed", "doubt", "doubts", "doubted", "deny", "denies",
        "denied", "cannot", "lack", "lacks", "lacked", "avoid", "avoids", "avoided", "forgot", "stop", "stopped", "impossible", "useless", "unlikely",
        "too", "prevent", "prevents", "prevented", "unless", "before", "only", "except", "anything", "everything", "whatever", "whenever",
    }
)  # fmt: skip
SELF_RESTRICTED = frozenset({"whoever", "anyone", "everyone", "everybody", "anybody"})  # hold their noun themselves
UNIVERSAL = frozenset({"every", "each", "all", "any"}) | SELF_RESTRICTED
RELATIVE = frozenset({"who", "that", "which", "whom"})
COMPARED = frozenset({"more", "less", "fewer"})
VERBS = frozenset(
    {
        "is", "are", "was", "were", "has", "have", "had", "will", "can", "does", "did", "do", "would", "could", "should", "must", "may", "might",
        "ate", "drank", "read", "threw", "ran", "wore", "took", "went", "saw", "bought", "sold", "paid", "spent", "built", "made", "got", "gave",
        "left", "met", "won", "lost", "came", "swam", "fell", "sang", "caught", "chose", "knows", "likes", "wants", "needs", "loves",
    }
)  # fmt: skip


def monotone(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Features of each change: its direction in its context, and its words by the part they play there."""
    votes = []
    for start, end, begin, stop in changes(first, second):
        taken, put = trimmed(first[start:end]), trimmed(second[begin:stop])
        kind, grows = direction(taken, put)
        sign, near = polarity(first, start)
        vote = -grows * sign  # 1: follows, -1: does not, 0: the words decide
        votes.append(vote)
        yield from (f"vote={vote}", f"vote={vote}|{near}", f"vote={vote}|{kind}", f"vote={vote}|{kind}|{near}", f"{kind}|{sign}")
        if kind == "same":
            yield f"same={' '.join(first[start:end])}>{' '.join(second[begin:stop])}"
        elif grows:
            yield from (f"{vote}:{word}" for word in (*taken, *put))
        else:
            yield from _replaced(*((put, taken) if sign > 0 else (taken, put)))
    yield f"votes={','.join(map(str, sorted(votes)))}"
    yield f"range={min(votes, default=1)}|{max(votes, default=1)}"


def _replaced(general: Sequence[str], special: Sequence[str]) -> Iterator[str]:
    """Words by the part they have to play if the second sentence is to follow."""
    yield from (f"general={word}" for word in general)
    yield from (f"special={word}" for word in special)
    if general and special:
        wide, narrow = general[-1], special[-1]
        yield from (f"heads={wide}<{narrow}", f"wide={wide}", f"narrow={narrow}", f"phrases={' '.join(general)}<{' '.join(special)}")
        yield f"longer={(len(wide) > len(narrow)) - (len(wide) < len(narrow))}"
        yield f"inside={(wide in special) - (narrow in general)}"
        yield f"ending={narrow.endswith(wide)}|{wide.endswith(narrow)}"


def trimmed(words: Sequence[str]) -> list[str]:
    """A phrase without determiners at its start."""
    start = next((place for place, word in enumerate(words) if word not in DETERMINERS), len(words))
    return list(words[start:])


def direction(taken: Sequence[str], put: Sequence[str]) -> tuple[str, int]:
    """(kind, 1 where the phrase becomes more specific, -1 more general, 0 not told by its form); an alternative (`or`) makes it general."""
    if not taken and not put:
        return "same", 0
    kind = kind_of(taken, put)
    grows = {"put": 1, "longer": 1, "taken": -1, "shorter": -1}.get(kind, 0)
    if ("or" in put) != ("or" in taken):
        return f"{kind} or", -grows if grows else (-1 if "or" in put else 1)
    return kind, grows


def polarity(words: Sequence[str], place: int) -> tuple[int, str]:
    """(1 upward or -1 downward, the nearest operator to the left or "-") of the context of words[place]."""
    sign, near = 1, "-"
    for index in range(min(place, len(words))):
        word = "n't" if words[index].endswith("n't") else words[index]
        before = words[index - 1] if index else ""
        if word == "any" and sign < 0:
            near = word  # under a negation it is no universal
            continue
        if _reverses(words, index, word, before, place):
            sign = -sign
        if word in REVERSING or word in UNIVERSAL or word in {"than", "most", "if", "least", "many", "several"}:
            near = word
    return sign, near


def _reverses(words: Sequence[str], index: int, word: str, before: str, place: int) -> bool:
    if word in {"few", "little"}:
        return before not in {"a", "quite"}
    if word == "than":
        return before not in COMPARED
    if word == "most":
        return before == "at"
    if word == "if":
        return not any(part in {",", "then"} for part in words[index + 1 : place])
    if word in UNIVERSAL:
        return _in_restrictor(words, index, word, place)
    return word in REVERSING


def _in_restrictor(words: Sequence[str], index: int, word: str, place: int) -> bool:
    """Whether words[place] still stands in what the universal quantifier at `index` ranges over: before the main verb."""
    clauses = 1 if word == "whoever" else 0
    for part in words[index + (1 if word in SELF_RESTRICTED else 2) : place]:
        if part in RELATIVE:
            clauses += 1
        elif part in VERBS or (part.endswith("ed") and len(part) > 4) or part.endswith("n't"):
            if clauses == 0:
                return False
            clauses -= 1
    return True
