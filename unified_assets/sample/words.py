"""A generator → names, dates and plain sentences on a topic."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

FIRST_NAMES = ("Anna", "Ben", "Clara", "David", "Elena", "Farid", "Grace", "Hugo", "Irene", "Jonas", "Kira", "Liam", "Maria", "Noah", "Olga", "Paul")
LAST_NAMES = ("Abbott", "Berger", "Castle", "Dorn", "Ellis", "Fischer", "Grant", "Hale", "Ivanov", "Jensen", "Keller", "Lindqvist", "Moreau", "Novak")
STREETS = ("Mill Lane", "Station Road", "Church Street", "Park Avenue", "Harbour Way", "King Street", "Garden Row", "Hill Road")
TOWNS = ("Ashford", "Bramley", "Corby", "Dunmore", "Elmstead", "Fairhaven", "Glenside", "Harwick", "Kingsbury", "Northwold")
GOODS = (
    "Paper A4",
    "Printer toner",
    "Desk lamp",
    "Office chair",
    "Steel bolts",
    "Copper wire",
    "Wall paint",
    "Filter set",
    "Hand drill",
    "Safety gloves",
    "Cable drum",
)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")

TOPICS = {
    "river water": ("the flow", "the sediment", "a gauge", "the upper basin", "the spring flood", "the bank"),
    "city traffic": ("the junction", "a bus lane", "the morning peak", "the signal", "the ring road", "a cyclist"),
    "soil bacteria": ("the colony", "a sample", "the nitrogen level", "the root zone", "the control plot", "the culture"),
    "old bridges": ("the arch", "the pier", "a crack", "the load test", "the masonry", "the deck"),
    "night skies": ("the telescope", "a faint star", "the exposure", "the moonlight", "the survey field", "the detector"),
}
ACTS = (
    "{a} was compared with {b} over {n} days",
    "{a} changed more than {b} in {n} of the series",
    "we measured {a} {n} times before {b} was reached",
    "{a} depends on {b} to within {n} percent",
    "no effect of {a} on {b} was seen in {n} trials",
    "{a} and {b} agree with the model of {m}",
    "a closer look at {a} shows that {b} was rare in {m}",
)
LETTER = (
    "thank you for your letter of {d}",
    "we were glad to hear from you and hope that the family is well",
    "the house in {t} has been painted and the garden is in flower",
    "I shall be in {t} on {d} and would be happy to meet you",
    "please give my regards to {p}",
    "{p} told me about your new position and sends her best wishes",
    "the children have asked when you will visit us again",
    "I enclose a few lines from {p}, who stayed with us until {d}",
)


class Words:
    """Choices drawn from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def one(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different options, in random order."""
        return [options[int(index)] for index in self.rng.permutation(len(options))[:count]]

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def real(self, low: float, high: float) -> float:
        """A number between the ends."""
        return round(float(self.rng.uniform(low, high)), 4)

    def person(self) -> str:
        """First and last name."""
        return f"{self.one(FIRST_NAMES)} {self.one(LAST_NAMES)}"

    def date(self) -> str:
        """Day and month."""
        return f"{self.whole(1, 28)} {self.one(MONTHS)}"

    def sentence(self, topic: str) -> str:
        """A sentence on one of TOPICS, or of a `letter`."""
        if topic == "letter":
            text = self.one(LETTER).format(d=self.date(), t=self.one(TOWNS), p=self.person())
        else:
            first, second = self.some(TOPICS[topic], 2)
            text = self.one(ACTS).format(a=first, b=second, n=self.whole(2, 90), m=self.one(MONTHS))
        return text[0].upper() + text[1:] + "."

    def sentences(self, topic: str, count: int) -> list[str]:
        """That many sentences."""
        return [self.sentence(topic) for _ in range(count)]
