"""Words about things in; functions from a panel to a mask of the things meant out: nouns with colours, places and relations."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from unified_assets.learners.image_objects import COLOURS, SHAPES
from unified_assets.learners.scene_cursor import Cursor
from unified_assets.learners.scene_things import BIG, MEDIUM, SMALL, Panel, beside, edges, lowest, rank, stacked, topmost

Mask = Callable[[Panel], np.ndarray]
Holds = Callable[[Panel, bool], bool]
SIZES = {"SMALL": SMALL, "MEDIUM": MEDIUM, "BIG": BIG}
HEDGES = ("closely", "nearly", "close", "almost")


@dataclass(frozen=True, kw_only=True)
class Things:
    """A noun phrase about things. `named`: by noun, colour and size alone; `mask`: with what is said of them besides."""

    named: Mask
    mask: Mask
    colours: tuple[int, ...]


@dataclass
class _Phrase:
    """What was read of a noun phrase so far."""

    colours: list[int] = field(default_factory=list)
    shape: int | None = None
    size: int | None = None
    noun: bool = False

    def mask(self) -> Mask:
        """The things so named."""
        colours, shape, size = list(self.colours), self.shape, self.size

        def named(panel: Panel) -> np.ndarray:
            keep = np.ones(len(panel), bool)
            if colours:
                keep &= np.isin(panel.colour, colours)
            if shape is not None:
                keep &= panel.shape == shape
            return keep & (panel.size == size) if size is not None else keep

        return named


@dataclass(kw_only=True)
class Nouns(Cursor):
    """Reads phrases about things and panels."""

    def contents(self) -> Holds:
        """All that is said of a panel; the grammar knows."""
        raise NotImplementedError

    def panel_head(self) -> Holds | None:
        """`tower`, `black tower`, `three blocks tower`, with `with …` left for `contents`."""
        start, holds = self.at, list[Holds]()
        while self.left():
            word = self.see()
            if word in COLOURS:
                colour = COLOURS.index(word)
                holds.append(lambda panel, _strict, colour=colour: bool(len(panel)) and bool((panel.colour == colour).all()))  # type: ignore[misc]
            elif word.isdecimal() and self.see(1) == "THING":
                number = int(word)
                holds.append(lambda panel, _strict, number=number: len(panel) == number)  # type: ignore[misc]
                self.skip()
            elif word == "PANEL":
                self.skip()
                return lambda panel, strict: len(panel) > 0 and all(one(panel, strict) for one in holds)
            elif word not in {"the", "a"}:
                break
            self.skip()
        self.at = start
        return None

    def things(self) -> Things | None:
        """`small black or yellow circle touching the edge`."""
        start, phrase = self.at, _Phrase()
        while self.left() and self._name(phrase, self.see()):
            self.skip()
        if not (phrase.colours or phrase.noun):
            self.at = start
            return None
        named = phrase.mask()
        mask = named
        while (modified := self._modifier(mask)) is not None:
            mask = modified
        return Things(named=named, mask=mask, colours=tuple(phrase.colours))

    def _name(self, phrase: _Phrase, word: str) -> bool:
        """Whether a word names things; kept in `phrase`."""
        if word in COLOURS:
            phrase.colours.append(COLOURS.index(word))
        elif word in SHAPES:
            phrase.shape, phrase.noun = SHAPES.index(word), True
        elif word in SIZES:
            phrase.size = SIZES[word]
        elif word == "THING" or (word == "1" and phrase.colours):
            phrase.noun = True
        elif word in {"or", "and"}:
            return bool(phrase.colours) and not phrase.noun and self.see(1) in COLOURS
        else:
            return word in {"COLOUR", "a"} and bool(phrase.colours or phrase.noun)
        return True

    def _modifier(self, mask: Mask) -> Mask | None:
        """What is said of things after their noun; None where nothing more is."""
        start = self.at
        self.fillers(*HEDGES)
        refused = self.take("NO")
        since = self.at
        self.fillers(*HEDGES, "a", "as", "at", "on")
        found = self._place() or self._relation(upon="on" in self.words[since : self.at])
        if found is None:
            self.at = start
            return None
        return (lambda panel: mask(panel) & ~found(panel)) if refused else (lambda panel: mask(panel) & found(panel))

    def _place(self) -> Mask | None:
        start, before = self.at, self.words[self.at - 1] if self.at else ""
        if self.take("TOUCH"):
            self.fillers("a", "an", "of", "ALL")
            word = self.see()
            sides = [word] if self.take("right", "left") else []
            self.take("PANEL")
            if self.see() in {"EDGE", "CORNER", "BASE", "TOP"}:
                sides.append(self.see())
                self.skip()
                self._of_panel()
                return lambda panel: edges(panel, sides)
        elif self.see() in {"TOP", "BASE"} and before in {"the", "as", "at", "on", "a"}:
            which = self.see()
            self.skip()
            ends = ends_of(which)
            if self.take("and") and self.take("second"):
                self.take("THING")
                ends = either(ends, rank(1))
            holds = self._of_panel()
            return ends if holds is None else (lambda panel: ends(panel) & holds(panel, True))
        elif self.see() in COLOURS and before in {"is", "are", "that", "which", "NO"}:
            colour = COLOURS.index(self.see())
            self.skip()
            return lambda panel: np.asarray(panel.colour == colour)
        self.at = start
        return None

    def _of_panel(self) -> Holds | None:
        """`of a tower with at least two blocks`."""
        start = self.at
        if self.take("of", "in"):
            self.quantity()
            head = self.panel_head()
            if head is not None:
                holds = self.contents()
                return lambda panel, strict: head(panel, strict) and holds(panel, strict)
        self.at = start
        return None

    def _relation(self, *, upon: bool) -> Mask | None:
        start = self.at
        if self.take("STACKED"):
            return stacked
        upwards = self.see() == "ABOVE" or upon
        if self.take("ABOVE", "BELOW") or upon:
            self.fillers("a", "other", "another", "of", "ALL")
            if self.take("DIFFERENT"):
                self.take("COLOUR")
                self.take("THING")
                return lambda panel: beside(panel, None, above=upwards)
            other = self.things()
            if other is not None:
                return lambda panel: beside(panel, other.mask(panel), above=upwards)
        self.at = start
        return None

    def modifiers(self) -> Mask:
        """What is said of things that have no noun."""
        mask: Mask = everything
        while (modified := self._modifier(mask)) is not None:
            mask = modified
        return mask


def everything(panel: Panel) -> np.ndarray:
    """(n,) all of them."""
    return np.ones(len(panel), bool)


def either(first: Mask, second: Mask) -> Mask:
    """Things of one or the other."""
    return lambda panel: np.asarray(first(panel) | second(panel))


def ends_of(which: str) -> Mask:
    """The highest or lowest thing."""
    return topmost if which == "TOP" else lowest
