"""The texts of one task → sparse and dense features, one row for a classified example, one row for each candidate of a choice."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.learners import symbolic_columns, symbolic_equations, symbolic_order, symbolic_percent, symbolic_rules, text_problem
from unified_assets.learners.text_edits import MOST_WORDS, edits
from unified_assets.learners.text_grams import CharGrams, RowBuilder, SparseRows, word_grams, words
from unified_assets.learners.text_overlap import NAMES, STOP, overlap
from unified_assets.learners.text_polarity import monotone

VERDICTS = ("true", "false", "unknown")
MARKED = re.compile(r"<e([12])>(.*?)</e\1>", re.DOTALL)
REACHED_COLUMNS = slice(2 * len(NAMES) + 3, 2 * len(NAMES) + 7)  # of a choice's dense features: what equations say
EDITED = 3  # times as long as the other
HITS, NUMERIC = 1, 2  # of those: log count of equations that reach the option, whether it is a number
LETTER = re.compile(r"^\s*\(?[A-Za-z]\s*[).:]\s*")


@dataclass(frozen=True, eq=False)
class Features:
    """`starts`: (n + 1,) first feature row of each example; `dense`: (feature rows, width), its last `vectors` columns an encoder's.

    `values`: candidate answers or None.
    """

    sparse: SparseRows
    dense: np.ndarray
    starts: np.ndarray
    values: np.ndarray | None = None
    vectors: int = 0


_KEPT: "WeakKeyDictionary[TaskData, dict[str, Features]]" = WeakKeyDictionary()


def features(data: TaskData, method: str) -> Features:
    """Features of all rows, computed once for a TaskData (they depend on its texts alone)."""
    kept = _KEPT.setdefault(data, {})
    if method not in kept:
        kept[method] = METHODS[method](data)
    return kept[method]


def role(data: TaskData, *names: str) -> Sequence[str]:
    """The texts of the named roles that the task has, joined by a blank."""
    present = [data.texts[name] for name in names if name in data.texts]
    if not present:
        return [""] * len(data)
    return present[0] if len(present) == 1 else [" ".join(parts) for parts in zip(*present, strict=True)]


def _rows(count: int, dense: list[np.ndarray], builder: RowBuilder, starts: np.ndarray | None = None, values: np.ndarray | None = None) -> Features:
    stacked = np.stack(dense).astype(np.float32) if dense else np.zeros((0, 0), np.float32)
    return Features(builder.rows(), stacked, np.arange(count + 1) if starts is None else starts, values)


# ------------------------------------------------------------------------------------------ classification


def sentence(data: TaskData) -> Features:
    """One text (all roles joined): words, characters, and places relative to <e1> and <e2> where they are marked."""
    builder, dense = RowBuilder(), []
    single = len(data.texts) == 1
    for row in range(len(data)):
        parts = {name: texts[row] for name, texts in data.texts.items()}
        whole = " ".join(parts.values())
        marked = dict(MARKED.findall(whole)) if "<e1>" in whole else {}
        plain = re.sub(r"</?e[12]>", "", whole)
        by_role = () if single else (gram for name, text in parts.items() for gram in word_grams(words(text), f"{name}:"))
        builder.add(word_grams(words(plain)), CharGrams(plain), by_role, _places(whole) if len(marked) == 2 else ())
        dense.append(np.asarray([np.log1p(len(plain)), float(len(marked) == 2)], np.float32))
    return _rows(len(data), dense, builder)


def _places(text: str) -> Iterable[str]:
    """Words and pairs before, between and after the two marked spans, and the spans' own words, prefixes and suffixes."""
    first, second = list(MARKED.finditer(text))[:2]
    order = f"{first.group(1)}{second.group(1)}"
    before, between, after = words(text[: first.start()]), words(text[first.end() : second.start()]), words(text[second.end() :])
    head_one, head_two = words(first.group(2)), words(second.group(2))
    grams = [f"{order}<{gram}" for gram in word_grams(before[-3:])] + [f"{order}>{gram}" for gram in word_grams(after[:3])]
    for gram in word_grams(between[:12]):
        grams += [f"{order}={gram}", f"={gram}"]
    grams += [f"{order}=={' '.join(between)}" if len(between) < 6 else f"{order}==far", f"{order}#{min(len(between), 9)}"]
    grams += [f"{order}=3{' '.join(between[place : place + 3])}" for place in range(max(len(between[:12]) - 2, 0))]
    for name, head in (("one", head_one), ("two", head_two)):
        for word in head[-1:]:
            grams += [
                f"{order}{name}{word}",
                f"{order}{name}^{word[:3]}",
                f"{order}{name}${word[-3:]}",
                f"{order}{name}${word[-4:]}",
                f"{order}{name}^{word[:5]}",
            ]
    if head_one and head_two:
        edge = between[:1] + between[-1:]
        grams += [
            f"{order}heads{head_one[-1][-3:]}|{head_two[-1][-3:]}",
            f"{order}one{head_one[-1]}|{' '.join(edge)}",
            f"{order}two{head_two[-1]}|{' '.join(edge)}",
        ]
        grams += [f"{order}{name}|{head[-1]}|{word}" for name, head in (("one", head_one), ("two", head_two)) for word in between[:8]]
    return grams


