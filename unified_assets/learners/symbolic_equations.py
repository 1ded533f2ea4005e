"""Word problems → the numbers in them, every small equation over those numbers, and its value by a checked evaluator."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
WORDS = {name: float(value) for value, name in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2)}
WORDS |= {"dozen": 12.0, "half": 0.5, "twice": 2.0, "double": 2.0, "triple": 3.0, "hundred": 100.0}
TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\w+|[^\w\s]")
MOST_NUMBERS = 5
MOST_FOR_TRIPLES = 3  # with more numbers there are too many of them
LARGEST = 1e15


@dataclass(frozen=True)
class Quantity:
    """A number in a text: its value and which token it is."""

    value: float
    place: int


@dataclass(frozen=True)
class Equation:
    """`shape` names the form over placeholders (a, b, c), `arguments` says which quantities stand for them."""

    shape: str
    arguments: tuple[int, ...]
    value: float


def tokens(text: str) -> list[str]:
    """Numbers, words and marks in lower case."""
    return TOKEN.findall(text[:4000].lower())


def quantities(parts: list[str]) -> list[Quantity]:
    """The first numbers of a token list; written-out numbers count only where there are fewer than two in digits."""
    found = [Quantity(float(part.replace(",", "")), place) for place, part in enumerate(parts) if part[0].isdigit() and len(part) <= 15]
    if len(found) < 2:
        found += [Quantity(WORDS[part], place) for place, part in enumerate(parts) if part in WORDS]
        found.sort(key=lambda quantity: quantity.place)
    return found[:MOST_NUMBERS]


def equations(numbers: list[Quantity]) -> list[Equation]:
    """All candidate equations with a finite value that is not negative, in a fixed order."""
    values = [number.value for number in numbers]
    return [equation for equation in _candidates(values) if math.isfinite(equation.value) and 0 <= equation.value <= LARGEST]


def _candidates(values: list[float]) -> Iterator[Equation]:
    places = range(len(values))
    for one in places:
        yield Equation("a", (one,), values[one])
    for one, two in combinations(places, 2):
        yield Equation("a+b", (one, two), values[one] + values[two])
        yield Equation("a*b", (one, two), values[one] * values[two])
    for one, two in permutations(places, 2):
        yield Equation("a-b", (one, two), values[one] - values[two])
        if values[two]:
            yield Equation("a/b", (one, two), values[one] / values[two])
    if len(values) == MOST_FOR_TRIPLES:
        yield from _triples(values)


def _triples(values: list[float]) -> Iterator[Equation]:
    few = range(len(values))
    for trio in combinations(few, 3):
        yield Equation("a+b+c", trio, sum(values[place] for place in trio))
        yield Equation("a*b*c", trio, math.prod(values[place] for place in trio))
    for one, two, three in permutations(few, 3):
        a, b, c = values[one], values[two], values[three]
        if one < two:
            yield Equation("a+b-c", (one, two, three), a + b - c)
            yield Equation("(a+b)*c", (one, two, three), (a + b) * c)
            yield Equation("a*b+c", (one, two, three), a * b + c)
            yield Equation("a*b-c", (one, two, three), a * b - c)
            if c:
                yield Equation("(a+b)/c", (one, two, three), (a + b) / c)
                yield Equation("a*b/c", (one, two, three), a * b / c)
        if two < three:
            yield Equation("a-b-c", (one, two, three), a - b - c)
        yield Equation("(a-b)*c", (one, two, three), (a - b) * c)
        if c:
            yield Equation("(a-b)/c", (one, two, three), (a - b) / c)


def parse_number(text: str) -> float | None:
    """The value of an answer as written: "1,200", "$5", "12.0", "3/4", "20%"; None where there is not exactly one number."""
    found = NUMBER.findall(text)
    if len(found) == 2 and "/" in text and float(found[1].replace(",", "")):
        return float(found[0].replace(",", "")) / float(found[1].replace(",", ""))
    if len(found) != 1 or len(found[0]) > 18:
        return None
    value = float(found[0].replace(",", ""))
    return -value if re.match(r"^\s*[-\u2212]", text) else value


def same(one: float, two: float) -> bool:
    """Equal up to the rounding of written answers."""
    return abs(one - two) <= 1e-6 * max(1.0, abs(one), abs(two)) or (abs(one - two) < 0.006 and not float(one).is_integer())


def written(value: float, *, point: bool) -> str:
    """A value as text; `point` says that whole numbers are written "5.0" in this data."""
    if value.is_integer():
        return f"{value:.1f}" if point else str(int(value))
    return f"{value:.10f}".rstrip("0") if abs(value) < LARGEST else repr(value)
