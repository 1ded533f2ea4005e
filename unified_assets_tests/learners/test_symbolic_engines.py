"""The engines that work texts out: rules, orders, formulas, equations, arithmetic, columns."""

import numpy as np
import pytest

from unified_assets.learners import symbolic_arithmetic, symbolic_equations, symbolic_formula, symbolic_order, symbolic_percent, symbolic_rules
from unified_assets.learners.symbolic_columns import WIDTH, direction

THEORY = (
    "Anne is quiet. The bald eagle sees the dog. Young, quiet people are kind. If someone is kind and not red then they like the dog. "
    "If something likes the dog then it is not cold. Anne is young. Anne is not red."
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("Anne is kind.", "true"),
        ("Anne likes the dog.", "true"),
        ("Anne is cold.", "false"),
        ("The bald eagle does not see the dog.", "false"),
        ("The bald eagle is kind.", "unknown"),
    ],
)
def test_forward_chaining_decides_a_statement_in_an_open_world(statement, expected):
    assert symbolic_rules.verdict(THEORY, f"Is the following statement true, false, or unknown? {statement}") == expected


def test_kinds_in_singular_and_plural_are_the_same_kind():
    context = "Every wumpus is a tumpus. Tumpuses are not sour. Max is a wumpus."
    assert symbolic_rules.verdict(context, "Is the following statement true or false? Max is sour.") == "false"


def test_a_text_with_a_sentence_that_is_not_understood_gets_no_verdict():
    assert symbolic_rules.verdict("Anne is kind. Yesterday it rained all day over the hills of Rome.", "Anne is kind.") is None


def test_only_one_option_holds_in_every_order_that_the_clues_allow():
    books = "On a shelf, there are three books: a red book, a blue book, and a green book."
    context = f"The objects are in a fixed order.\n\n{books} The red book is to the left of the blue book. The green book is the leftmost."
    fitting = symbolic_order.orders(context)
    assert fitting == ({"red book": 1, "blue book": 2, "green book": 0},)
    options = ("A) The red book is the leftmost.", "B) The blue book is the rightmost.", "C) The blue book is the second from the left.")
    assert [symbolic_order.holds(option, context, fitting) for option in options] == [False, True, False]


def test_a_clue_that_is_not_understood_gives_no_order():
    assert symbolic_order.orders("There are three books: a red book, a blue book, and a green book. The red book was a gift.") is None


def _truth(program, values):
    stack = []
    for kind, place in program.steps:
        if kind == "v":
            stack.append(values[place])
        elif kind == "c":
            stack.append(place)
        elif place == 0:
            stack.append(1 - stack.pop())
        else:
            second, first = stack.pop(), stack.pop()
            stack.append(symbolic_formula.TRUTHS[symbolic_formula.CONNECTIVES[place]][2 * first + second])
    return stack.pop()


@pytest.mark.parametrize(
    ("formula", "values", "expected"),
    [
        ("p and q or r", (0, 1, 1), 1),
        ("not p -> q", (0, 0), 0),
        ("p -> q -> r", (1, 1, 0), 0),
        ("p → (q ∧ ¬p)", (1, 1), 0),
        ("p <-> q xor q", (0, 1), 1),
        ("~(a & b) | !a", (1, 1), 0),
    ],
)
def test_formulas_bind_as_written_in_logic_books(formula, values, expected):
    assert _truth(symbolic_formula.parse(formula), values) == expected


@pytest.mark.parametrize(
    "text", ["", "p and", "(p", "p q", "p)", "and p", "__import__('os')", "p + q", "(" * 500 + "p" + ")" * 500, " and ".join(f"v{i}" for i in range(11))]
)
def test_what_is_no_formula_or_too_large_is_refused(text):
    assert symbolic_formula.parse(text) is None


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("12 + 7", "19"),
        ("What is 3 - 10?", "-7"),
        ("2 * (3 + 4) - 1 =", "13"),
        ("123 × 456", "56088"),
        ("7 / 2", "3.5"),
        ("1 ÷ 3", "0.333333"),
        ("1.5 + 2.25", "3.75"),
        ("17 % 5", "2"),
        ("17 // 5", "3"),
        ("-4 * 3", "-12"),
        ("99,999,999 + 1", "100000000"),
    ],
)
def test_expressions_are_worked_out_in_steps(expression, answer):
    number, _ = symbolic_arithmetic.solve_exactly(symbolic_arithmetic.parse(expression))
    assert symbolic_arithmetic.written(number, point=False) == answer


def test_a_product_is_made_of_partial_products_and_running_sums():
    _, steps = symbolic_arithmetic.solve_exactly(symbolic_arithmetic.parse("34 * 12"))
    assert [(step.operation, step.first, step.second, result) for step, result in steps] == [(2, 34, 2, 68), (2, 34, 1, 34), (0, 68, 340, 408)]