def pair(data: TaskData) -> Features:
    """Premise and hypothesis: overlap, edits with their operators and directions, words by role; a rule engine's verdict where it can read them."""
    builder, dense = RowBuilder(), []
    for premise, hypothesis in zip(role(data, "premise", "context", "text"), role(data, "hypothesis", "question"), strict=True):
        one, two = words(premise), words(hypothesis)
        shared = set(one) & set(two)
        near = len(one) <= min(MOST_WORDS, EDITED * len(two))  # a longer text is a context, of which the hypothesis is no edit
        crossed = (f"{word}|{'in' if word in shared else 'out'}" for word in dict.fromkeys(two))
        builder.add(edits(one, two) if near else (), word_grams(two), word_grams(one), crossed, monotone(one, two) if near else ())
        dense.append(np.concatenate([overlap(premise, hypothesis), overlap(_nearest(premise, hypothesis), hypothesis), _verdict(premise, hypothesis)]))
    return _rows(len(data), dense, builder)


def _nearest(context: str, statement: str) -> str:
    """The sentence of the context that shares most words with the statement."""
    wanted = set(words(statement)) - STOP
    sentences = re.split(r"(?<=[.!?\n])\s+", context)[:200]
    return max(sentences, key=lambda part: len(wanted & set(words(part))) / (3 + len(words(part))), default="")


def _verdict(context: str, question: str) -> np.ndarray:
    found = symbolic_rules.verdict(context, question)
    return np.asarray([float(found == name) for name in VERDICTS] + [float(found is None)], np.float32)


def question(data: TaskData) -> Features:
    """Context and question: words by role, overlap, percentages and what formulas over them give, the rule engine's verdict."""
    builder, dense = RowBuilder(), []
    for context, asked in zip(role(data, "context", "premise", "text"), role(data, "question", "hypothesis"), strict=True):
        crossed = symbolic_percent.crossed(context, asked)
        builder.add(crossed, word_grams(words(asked)), word_grams(words(context)), CharGrams(asked[:500]))
        numbers = symbolic_percent.dense(context, asked)
        dense.append(np.concatenate([overlap(context, asked), numbers, _verdict(context, asked)]))
    return _rows(len(data), dense, builder)


def columns(data: TaskData) -> Features:
    """A table of two numeric columns."""
    builder, dense = RowBuilder(), []
    for text in role(data, "table", "text"):
        builder.add(())
        dense.append(symbolic_columns.direction(text))
    return _rows(len(data), dense, builder)


# ------------------------------------------------------------------------------------------------- choices


