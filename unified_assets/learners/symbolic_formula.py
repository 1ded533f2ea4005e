"""Propositional formulas → postfix programs of bounded size (a shunting-yard parser; nothing is evaluated as code)."""

import re
from dataclasses import dataclass

MOST_TOKENS, MOST_VARIABLES = 400, 10
TOKEN = re.compile(r"\s*(<->|<=>|↔|->|=>|→|¬|~|!|∧|&&?|∨|\|\|?|⊕|\^|\(|\)|[A-Za-z]\w*|[01])")
NAMES = {
    "<->": "iff", "<=>": "iff", "↔": "iff", "iff": "iff", "->": "implies", "=>": "implies", "→": "implies", "implies": "implies",
    "¬": "not", "~": "not", "!": "not", "not": "not", "∧": "and", "&": "and", "&&": "and", "and": "and",
    "∨": "or", "|": "or", "||": "or", "or": "or", "⊕": "xor", "^": "xor", "xor": "xor",
}  # fmt: skip
CONNECTIVES = ("not", "and", "or", "implies", "iff", "xor")
STRENGTH = {"not": 6, "and": 5, "xor": 4, "or": 3, "implies": 2, "iff": 1}
TRUTHS = {"not": (1, 0), "and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "implies": (1, 1, 0, 1), "iff": (1, 0, 0, 1), "xor": (0, 1, 1, 0)}
CONSTANTS = {"0": 0, "1": 1, "true": 1, "false": 0}


@dataclass(frozen=True)
class Program:
    """Postfix steps: a variable number ("v", i), a constant ("c", 0 or 1) or a connective ("o", place in CONNECTIVES)."""

    steps: tuple[tuple[str, int], ...]
    variables: tuple[str, ...]


def parse(text: str) -> Program | None:
    """The program of a formula; None for what is no formula or exceeds the bounds."""
    parts = _tokens(text)
    if parts is None:
        return None
    names = sorted({part for part in parts if part not in NAMES and part not in CONSTANTS and part not in "()"})
    if len(names) > MOST_VARIABLES:
        return None
    steps = _postfix(parts, {name: place for place, name in enumerate(names)})
    return Program(tuple(steps), tuple(names)) if steps is not None and _balanced(steps) else None


def _tokens(text: str) -> list[str] | None:
    parts: list[str] = []
    place, text = 0, text.strip()
    while place < len(text):
        found = TOKEN.match(text, place)
        if not found or len(parts) >= MOST_TOKENS:
            return None
        word = found.group(1)
        parts.append(word.lower() if word.lower() in NAMES or word.lower() in CONSTANTS else word)
        place = found.end()
    return parts or None


def _postfix(parts: list[str], variables: dict[str, int]) -> list[tuple[str, int]] | None:  # noqa: C901 - the shunting yard is one loop
    steps: list[tuple[str, int]] = []
    stack: list[str] = []
    operand = True  # whether an operand (or a negation) may come next
    for part in parts:
        name = NAMES.get(part)
        if name == "not" or part == "(":
            if not operand:
                return None
            stack.append(name or part)
        elif part == ")":
            while stack and stack[-1] != "(":
                steps.append(("o", CONNECTIVES.index(stack.pop())))
            if operand or not stack:
                return None
            stack.pop()
        elif name is not None:
            if operand:
                return None
            while stack and stack[-1] != "(" and (STRENGTH[stack[-1]] > STRENGTH[name] or (STRENGTH[stack[-1]] == STRENGTH[name] and name != "implies")):
                steps.append(("o", CONNECTIVES.index(stack.pop())))
            stack.append(name)
            operand = True
        else:
            if not operand:
                return None
            steps.append(("c", CONSTANTS[part]) if part in CONSTANTS else ("v", variables[part]))
            operand = False
    if "(" in stack or operand:
        return None
    return steps + [("o", CONNECTIVES.index(name)) for name in reversed(stack)]


def _balanced(steps: list[tuple[str, int]]) -> bool:
    depth = 0
    for kind, place in steps:
        depth += 1 if kind != "o" else (0 if place == 0 else -1)
        if depth < 1:
            return False
    return depth == 1