@pytest.mark.parametrize("text", ["", "hello", "1 +", "(1 + 2", "9" * 40 + " + 1", "2 ** 8", "1 + 2; import os", "+".join(["1"] * 100)])
def test_what_is_no_arithmetic_is_refused(text):
    assert symbolic_arithmetic.parse(text) is None


def test_equations_over_the_numbers_of_a_text_reach_its_answer():
    numbers = symbolic_equations.quantities(symbolic_equations.tokens("Paco had 26 salty cookies. He ate 9 of them and 14 sweet ones."))
    assert [number.value for number in numbers] == [26, 9, 14]
    found = {(equation.shape, equation.arguments): equation.value for equation in symbolic_equations.equations(numbers)}
    assert found["a-b", (0, 1)] == 17
    assert found["a-b-c", (0, 1, 2)] == 3
    assert ("a-b", (1, 0)) not in found


@pytest.mark.parametrize(
    ("text", "value"), [("51.0", 51.0), ("$1,200", 1200.0), ("3/4", 0.75), ("-5", -5.0), ("no number", None), ("1 and 2", None), ("B) 12 m", 12.0)]
)
def test_an_answer_is_read_as_written(text, value):
    assert symbolic_equations.parse_number(text) == value


def test_percentages_are_crossed_with_the_direction_asked_for():
    context = "For those who smoke, the probability of cough is 26%. For those who do not, it is 85%."
    assert symbolic_percent.numbers(context) == [0.26, 0.85]
    assert "2 difference+" in symbolic_percent.crossed(context, "Will smoking increase the chance of cough?")
    assert "2 difference-" in symbolic_percent.crossed(context, "Will smoking decrease the chance of cough?")


@pytest.mark.parametrize(
    ("context", "question", "formula", "sign"),
    [
        (
            "The overall probability of A is 20%. The probability of no A and B is 40%. The probability of A and B is 15%.",
            "Is the chance of B larger when observing A?",
            "conditional",
            1,
        ),
        (
            "The overall probability of A is 90%. For no A, the probability of B is 10%. For A, the probability of B is 40%.",
            "Is B more likely than no B overall?",
            "marginal",
            -1,
        ),
        (
            "For the old who rest, the probability of B is 40%. For the old who work, the probability of B is 10%.",
            "For the old who work, would it be more likely to see B if they had rested?",
            "difference",
            1,
        ),
        (
            (
                "For no A, the probability of M is 20%. For A, the probability of M is 80%. For no A and no M, the probability of B is 50%. "
                "For no A and M, the probability of B is 10%. For A and no M, the probability of B is 60%. For A and M, the probability of B is 20%."
            ),
            "Does A positively affect B through M?",
            "indirect",
            -1,
        ),
    ],
    ids=["conditional", "marginal", "counterfactual", "mediation"],
)
def test_a_formula_over_the_percentages_answers_the_direction_asked_for(context, question, formula, sign):
    value = symbolic_percent.agreement(context, question)[formula]
    assert np.sign(value) == sign


@pytest.mark.parametrize("text", ["", "100%", "For , the probability of is 5%", "1% 2% 3% 4% 5% 6% 7% 8% 9%", "50 %" * 500])
def test_percentages_without_sentences_are_no_tables_and_do_no_harm(text):
    assert symbolic_percent.dense(text, text).shape == (symbolic_percent.WIDTH,)
    assert np.isfinite(symbolic_percent.dense(text, text)).all()


def test_direction_features_change_their_sign_when_the_columns_are_swapped():
    generator = np.random.default_rng(0)
    x = generator.uniform(size=200)
    y = x**3 + 0.05 * generator.normal(size=200)
    forward = direction("\n".join(f"{a:.6f} {b:.6f}" for a, b in zip(x, y, strict=True)))
    backward = direction("\n".join(f"{b:.6f} {a:.6f}" for a, b in zip(x, y, strict=True)))
    assert forward.shape == (WIDTH,)
    assert np.any(forward != 0)
    np.testing.assert_allclose(forward, -backward, atol=1e-4)


@pytest.mark.parametrize("text", ["", "no table", "1 2\n3 4", "nan nan\n" * 20, "1 2\n" * 20])
def test_what_is_no_table_has_no_direction(text):
    assert not direction(text).any()


def test_columns_of_few_distinct_values_have_features_and_no_warning():
    text = "\n".join(f"{row % 2} {row % 5}" for row in range(40))
    features = direction(text)  # a warning would fail the test
    assert np.isfinite(features).all()
    assert features.any()
    swapped = direction("\n".join(f"{row % 5} {row % 2}" for row in range(40)))
    assert np.allclose(features, -swapped)