def choice(data: TaskData) -> Features:
    """One row for each option: how it goes with the stem, what the engines say of it, and its words by direction."""
    builder, dense, starts = RowBuilder(), [], [0]
    stems, contexts, questions = role(data, "premise", "context", "question", "text"), role(data, "context", "premise"), role(data, "question")
    for row, options in enumerate(data.options or ()):
        asked = data.texts["direction"][row] if "direction" in data.texts else ""
        judged = _judged(contexts[row], questions[row], options)
        reached = _reached(stems[row], options)
        overlaps = np.stack([overlap(stems[row], option) for option in options]) if options else np.zeros((0, len(NAMES)), np.float32)
        relative = overlaps - overlaps.mean(axis=0, keepdims=True)
        content = [word for word in words(stems[row])[:60] if word not in STOP]
        for place, option in enumerate(options):
            plain = LETTER.sub("", option)
            theirs = [word for word in words(plain)[:40] if word not in STOP]
            ordered = [f"{w}>{v}" if asked != "cause" else f"{v}>{w}" for w in content[:12] for v in theirs[:12]]
            builder.add(word_grams(words(plain), f"{asked}:"), ordered, CharGrams(plain[:300]))
            dense.append(np.concatenate([overlaps[place], relative[place], judged[place], reached[place], [place / max(len(options) - 1, 1)]]))
        starts.append(starts[-1] + len(options))
    return _rows(len(data), dense, builder, np.asarray(starts))


def _judged(context: str, asked: str, options: Sequence[str]) -> np.ndarray:
    """(options, 3): the rule engine's verdict is this option · the orders allow only this option · an engine understood the text."""
    out = np.zeros((len(options), 3), np.float32)
    plain = [LETTER.sub("", option).strip(" .").lower() for option in options]
    found = symbolic_rules.verdict(context, asked) if set(plain) <= {*VERDICTS, "uncertain", "yes", "no"} else None
    if found is not None:
        same = {"true": {"true", "yes"}, "false": {"false", "no"}, "unknown": {"unknown", "uncertain"}}[found]
        out[:, 0] = [float(option in same) for option in plain]
        out[:, 2] = 1.0
        return out
    fitting = symbolic_order.orders(context)
    if fitting:
        out[:, 1] = [float(bool(symbolic_order.holds(option, context, fitting))) for option in options]
        out[:, 2] = 1.0
    return out


def _reached(stem: str, options: Sequence[str]) -> np.ndarray:
    """(options, 4): share and log count of the candidate equations whose value an option shows, is a number, its rank in size."""
    out = np.zeros((len(options), 4), np.float32)
    values = [symbolic_equations.parse_number(LETTER.sub("", option)) for option in options]
    known = sorted(value for value in values if value is not None)
    if len(known) < 2:
        return out
    made = np.asarray([equation.value for equation in symbolic_equations.equations(symbolic_equations.quantities(symbolic_equations.tokens(stem)))])
    for place, value in enumerate(values):
        if value is not None:
            hits = int(np.isclose(made, value, rtol=1e-4, atol=1e-6).sum())
            out[place] = (hits / max(len(made), 1), np.log1p(hits), 1.0, known.index(value) / len(known))
    return out


# ------------------------------------------------------------------------------------------- word problems


def word_problem(data: TaskData) -> Features:
    """One row for each candidate equation over the numbers in the text; `values` holds what the equations give."""
    builder, dense, starts, values = RowBuilder(), [], [0], []
    for context, asked in zip(role(data, "context", "text", "premise"), role(data, "question"), strict=True):
        problem = text_problem.read(context, asked)
        grams = text_problem.asked_grams(problem)
        candidates = symbolic_equations.equations(list(problem.numbers))
        for equation in candidates:
            builder.add(*text_problem.equation_features(equation, problem, grams))
            dense.append(np.asarray([*text_problem.numbers_of(equation, problem).values()], np.float32))
            values.append(equation.value)
        starts.append(starts[-1] + len(candidates))
    return _rows(len(data), dense, builder, np.asarray(starts), np.asarray(values, np.float64))


METHODS: dict[str, Callable[[TaskData], Features]] = {
    "sentence": sentence,
    "pair": pair,
    "question": question,
    "columns": columns,
    "choice": choice,
    "word_problem": word_problem,
}
