"""A generator → arithmetic rows and one-step word problems with their right answers."""

from unified_assets.sample.words import FIRST_NAMES, Words

THINGS = ("apples", "marbles", "stickers", "books", "coins", "pencils", "shells", "cards", "stamps", "cookies")
# (body, question, operator): numbers a and b, a >= b; for the division, a is a multiple of b.
PROBLEMS = (
    ("{who} has {a} {things}. {other} gives {who} {b} more {things}.", "How many {things} does {who} have now?", "+"),
    ("There are {a} {things} in a red box and {b} {things} in a blue box.", "How many {things} are there in both boxes?", "+"),
    ("{who} found {a} {things} in the morning and {b} {things} in the evening.", "How many {things} did {who} find in all?", "+"),
    ("{who} had {a} {things}. {who} gave {b} {things} to {other}.", "How many {things} does {who} have left?", "-"),
    ("{who} has {a} {things} and {other} has {b} {things}.", "How many more {things} does {who} have than {other}?", "-"),
    ("There were {a} {things} on a shelf. {other} took {b} of them away.", "How many {things} are still on the shelf?", "-"),
    ("{who} bought {b} bags with {c} {things} in each bag.", "How many {things} did {who} buy in total?", "*"),
    ("Each of {b} children brought {c} {things}.", "How many {things} did the children bring altogether?", "*"),
    ("{who} shares {a} {things} equally among {b} friends.", "How many {things} does each friend get?", "/"),
    ("{a} {things} are packed into boxes of {b}.", "How many boxes are needed?", "/"),
)


def sums(words: Words, count: int) -> list[dict[str, str]]:
    """`count` different sums and differences of numbers with up to three digits; no difference is negative."""
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        first, second = (words.whole(0, 10 ** words.whole(1, 3) - 1) for _ in range(2))
        if words.rng.random() < 0.5:
            expression, result = f"{first} + {second}", first + second
        else:
            first, second = max(first, second), min(first, second)
            expression, result = f"{first} - {second}", first - second
        found.setdefault(expression, {"expression": expression, "result": str(result)})
    return list(found.values())


def problems(words: Words, count: int, taken: set[str]) -> list[dict[str, str]]:
    """`count` word problems whose texts are not in `taken` (and are then), with the equation that gives the answer away."""
    rows: list[dict[str, str]] = []
    while len(rows) < count:
        body, question, operator = words.one(PROBLEMS)
        first, second, result = _numbers(words, operator)
        who, other = words.some(FIRST_NAMES, 2)
        values = {"who": who, "other": other, "things": words.one(THINGS), "a": first, "b": second, "c": first}
        text = body.format(**values)
        if text in taken:
            continue
        taken.add(text)
        pair = (second, first) if operator == "*" else (first, second)
        rows.append(
            {"Body": text, "Question": question.format(**values), "Equation": f"( {pair[0]}.0 {operator} {pair[1]}.0 )", "Answer": str(result)},
        )
    return rows


def _numbers(words: Words, operator: str) -> tuple[int, int, int]:
    if operator == "+":
        first, second = words.whole(2, 99), words.whole(2, 99)
        return first, second, first + second
    if operator == "-":
        second, rest = words.whole(2, 60), words.whole(1, 60)
        return second + rest, second, rest
    first, second = words.whole(2, 12), words.whole(2, 12)
    return (first, second, first * second) if operator == "*" else (first * second, second, first)
