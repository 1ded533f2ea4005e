"""A word problem → its numbers with the parts they play in the text, and features of every candidate equation over them.

What tells the operation is how the question is worded, what is counted by each number and whether the question asks for it,
and the verb beside each number; the features join these, so that they hold for nouns and verbs never met together.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from unified_assets.learners.symbolic_equations import Equation, Quantity, quantities, tokens
from unified_assets.learners.symbolic_rules import singular
from unified_assets.learners.text_overlap import STOP

PLAIN = STOP | {"how", "many", "much", "more", "less", "than", "each", "every", "per", "all", "total", "altogether", "if", "which", "what", "were", "some"}
VERBS = frozenset(
    {
        "ate", "had", "has", "have", "gave", "got", "bought", "sold", "took", "left", "lost", "made", "found", "spent", "put", "brought", "saw", "went",
        "broke", "cut", "grew", "built", "read", "won", "paid", "threw", "caught", "wrote", "hid", "kept", "sent", "gets", "eat", "buy", "sell", "need",
        "needs", "want", "wants", "does", "did", "contains", "holds", "is", "are", "was", "were", "be", "make", "buys", "give", "costs", "cost", "fit",
        "earn", "earns", "share", "split",
    }
)  # fmt: skip
AUXILIARIES = frozenset({"did", "does", "is", "are", "was", "were", "be"})
CUES = {
    "more": r"how (?:many|much) more|\bmore\b.*\bthan\b",
    "fewer": r"how (?:many|much) (?:less|fewer)|\bless\b|\bfewer\b",
    "than": r"\bthan\b",
    "total": r"altogether|in all|in total|total|combined|together|\ball\b|overall|\bsum\b",
    "left": r"\bleft\b|remain|still|\bover\b",
    "each": r"\beach\b|\bevery\b|\bper\b|evenly|equally|apiece",
    "begin": r"\bstart|begin|initial|originally|at first|before|in the beginning",
    "now": r"\bnow\b|\bend\b",
    "need": r"\bneed|\bmust|require|should",
    "did": r"\bdid\b",
    "would": r"\bwould|\bwill\b|\bcould\b|\bcan\b",
    "have": r"\bhave\b|\bhas\b|\bhad\b",
    "there": r"\bthere\b",
    "much": r"how much",
    "groups": r"groups?|bags?|box|boxes|packs?|teams?|sets?|rows?|days?|weeks?|hours?|times?",
    "larger": r"bigger|larger|difference|taller|longer|heavier",
}
COMPILED = {name: re.compile(pattern) for name, pattern in CUES.items()}
OF_THE_STORY = ("each", "more", "total", "left", "begin", "fewer", "than")  # cues that matter outside of the question too
TIME_CUES = frozenset({"left", "begin", "total", "more", "fewer", "now"})
TOTAL = frozenset({"total", "all", "altogether", "together"})
EARLIER = frozenset({"initially", "first", "started", "beginning", "originally", "before", "previously", "yesterday"})
REST = frozenset({"left", "remaining", "remain", "remained"})
RATE = frozenset({"each", "every", "per"})
MOST_ASKED, PAIRED = 12, 7
UNIT_ENDS = frozenset({".", ",", "?", "and", "than", "if", "but"})


@dataclass(frozen=True)
class Part:
    """What a number counts (`unit`), how much the question asks for that, and the words around it."""

    unit: tuple[str, ...]
    asked: int  # words of the unit that the question asks for
    echoed: int  # words after the number that stand in the question, at most 2
    verb: str
    same_verb: bool
    subject: str
    same_subject: bool
    rate: bool
    more: str
    than: bool
    in_question: bool
    sentence: int
    tense: str

    @property
    def noun(self) -> str:
        """The first word of the unit."""
        return self.unit[0] if self.unit else "-"


@dataclass(frozen=True)
class Problem:
    """A word problem taken apart; `asks` is the token where its question proper begins."""

    tokens: tuple[str, ...]
    numbers: tuple[Quantity, ...]
    parts: tuple[Part, ...]
    asks: int
    cues: tuple[str, ...]
    story: tuple[str, ...]


def read(context: str, question: str) -> Problem:
    """Take a problem apart; where there is no context, its last sentence is the question."""
    told = tokens(context)
    words = told + tokens(question)
    begin = len(told) if 0 < len(told) < len(words) else _last_sentence(words)
    asks = next((place for place in range(len(words) - 2, begin - 1, -1) if words[place] == "how"), begin)
    asked, story = " ".join(words[asks:]), " ".join(words[:asks])
    numbers = quantities(words)
    return Problem(
        tokens=tuple(words),
        numbers=tuple(numbers),
        parts=tuple(_part(words, number.place, asks) for number in numbers),
        asks=asks,
        cues=tuple(name for name, pattern in COMPILED.items() if pattern.search(asked)),
        story=tuple(name for name in OF_THE_STORY if COMPILED[name].search(story)),
    )


def _last_sentence(words: Sequence[str]) -> int:
    stops = [place for place, word in enumerate(words[:-1]) if word in {".", ",", "?"}]
    return stops[-1] + 1 if stops else 0


def _is_verb(word: str) -> bool:
    return word in VERBS or (word.endswith("ed") and len(word) > 3) or (word.endswith("ing") and len(word) > 5)


def _content(words: Sequence[str]) -> list[str]:
    return [singular(word) for word in words if word.isalpha() and word not in PLAIN]


def _part(words: Sequence[str], place: int, asks: int) -> Part:
    wanted = _content([word for word in words[asks + 2 : asks + 6] if not _is_verb(word)])[:2]
    asked = set(_content(words[asks:]))
    verbs = {word for word in words[asks:] if _is_verb(word)} - AUXILIARIES
    following = words[place + 1 : place + 6]
    end = next((index for index, word in enumerate(following) if word in UNIT_ENDS or word[0].isdigit()), len(following))
    after = _content(following[:end])
    start = max((index for index in range(place) if words[index] in {".", "?"}), default=-1)
    stop = next((index for index in range(place, len(words)) if words[index] in {".", "?"}), len(words))
    sentence = words[start + 1 : stop]
    subject = next(iter(_content(sentence)), "-")
    verb = next((words[index] for index in range(place - 1, max(place - 9, -1), -1) if _is_verb(words[index])), "-")
    near = {*words[max(place - 3, 0) : place], *following[:3]}
    return Part(
        unit=tuple(after[:2]),
        asked=len(set(after[:2]) & set(wanted)),
        echoed=min(len(set(after) & asked), 2),
        verb=verb,
        same_verb=verb in verbs,
        subject=subject,
        same_subject=subject in asked,
        rate=bool(RATE & set(following)) or "each" in near,
        more="more" if "more" in following[:3] else "less" if {"less", "fewer"} & set(following[:3]) else "",
        than="than" in following,
        in_question=place >= asks,
        sentence=start,
        tense="".join(letter for letter, known in zip("tbl", (TOTAL, EARLIER, REST), strict=True) if known & set(sentence)),
    )


def equation_features(equation: Equation, problem: Problem, asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """(features of the form and the question, features of the numbers used and left); `asked` are n-grams of the question."""
    shape, parts = equation.shape, problem.parts
    used = [parts[place] for place in equation.arguments]
    unused = [part for place, part in enumerate(parts) if place not in equation.arguments]
    return list(_form(equation, problem, asked)), [*_used(shape, used, problem.cues), *_between(equation, used, problem), *_unused(shape, used, unused)]


def asked_grams(problem: Problem) -> list[str]:
    """The first words and pairs of the question, numbers left out."""
    asked = [word for word in problem.tokens[problem.asks :] if not word[0].isdigit()][:MOST_ASKED]
    return [*asked, *(f"{one} {two}" for one, two in pairwise(asked[:PAIRED]))]


def _form(equation: Equation, problem: Problem, asked: Sequence[str]) -> Iterator[str]:
    shape, value, count = equation.shape, equation.value, len(problem.numbers)
    values = [number.value for number in problem.numbers]
    ordered, whole = f"{shape}{equation.arguments}", value.is_integer()
    yield from (shape, f"{shape} of {count}", f"{ordered} of {count}", f"{shape}|{'+'.join(problem.cues)}", f"{ordered}|{'+'.join(problem.cues)}")
    yield from (f"{shape}|cue {cue}" for cue in problem.cues)
    yield from (f"{shape}|story {cue}" for cue in problem.story)
    yield from (f"{shape}|{cue}|{other}" for cue in problem.cues for other in problem.story)
    yield from (f"{shape}|whole {whole}", f"whole {whole}", f"zero {value == 0}", f"known {value in values}")
    yield f"{shape}|largest {value > max(values[place] for place in equation.arguments)}"
    yield from (f"{shape}|asked {gram}" for gram in asked)


def _used(shape: str, used: Sequence[Part], cues: Sequence[str]) -> Iterator[str]:
    times = "+".join(cue for cue in cues if cue in TIME_CUES)
    for letter, part in zip("abc", used, strict=False):
        name = f"{shape} {letter}"
        yield from (f"{name} verb {part.verb}", f"{name} verb {part.verb}|{times}", f"{name} unit {part.noun}", f"{name} rate {part.rate}")
        yield from (f"{name} rate {part.rate}|{'each' in cues}", f"{name} more {part.more}|{part.than}", f"{name} same verb {part.same_verb}")
        yield from (f"{name} same subject {part.same_subject}", f"{name} in question {part.in_question}", f"{name} tense {part.tense}")
        yield from (f"{name} more {part.more}|cue {cue}" for cue in cues)
        yield from (f"{name} tense {part.tense}|cue {cue}" for cue in cues)


def _between(equation: Equation, used: Sequence[Part], problem: Problem) -> Iterator[str]:
    shape, cues, joined = equation.shape, problem.cues, "+".join(problem.cues)
    asked = "".join(str(part.asked) for part in used)
    yield from (f"{shape}|asked {asked}", f"{shape}|echoed {''.join(str(part.echoed) for part in used)}", f"{shape}|asked {asked}|{joined}")
    yield from (f"{shape}|asked {asked}|cue {cue}" for cue in cues)
    if len(used) < 2:
        return
    one, two = used[:2]
    first, second = (problem.numbers[place].value for place in equation.arguments[:2])
    same_unit, same_verb = one.noun == two.noun, one.verb == two.verb
    yield from (f"{shape}|unit {same_unit}", f"{shape}|units {bool(set(one.unit) & set(two.unit))}|{joined}", f"{shape}|verb {same_verb}")
    yield from (f"{shape}|verb {same_verb}|{joined}", f"{shape}|subject {one.subject == two.subject}|{joined}", f"{shape}|verbs {one.verb} {two.verb}")
    yield from (f"{shape}|sentence {one.sentence == two.sentence}", f"{shape}|order {first > second}", f"{shape}|order {first > second}|{joined}")
    yield from (f"{shape}|unit {same_unit}|cue {cue}" for cue in cues)
    yield from (f"{shape}|verb {same_verb}|cue {cue}" for cue in cues)


def _unused(shape: str, used: Sequence[Part], unused: Sequence[Part]) -> Iterator[str]:
    for part in unused:
        match = f"{part.asked}{part.echoed}"
        yield from (f"left {match}", f"{shape}|left {match}", f"{shape}|left {part.more}{part.rate}", f"left in question {part.in_question}")
    if unused:
        yield f"better left {max(part.echoed for part in unused) > min(part.echoed for part in used)}"


def numbers_of(equation: Equation, problem: Problem) -> Mapping[str, float]:
    """Numeric features: whether the value is whole, its size, and how much of the text it uses."""
    values = [number.value for number in problem.numbers]
    return {
        "whole": float(equation.value.is_integer()),
        "zero": float(equation.value == 0),
        "largest": float(equation.value > max(values[place] for place in equation.arguments)),
        "known": float(equation.value in values),
        "used": len(equation.arguments) / max(len(values), 1),
    }
