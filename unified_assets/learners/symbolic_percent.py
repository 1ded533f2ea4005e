"""A text with percentages and a question → what the formulas of causal inference over them say of the direction asked for.

Reads sentences such as "For smokers and with no tar, the probability of cancer is 58%.", "The overall probability of smoking is
52%." and "The probability of smoking and cancer is 1%." The states of the conditions are listed in counting order, the first
condition slowest, so their number and order tell the tables; nothing is known of what the words mean.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
SENTENCE = re.compile(r"[^.%]*?(\d+(?:\.\d+)?)\s*%")
OUTCOME = r"(?:the (?:probability|chance|share) of (?P<of>.+?)|it)\s+is"
CONDITIONAL = re.compile(rf"\s*(?:for|among|if|when|given)\s+(?P<given>.+?),\s*{OUTCOME}\s*$", re.IGNORECASE | re.DOTALL)
MOST = 12
FORMS = {
    "counterfactual": r"\bif the [\w' -]+ had\b|\bhad (?:not )?(?:been|[\w-]+ed)\b",
    "through": r"\bthrough\b|\bmediat",
    "direct": r"\bdisregard|\bdirect",
    "overall": r"\boverall\b",
    "observing": r"\bobserv|\bcorrelat|\bassociat",
    "subset": r"\bif we look|\bamong\b|\bsmall subset",
    "method": r"\bmethod 1\b",
}
COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in FORMS.items()}
UP = re.compile(r"\b(?:increase|more|larger|greater|higher|positive(?:ly)?|improve|raise)\w*", re.IGNORECASE)
DOWN = re.compile(r"\b(?:decrease|less|smaller|lower|negative(?:ly)?|reduce)\w*", re.IGNORECASE)
CASEWISE = re.compile(r"method 1: [^.]*case by case", re.IGNORECASE)
FIRST_OF_TWO = re.compile(r"\bmethod 1 (?:than|instead|rather)", re.IGNORECASE)
NAMES = (
    "conditional", "difference", "marginal", "product", "first", "second", "fast", "slow", "adjusted fast", "adjusted slow", "indirect",
    "indirect treated", "direct", "direct treated", "total", "front door", "outcome first indirect", "outcome first direct",
    "mediator first indirect", "mediator first direct",
)  # fmt: skip
WIDTH = 1 + MOST + len(FORMS) + 2 + len(NAMES)


@dataclass(frozen=True)
class Tables:
    """`overall`: shares without a condition; `joint`: of two things at once; `given`: (conditions, shares) for each outcome, in order."""

    overall: tuple[float, ...]
    joint: tuple[float, ...]
    given: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...]

    @property
    def signature(self) -> str:
        """The sizes of all tables."""
        return f"{'o' * len(self.overall)}{'j' * len(self.joint)}{','.join(str(len(shares)) for _, shares in self.given)}"


def numbers(context: str) -> list[float]:
    """The first percentages of a text as shares."""
    return [min(float(value), 1000.0) / 100 for value in PERCENT.findall(context[:8000])[:MOST]]


def tables(context: str) -> Tables:
    """The shares of a text, sorted by what they are shares of."""
    overall, joint = [], []
    given: dict[str, tuple[list[str], list[float]]] = {}
    outcome = ""  # what `it` stands for
    for found in list(SENTENCE.finditer(context[:8000]))[:MOST]:
        text, share = found.group(0)[: found.start(1) - found.start(0)].strip(" .\n"), min(float(found.group(1)), 100.0) / 100
        conditional = CONDITIONAL.match(text)
        if conditional:
            outcome = " ".join((conditional.group("of") or "").lower().split()) or outcome
            conditions, shares = given.setdefault(outcome, ([], []))
            conditions.append(conditional.group("given").lower())
            shares.append(share)
        elif re.search(r"\band\b", text) and "overall" not in text.lower():
            joint.append(share)
        else:
            overall.append(share)
    return Tables(tuple(overall), tuple(joint), tuple((tuple(conditions), tuple(shares)) for conditions, shares in given.values()))


def formulas(found: Tables) -> dict[str, float]:
    """Values that these tables allow (Pearl 2009: back-door and front-door adjustment, instruments, mediation); 0 is the border."""
    sizes = [len(shares) for _, shares in found.given]
    base = found.overall[0] if found.overall else None
    by_size = {size: np.asarray(shares) for size, (_, shares) in zip(sizes, found.given, strict=True)}
    out: dict[str, float] = {}
    if found.joint and base is not None and len(found.joint) == 2 and 0 < base < 1:
        out["conditional"] = found.joint[1] / base - found.joint[0] / (1 - base)
    if sizes == [2]:
        low, high = found.given[0][1]
        out["difference"] = high - low
        if base is not None:
            out["marginal"] = base * high + (1 - base) * low - 0.5
    if sizes == [2, 2]:
        first, second = (shares[1] - shares[0] for _, shares in found.given)
        out |= {"product": first * second, "first": first, "second": second}
    if sizes == [4]:
        out |= _adjusted(by_size[4].reshape(2, 2), base)
    if set(sizes) == {2, 4}:
        out |= _mediated(by_size[2], by_size[4].reshape(2, 2), base)
    if sizes == [4, 4] and base is not None:
        out |= _confounded(np.asarray(found.given[0][1]).reshape(2, 2), np.asarray(found.given[1][1]).reshape(2, 2), base)
    return out


def _adjusted(table: np.ndarray, base: float | None) -> dict[str, float]:
    """(2, 2) shares by the slow and the fast condition."""
    out = {"fast": float((table[:, 1] - table[:, 0]).mean()), "slow": float((table[1] - table[0]).mean())}
    if base is not None:
        weight = np.asarray([1 - base, base])
        out |= {"adjusted fast": float(weight @ (table[:, 1] - table[:, 0])), "adjusted slow": float(weight @ (table[1] - table[0]))}
    return out


def _mediated(mediator: np.ndarray, outcome: np.ndarray, base: float | None) -> dict[str, float]:
    """(2,) shares of the mediator by cause, (2, 2) of the outcome by cause and mediator."""
    step = mediator[1] - mediator[0]
    effect = outcome[:, 1] - outcome[:, 0]
    direct = outcome[1] - outcome[0]
    rest = np.asarray([1 - mediator, mediator])  # (mediator state, cause state)
    out = {
        "indirect": step * effect[0],
        "indirect treated": step * effect[1],
        "direct": direct @ rest[:, 0],
        "direct treated": direct @ rest[:, 1],
        "total": outcome[1] @ rest[:, 1] - outcome[0] @ rest[:, 0],
    }
    if base is not None:
        out["front door"] = step * (np.asarray([1 - base, base]) @ effect)
    return {name: float(value) for name, value in out.items()}


def _confounded(first: np.ndarray, second: np.ndarray, base: float) -> dict[str, float]:
    """Two (2, 2) tables that share a condition: outcome by cause and mediator, mediator by cause and a background of share `base`."""
    out = {}
    weight = np.asarray([1 - base, base])
    for name, (outcome, mediator) in {"outcome first": (first, second), "mediator first": (second, first)}.items():
        change = mediator[1] - mediator[0]  # by background
        step, direct = float(weight @ change), outcome[1] - outcome[0]
        level = float(weight @ mediator[0])
        out[f"{name} indirect"] = step * float(outcome[0, 1] - outcome[0, 0])
        out[f"{name} direct"] = float(direct[0] * (1 - level) + direct[1] * level)
    return out


def dense(context: str, question: str) -> np.ndarray:
    """(WIDTH,) float32: how many, the shares, the form of the question, the direction it asks for, what each formula says of that."""
    shares = numbers(context)
    padded = np.zeros(MOST, np.float32)
    padded[: len(shares)] = shares
    forms = [float(bool(pattern.search(question) or (name == "method" and pattern.search(context)))) for name, pattern in COMPILED.items()]
    said = agreement(context, question)
    values = [float(np.sign(said.get(name, 0.0))) for name in NAMES]
    ways = [float(bool(UP.search(question))), float(bool(DOWN.search(question)))]
    return np.concatenate([[len(shares)], padded, forms, ways, values]).astype(np.float32)


def agreement(context: str, question: str) -> Mapping[str, float]:
    """Formula → its value with the sign of the direction asked for: positive where the formula says yes."""
    found = tables(context)
    asked = -1.0 if DOWN.search(question) and not UP.search(question) else 1.0
    group = _group(found, question) if COMPILED["counterfactual"].search(question) else 1.0
    return {name: value * asked * group for name, value in formulas(found).items()}


def crossed(context: str, question: str) -> list[str]:
    """Features that join the form of the text and question with what each formula says of it."""
    if not PERCENT.search(context):
        return list(_methods(context, question))
    form = "+".join(name for name, pattern in COMPILED.items() if pattern.search(question))
    signature = tables(context).signature
    said = agreement(context, question)
    return [feature for name, value in said.items() for feature in _says(name, value, signature, form)]


def _says(name: str, value: float, signature: str, form: str) -> Sequence[str]:
    sign = "+" if value > 0 else "-"
    return f"{name}{sign}", f"{signature} {name}{sign}", f"{form} {name}{sign}", f"{signature} {form} {name}{sign}"


def _methods(context: str, question: str) -> Iterator[str]:
    """Two ways of looking at data, one of them case by case: whether the question favours that one, with its words."""
    if not COMPILED["method"].search(context):
        return
    casewise = bool(CASEWISE.search(context)) == bool(FIRST_OF_TWO.search(question))
    favoured = casewise != bool(re.search(r"\bless correct\b|\bincorrect\b", question, re.IGNORECASE))
    yield f"case by case {favoured}"
    strata = re.search(r"according to ([\w' -]+)", context)
    yield from (f"case by case {favoured}|{word}" for word in (strata.group(1).lower().split() if strata else ()))
    yield f"case by case {favoured}|{strata.group(1).lower() if strata else ''}"
    yield from (f"case by case {favoured}|topic {word}" for word in sorted(set(re.findall(r"\w+", question.lower()))) if len(word) > 4)


def _group(found: Tables, question: str) -> float:
    """1 where the group asked about lacks the cause (the change would add it), -1 where it has it."""
    group = re.match(r"\s*(?:for|among)\s+(?P<group>[^,]+),", question, re.IGNORECASE)
    if not group or not found.given:
        return 1.0
    wanted = group.group("group").lower().split()
    conditions = min(found.given, key=lambda entry: len(entry[0]))[0]
    closeness = [_closeness(wanted, re.split(r"\band\b", condition)[-1].split()) for condition in conditions]
    with_cause, without = max(closeness[1::2], default=0), max(closeness[0::2], default=0)
    return -1.0 if with_cause > without else 1.0


def _closeness(one: Sequence[str], two: Sequence[str]) -> float:
    """Words that two phrases share at their ends; half a word more where both or neither deny."""
    shared = next((place for place, (a, b) in enumerate(zip(reversed(one), reversed(two), strict=False)) if a != b), min(len(one), len(two)))
    denied = [any(word == "not" or word.startswith("non") or word.endswith("n't") for word in phrase) for phrase in (one, two)]
    return shared + 0.5 * (denied[0] == denied[1])
