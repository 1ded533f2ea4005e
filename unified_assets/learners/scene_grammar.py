"""A sentence about coloured things in panels in; a program that says of a drawn scene whether it holds, out.

A hand-written recursive descent over the words of `scene_words`: how many (of the things, or of the panels) are such and such.
Sentences of other wording parse in part or not at all; `covered` tells the share of words that were understood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from unified_assets.learners.image_objects import COLOURS
from unified_assets.learners.scene_cursor import Quantity
from unified_assets.learners.scene_nouns import Holds, Mask, Nouns, Things, ends_of
from unified_assets.learners.scene_things import Panel, Scene, rank
from unified_assets.learners.scene_words import words_of

Claim = Callable[[Scene, bool], bool]
LONGEST = 40  # words; longer texts make no claim about a scene


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a sentence claims, and the share of its words that went into it."""

    claim: Claim
    covered: float


@lru_cache(maxsize=4096)
def program_of(sentence: str) -> Program | None:
    """The program of a sentence, or None where no claim was found in it."""
    words = words_of(sentence)
    reader = _Reader(words=words if len(words) <= LONGEST else ())
    claims: list[Claim] = []
    while reader.left():
        claim = reader.claim()
        if claim is not None:
            claims.append(claim)
        elif not claims and reader.left():
            reader.skip(unknown=True)
        else:
            break
    if not claims:
        return None
    missed = reader.unknown + len(reader.words) - reader.at
    return Program(claim=lambda scene, strict: all(claim(scene, strict) for claim in claims), covered=1 - missed / len(reader.words))


