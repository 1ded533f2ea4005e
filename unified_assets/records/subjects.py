"""Roles, names and values of records in; the subject (causal, math, logic, concept) out."""

import re
from collections.abc import Mapping

from unified_assets.core.contracts import Records
from unified_assets.records.choices import TRUTH, Options
from unified_assets.records.columns import NUMBER, Column
from unified_assets.records.names import words
from unified_assets.records.vocabulary import normal

ENTAILMENT = frozenset({"entailment", "neutral", "contradiction", "entails", "not_entailment", "contradicts", "implied", "e", "n", "c"})
FORMULA_CLASSES = frozenset({"tautology", "contradiction", "contingent", "contingency", "satisfiable", "unsatisfiable", "valid", "invalid"})
_HINTS = (
    ("causal", ("causal", "causality", "cause", "causes", "causation", "counterfactual", "copa")),
    ("logic", ("logic", "logical", "entailment", "nli", "deduction", "syllogism", "syllogisms", "tautology", "propositional")),
    ("math", ("math", "maths", "arithmetic", "algebra", "calculus")),
)
_CONNECTIVE = re.compile(r"(->|→|<->|↔|∧|∨|¬|\b(?:and|or|not|xor|implies)\b|[&|~])")
_ARITHMETIC = re.compile(r"^[\d\s().,+\-*/×÷x^=?%]+$")
_PERCENT = re.compile(r"\d\s*%|\bprobabilit", re.IGNORECASE)
_TRUTH_QUESTION = re.compile(r"\b(true|false|statement|follows?|entail|imply|implies|consistent|unknown)\b", re.IGNORECASE)
SAMPLE = 200


def subject_of(
    records: Records,
    table: Mapping[str, Column],
    *,
    kind: str,
    target: str,
    inputs: tuple[tuple[str, str], ...],
    options: Options | None,
    truth: bool,
) -> str:
    """The subject of one label space. `truth`: the options are the same truth words in every row."""
    roles = {role: table[name].filled[:SAMPLE] for role, name in inputs}
    labels = {value.strip().lower() for value in table[target].filled[:5000]}
    hinted = hint(" ".join((records.path, *records.fields)))
    marked = "direction" in roles or any("<e1>" in value for values in roles.values() for value in values[:20])
    if "expression" in roles or kind == "generation":
        return "math"
    if marked:
        return "causal"
    if "formula" in roles or (labels <= FORMULA_CLASSES and _share(roles.get("text", ()), _CONNECTIVE) > 0.5):
        return "logic"
    if options is not None:
        return _of_choice(records, options, roles, hinted)
    if _share(roles.get("context", ()), _PERCENT) > 0.5:
        return "causal"
    return _of_classes(records, roles, labels, hinted, truth=truth)


def _of_choice(records: Records, options: Options, roles: Mapping[str, tuple[str, ...]], hinted: str | None) -> str:
    texts = [text for row in records.rows[:SAMPLE] for text in options.of(row)]
    if sum(bool(re.search(r"\d", text)) for text in texts) > 0.5 * len(texts) or sum(bool(NUMBER.match(text)) for text in texts) > 0.3 * len(texts):
        return "math"
    if hinted is not None:
        return hinted
    return "logic" if "context" in roles or _share(roles.get("question", ()), _TRUTH_QUESTION) > 0.5 else "concept"


def _of_classes(records: Records, roles: Mapping[str, tuple[str, ...]], labels: set[str], hinted: str | None, *, truth: bool) -> str:
    pair = {"premise", "hypothesis"} <= set(roles)
    asked = "question" in roles and "context" in roles
    symbolic = any("fol" in normal(name).split("_") for name in records.fields)
    if hinted == "causal":
        return "causal"
    if pair and (labels <= ENTAILMENT | TRUTH | {"0", "1", "2"} or symbolic or hinted == "logic"):
        return "logic"
    if asked and (truth or hinted == "logic" or _share(roles["question"], _TRUTH_QUESTION) > 0.5):
        return "logic"
    return "concept"


def hint(text: str) -> str | None:
    """The subject that a word of a path or of field names hints at."""
    found = set(words(text))
    return next((subject for subject, names in _HINTS if found & set(names)), None)


def is_formula(text: str) -> bool:
    """Whether a text is a propositional formula: single letters, connectives and parentheses."""
    bare = _CONNECTIVE.sub(" ", text)
    return bool(_CONNECTIVE.search(text)) and bool(re.fullmatch(r"[\sA-Za-z()!^]*", bare)) and all(len(word) == 1 for word in re.findall(r"[A-Za-z]+", bare))


def is_arithmetic(text: str) -> bool:
    """Whether a text is an arithmetic expression of numbers and signs."""
    return bool(_ARITHMETIC.match(text)) and bool(re.search(r"\d\s*[+\-*/×÷x^%]\s*[\d(]", text))


def _share(values: tuple[str, ...], pattern: re.Pattern[str]) -> float:
    return sum(bool(pattern.search(value)) for value in values) / len(values) if values else 0.0
