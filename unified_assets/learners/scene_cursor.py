"""Words of a sentence about a scene in; quantities out, read from left to right: the cursor that the grammar moves."""

from collections.abc import Sequence
from dataclasses import dataclass

from unified_assets.learners.image_objects import COLOURS

FILLERS = frozenset({"than", "there", "is", "are", "the", "that", "which", "it", "in", "to", "by", ",", "who", "t"})
OPENING = frozenset({"the", "at", "there", "is", "are"})  # words before a quantity that say nothing of it
BOUNDS = {"least": ">=", "most": "<=", "exactly": "=="}
COMPARED = {"more": ">", "less": "<", "fewer": "<"}
ARTICLES = frozenset({"a", "an", "another"})
VAGUE = frozenset({"multiple", "several", "many", "some"})


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """How many: `op` is one of >= <= == > < all, or bare for a number that may mean exactly or at least."""

    op: str
    number: int = 1
    only: bool = False

    def holds(self, count: int, total: int, strict: bool) -> bool:
        """Whether so many of so many will do."""
        if self.op == "all":
            return total > 0 and count == total
        op = ("==" if strict else ">=") if self.op == "bare" else self.op
        return {">=": count >= self.number, "<=": count <= self.number, "==": count == self.number, ">": count > self.number, "<": count < self.number}[op]


@dataclass
class _Said:
    """What was read of a quantity so far."""

    op: str = ""
    number: int | None = None
    only: bool = False
    seen: bool = False


@dataclass(kw_only=True)
class Cursor:
    """A place in the words, and how many words before it were not understood."""

    words: Sequence[str]
    at: int = 0
    unknown: int = 0

    def left(self) -> bool:
        """Whether there are words left."""
        return self.at < len(self.words)

    def see(self, ahead: int = 0) -> str:
        """The next word, or one farther ahead; empty behind the last."""
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def skip(self, *, unknown: bool = False) -> None:
        """Go past a word."""
        self.at += 1
        self.unknown += unknown

    def take(self, *wanted: str) -> bool:
        """Go past the next word if it is one of these."""
        if self.see() in wanted and self.left():
            self.at += 1
            return True
        return False

    def fillers(self, *more: str) -> None:
        """Go past words that say nothing, and past these."""
        while self.left() and (self.see() in FILLERS or self.see() in more):
            self.at += 1

    def quantity(self) -> Quantity | None:
        """`at least 2`, `exactly one`, `a`, `all`, `only`, `no`, a bare number."""
        said = _Said()
        while self.left() and self._quantify(said, self.see()):
            self.skip()
        if not said.seen:
            return None
        op = said.op or ("==" if said.only and said.number is not None else "bare" if said.number is not None else ">=")
        return Quantity(op=op, number=1 if said.number is None else said.number, only=said.only)

    def _quantify(self, said: _Said, word: str) -> bool:
        """Whether a word belongs to a quantity; kept in `said`."""
        if word in OPENING:
            return True
        if not (self._bound(said, word) or self._number(said, word)):
            return word == "of" and said.number is not None and self.see(1) not in COLOURS
        said.seen = True
        return True

    def _bound(self, said: _Said, word: str) -> bool:
        if word in BOUNDS:
            said.op = BOUNDS[word]
        elif word in COMPARED and self.see(1) == "than":
            said.op = COMPARED[word]
            self.skip()
        elif word == "only":
            said.only = True
        elif word == "ALL":
            said.op = "all"
        else:
            return False
        return True

    def _number(self, said: _Said, word: str) -> bool:
        if word == "NO":
            said.op, said.number = "==", 0
        elif word in VAGUE:
            said.op, said.number = ">=", 2
        elif word in ARTICLES:
            said.op, said.number = said.op or ">=", 1 if said.number is None else said.number
        elif word.isdecimal() and said.number in {None, 1} and self.see(1) != "COLOUR" and not (self.see(1) == "THING" and self.see(2) == "PANEL"):
            said.number = int(word)
        else:
            return False
        return True

    def colour_count(self) -> Quantity | None:
        """`all 3 different colours`, `only one colour`, `items of 2 different colours`."""
        start = self.at
        self.fillers("of", "THING", "at", "a")
        only, every = self.take("only"), self.take("ALL")
        self.fillers("at", "of")
        if self.see().isdecimal() or (self.see() in {"SAME", "DIFFERENT"} and self.see(1) == "COLOUR"):
            number = int(self.see()) if self.see().isdecimal() else 1 if self.see() == "SAME" else 2
            self.skip()
            self.take("DIFFERENT", "SAME")
            if self.take("COLOUR"):
                return Quantity(op=">=" if every else "==", number=number, only=only)
        self.at = start
        return None
