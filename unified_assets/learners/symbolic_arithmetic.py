"""Written arithmetic → the steps of long addition, subtraction, multiplication and division that solve it.

A solution is a generator: it yields primitive steps on non-negative whole numbers and is sent their results, by a network
or, to make training steps, by exact arithmetic. Nothing is evaluated as code.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction

MOST_TOKENS, MOST_DIGITS = 60, 24
TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|//|\*\*|[-+*/%()]|mod\b|plus\b|minus\b|times\b|divided by\b")
SAME = {"×": "*", "·": "*", "÷": "/", "−": "-", "\u2013": "-", "[": "(", "]": ")"}
SPOKEN = {"mod": "%", "plus": "+", "minus": "-", "times": "*", "divided by": "/"}
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "//": 2}
ADD, SUBTRACT, TIMES_DIGIT = 0, 1, 2
MOST_PLACES = 6  # decimals worked out by a division that does not end


@dataclass(frozen=True)
class Step:
    """One primitive: ADD a+b, SUBTRACT a-b (may be negative), TIMES_DIGIT a*b with b one digit."""

    operation: int
    first: int
    second: int


@dataclass(frozen=True)
class Number:
    """`digits` / 10 ** `places`."""

    digits: int
    places: int = 0

    def fraction(self) -> Fraction:
        """The exact value."""
        return Fraction(self.digits, 10**self.places)


Tree = tuple[str, "Tree | Number", "Tree | Number"]
Work = Generator[Step, int, Number]
Whole = Generator[Step, int, int]


def parse(text: str) -> Tree | Number | None:
    """The tree of an expression such as "12 + 7" or "What is (3 - 1) * 4?"; None for anything else."""
    text = text.split("=", maxsplit=1)[0].lower()
    for mark, plain in SAME.items():
        text = text.replace(mark, plain)
    text = re.sub(r"(?<=\d)\s*x\s*(?=\d)", " * ", text)
    text = re.sub(r"^\s*(?:what is|what's|calculate|compute|evaluate|work out)\s*:?|[?.!]\s*$", "", text).strip()
    parts = [SPOKEN.get(part, part) for part in TOKEN.findall(text)]
    if not parts or len(parts) > MOST_TOKENS or re.sub(r"\s", "", TOKEN.sub("", text)):
        return None
    if any(len(part) > MOST_DIGITS for part in parts):
        return None
    try:
        tree, rest = _sum(parts, 0)
    except (IndexError, ValueError):
        return None
    return tree if rest == len(parts) else None


def _sum(parts: list[str], place: int, floor: int = 1) -> tuple[Tree | Number, int]:
    """Precedence climbing from `place`."""
    left, place = _atom(parts, place)
    while place < len(parts) and STRENGTH.get(parts[place], 0) >= floor:
        operation = parts[place]
        right, place = _sum(parts, place + 1, STRENGTH[operation] + 1)
        left = (operation, left, right)
    return left, place


def _atom(parts: list[str], place: int) -> tuple[Tree | Number, int]:
    part = parts[place]
    if part == "(":
        tree, place = _sum(parts, place + 1)
        if parts[place] != ")":
            raise ValueError(part)
        return tree, place + 1
    if part == "-":
        inner, place = _atom(parts, place + 1)
        return (Number(-inner.digits, inner.places) if isinstance(inner, Number) else ("-", Number(0), inner)), place
    if not part[0].isdigit():
        raise ValueError(part)
    whole, _, decimals = part.replace(",", "").partition(".")
    return Number(int(whole + decimals), len(decimals)), place + 1


def work(tree: Tree | Number) -> Work:
    """The solution of a tree, node by node; raises ZeroDivisionError."""
    if isinstance(tree, Number):
        return tree
    operation, one, two = tree
    left, right = (yield from work(one)), (yield from work(two))
    if operation in "+-":
        places = max(left.places, right.places)
        a, b = (number.digits * 10 ** (places - number.places) for number in (left, right))
        return Number((yield from _plus(a, b if operation == "+" else -b)), places)
    if operation == "*":
        product = yield from _times(abs(left.digits), abs(right.digits))
        return Number(product if (left.digits < 0) == (right.digits < 0) else -product, left.places + right.places)
    return (yield from _divide(operation, left, right))


def _plus(a: int, b: int) -> Whole:
    if a >= 0 and b >= 0:
        return (yield Step(ADD, a, b))
    if a < 0 and b < 0:
        return -(yield Step(ADD, -a, -b))
    return (yield Step(SUBTRACT, a, -b)) if a >= 0 else (yield Step(SUBTRACT, b, -a))


def _times(a: int, b: int) -> Whole:
    """Partial products from the lowest digit up, and their running sum."""
    if len(str(b)) > len(str(a)):
        a, b = b, a
    total = 0
    for power, digit in enumerate(reversed(str(b))):
        part = (yield Step(TIMES_DIGIT, a, int(digit))) * 10**power
        total = part if power == 0 else (yield Step(ADD, total, part))
    return total


def _divide(operation: str, left: Number, right: Number) -> Work:
    """Long division; "/" goes on behind the point as far as MOST_PLACES."""
    places = max(left.places, right.places)
    a, b = (abs(number.digits) * 10 ** (places - number.places) for number in (left, right))
    if b == 0:
        raise ZeroDivisionError
    sign = 1 if (left.digits < 0) == (right.digits < 0) else -1
    quotient, rest = yield from _digits_of_quotient(str(a), b, 0)
    if operation == "%":
        return Number(rest, places)
    decimals = 0
    while operation == "/" and rest and decimals < MOST_PLACES:
        digit, rest = yield from _digits_of_quotient("0", b, rest)
        quotient, decimals = quotient * 10 + digit, decimals + 1
    return Number(sign * quotient, decimals)


def _digits_of_quotient(digits: str, b: int, rest: int) -> Generator[Step, int, tuple[int, int]]:
    quotient = 0
    for digit in digits:
        rest, count = rest * 10 + int(digit), 0
        while count < 10:
            left = yield Step(SUBTRACT, rest, b)
            if left < 0:
                break
            rest, count = left, count + 1
        quotient = quotient * 10 + min(count, 9)
    return quotient, rest


def exact(step: Step) -> int:
    """The true result of a primitive step."""
    if step.operation == ADD:
        return step.first + step.second
    return step.first - step.second if step.operation == SUBTRACT else step.first * step.second


def solve_exactly(tree: Tree | Number) -> tuple[Number, list[tuple[Step, int]]]:
    """The true answer and every step on the way with its result."""
    steps: list[tuple[Step, int]] = []
    solution = work(tree)
    try:
        step = next(solution)
        while True:
            steps.append((step, exact(step)))
            step = solution.send(steps[-1][1])
    except StopIteration as done:
        return done.value, steps


def written(number: Number, *, point: bool) -> str:
    """The number as text; `point` says that whole numbers are written "5.0" in this data."""
    value = number.fraction()
    if value.denominator == 1:
        return f"{value.numerator}.0" if point else str(value.numerator)
    sign, digits = ("-" if value < 0 else ""), str(abs(number.digits)).rjust(number.places + 1, "0")
    return f"{sign}{digits[: -number.places]}.{digits[-number.places :]}".rstrip("0")