@dataclass(kw_only=True)
class _Reader(Nouns):
    """Reads claims."""

    def claim(self) -> Claim | None:
        """One clause about the scene."""
        start = self.at
        self.fillers("and", "but")
        if (end := self._end()) is not None:
            return end
        if (colours := self.colour_count()) is not None:
            meant = self.modifiers()
            return lambda scene, strict: colours.holds(_distinct(scene, meant), 3, strict)
        quantity = self.quantity()
        self.fillers("of")
        if self.see().isdecimal() and self.see(1) == "PANEL":
            self.skip()
        if (head := self.panel_head()) is not None:
            return self._panels(quantity or Quantity(op=">="), head)
        things = self.things()
        if things is None:
            self.at = start
            return None
        return self._about_things(quantity or Quantity(op=">="), things)

    def _about_things(self, quantity: Quantity, things: Things) -> Claim:
        start = self.at
        self.fillers()
        if self.take("ALL") and self.take("PANEL"):
            return lambda scene, strict: all(quantity.holds(int(things.mask(panel).sum()), len(panel), strict) for panel in scene.panels)
        self.at = start
        self.fillers()
        if self.take("SAME") and self.take("PANEL"):
            return lambda scene, _strict: sum(bool(things.mask(panel).any()) for panel in scene.panels) == 1
        self.at = start

        def claim(scene: Scene, strict: bool) -> bool:
            count = sum(int(things.mask(panel).sum()) for panel in scene.panels)
            return quantity.holds(count, sum(int(things.named(panel).sum()) for panel in scene.panels), strict)

        return claim

    def _panels(self, quantity: Quantity, head: Holds) -> Claim:
        groups = self._alike()
        holds = self.contents()
        if groups is not None:
            return lambda scene, strict: quantity.holds(groups([panel for panel in scene.panels if head(panel, strict) and holds(panel, strict)]), 3, strict)

        def claim(scene: Scene, strict: bool) -> bool:
            return quantity.holds(sum(head(panel, strict) and holds(panel, strict) for panel in scene.panels), len(scene.panels), strict)

        return claim

    def _end(self) -> Claim | None:
        """`the base of a tower is yellow`."""
        start = self.at
        self.fillers()
        which = self.see()
        if which in {"TOP", "BASE"} and self.see(1) == "of":
            self.at += 2
            quantity = self.quantity() or Quantity(op=">=")
            head = self.panel_head()
            self.fillers()
            if head is not None and self.see() in COLOURS:
                colour = COLOURS.index(self.see())
                self.skip()
                ends = ends_of(which)

                def claim(scene: Scene, strict: bool) -> bool:
                    found = [panel for panel in scene.panels if head(panel, strict)]
                    return quantity.holds(sum(bool((ends(panel) & (panel.colour == colour)).any()) for panel in found), len(found), strict)

                return claim
        self.at = start
        return None

    def contents(self) -> Holds:
        """`with at least 2 black blocks and a yellow block at the top`: all that is said of a panel."""
        found: list[Holds] = []
        while self.left():
            start = self.at
            self.fillers("WITH", "and", "but", "at")
            one = self._content()
            if one is None:
                self.at = start
                break
            found.append(one)
        return lambda panel, strict: all(one(panel, strict) for one in found)

    def _content(self) -> Holds | None:
        if (colours := self.colour_count()) is not None:
            return lambda panel, strict: colours.holds(len(set(panel.colour.tolist())), 3, strict)
        if (end := self._end_content()) is not None:
            return end
        start = self.at
        quantity = self.quantity()
        self.fillers("of", "them", "a")
        if self.see() in {"SAME", "DIFFERENT"} or (self.see() == "THING" and self.see(1) == "of"):
            return self._of_colours(quantity)
        things = self.things()
        if things is None and quantity is not None and self._here():
            mask = self.modifiers()
            return lambda panel, strict: quantity.holds(int(mask(panel).sum()), len(panel), strict)
        if things is None:
            self.at = start
            return None
        return self._amount(quantity or Quantity(op=">="), things)

    def _here(self) -> bool:
        return self.see() in {"TOUCH", *COLOURS, "THING"} or self.see() in {"is", "are"}

    def _amount(self, quantity: Quantity, things: Things) -> Holds:
        """So many things; `only black and yellow` says that there are no others."""
        if quantity.only and quantity.op in {">=", "all"}:
            wanted = set(things.colours)

            def nothing_else(panel: Panel, strict: bool) -> bool:
                whole = len(panel) > 0 and bool(things.mask(panel).all())
                return whole and (not strict or wanted <= set(panel.colour.tolist()))

            return nothing_else

        def holds(panel: Panel, strict: bool) -> bool:
            total = int(things.named(panel).sum())
            enough = quantity.holds(int(things.mask(panel).sum()), total, strict)
            return enough and not (quantity.only and strict and len(things.colours) > 1 and len(panel) != quantity.number)

        return holds

    def _of_colours(self, quantity: Quantity | None) -> Holds | None:
        """`3 items of black and yellow colour`, `items of only one colour`, `blocks of the same colour`."""
        start = self.at
        self.take("THING")
        self.fillers("of", "at", "most")
        if (count := self.colour_count()) is not None:
            size = quantity
            return lambda panel, strict: (
                count.holds(len(set(panel.colour.tolist())), 3, strict) and (size is None or size.op == "all" or size.holds(len(panel), len(panel), strict))
            )
        only = self.take("only")
        things = self.things()
        if things is None or not things.colours:
            self.at = start
            things = self.things()
            return None if things is None else self._amount(quantity or Quantity(op=">="), things)
        wanted, sure = set(things.colours), only or quantity is not None

        def holds(panel: Panel, strict: bool) -> bool:
            inside = things.mask(panel)
            right = len(panel) > 0 and bool(inside.all()) and (not strict or wanted <= set(panel.colour.tolist())) if sure else bool(inside.any())
            return right and (quantity is None or quantity.op == "all" or quantity.holds(len(panel), len(panel), strict))

        return holds

    def _end_content(self) -> Holds | None:
        """`a blue base`, `the base is yellow`, `the second block from the base is blue`."""
        start = self.at
        self.fillers("a")
        place = {"second": 1, "third": 2}.get(self.see())
        if place is not None:
            self.skip()
            self.fillers("THING", "from", "BASE")
        which = "second" if place is not None else self.see(1) if self.see() in COLOURS else self.see()
        if which in {"TOP", "BASE", "second"}:
            if self.see() not in COLOURS and place is None:
                self.skip()
            self.fillers()
            if self.see() in COLOURS:
                colour = COLOURS.index(self.see())
                self.skip()
                self.take("TOP", "BASE")
                ends: Mask = rank(place) if place is not None else ends_of(which)
                return lambda panel, _strict: bool((ends(panel) & (panel.colour == colour)).any())
        self.at = start
        return None

    def _alike(self) -> Callable[[Sequence[Panel]], int] | None:
        """`with the same height`, `which has the same base colour`: the largest group of panels that are alike (or all that differ)."""
        start = self.at
        self.fillers("WITH")
        kind = self.see()
        if self.take("SAME", "DIFFERENT"):
            word = self.see()
            end = word if self.take("TOP", "BASE") else ""
            if self.take("HEIGHT") or (self.take("COLOUR") and end):
                return lambda panels: _group(panels, end, differ=kind == "DIFFERENT")
        self.at = start
        return None


def _distinct(scene: Scene, mask: Mask) -> int:
    return len({int(colour) for panel in scene.panels for colour in panel.colour[mask(panel)]})


def _group(panels: Sequence[Panel], end: str, *, differ: bool) -> int:
    keys = [int(panel.colour[ends_of(end)(panel)][0]) if end else len(panel) for panel in panels if len(panel)]
    if differ:
        return len(set(keys))
    return max((keys.count(key) for key in keys), default=0)
