"""Rules and orders in many wordings are read alike, and what is not understood gives no verdict rather than a wrong one."""
# ruff: noqa: E501 - a text to be read stands in one line

import pytest

from unified_assets.learners.symbolic_order import holds, orders
from unified_assets.learners.symbolic_rules import verdict

WORDINGS = [
    ("Anne is kind. All kind people are smart.", "Anne is smart.", "true"),
    ("Anne is kind. Everyone who is kind is smart.", "Anne is smart.", "true"),
    ("Anne is kind. Anyone who is kind is smart.", "Anne is smart.", "true"),
    ("Anne is kind. People who are kind are smart.", "Anne is smart.", "true"),
    ("Anne is kind. Smart people are never kind.", "Anne is not smart.", "unknown"),
    ("Anne is kind. No kind people are smart.", "Anne is smart.", "false"),
    ("Anne is kind. If a person is kind, then that person is smart.", "Anne is smart.", "true"),
    ("Anne is kind. If someone is kind, they are smart.", "Is it true that Anne is smart?", "true"),
    ("Anne is kind. Someone is smart if they are kind.", "Anne is smart.", "true"),
    ("Anne isn't kind. If someone isn't kind then they aren't smart.", "Anne is smart.", "false"),
    ("Anne is kind and smart.", "Anne is smart.", "true"),
    ("Anne is both kind and smart.", "Anne is smart.", "true"),
    ("Fae is a cat. Cats are animals. Animals are living things.", "Fae is a living thing.", "true"),
    ("Every cat is an animal. Fae is a cat.", "True or false: Fae is an animal.", "true"),
    ("The dog chases the cat. Whatever chases the cat is fast.", "The dog is fast.", "true"),
    ("The dog chases the cat. If something chases the cat then it needs the mouse.", "The dog needs the mouse.", "true"),
    ("The dog doesn't chase the cat.", "The dog chases the cat.", "false"),
    ("Whoever is kind is smart. Anne is kind.", "Anne is smart.", "true"),
    ("Being kind makes someone smart. Anne is kind.", "Anne is smart.", "true"),
    ("Anne is kind. Each kind thing is smart.", "Anne is smart.", "true"),
    ("Anne is kind. Kind things are smart.", "Does it follow that Anne is smart?", "true"),
    ("Anne is a wumpus. Wumpuses are not red.", "Anne is red.", "false"),
    ("Anne is a wumpus. No wumpus is red.", "Anne is red.", "false"),
    ("Every student is a reader. Readers are curious. Tom is a student.", "Tom is curious.", "true"),
    ("All of the students are curious. Tom is a student.", "Tom is curious.", "true"),
    ("Tom is tall. Tall people tend to be calm.", "Tom is calm.", None),
    ("If an animal is big then it is strong. The bear is big.", "The bear is strong.", "true"),
    ("Any person who is strong is calm. Tom is strong.", "Tom is calm.", "true"),
    ("Those who are strong are not calm. Tom is strong.", "Is it the case that Tom is calm?", "false"),
    ("Tom is strong. When someone is strong, they are calm.", "Can we conclude that Tom is calm?", "true"),
    ("A person is calm if that person is strong. Tom is strong.", "Tom is calm.", "true"),
    ("Tom is either calm or strong.", "Tom is calm.", None),
    ("Only strong people are calm. Tom is strong.", "Tom is calm.", None),
    ("The lion sees the bear. If something sees the bear, then it is not afraid.", "The lion is afraid.", "false"),
    ("The lion sees the bear. Everything that sees the bear likes the tiger.", "The lion likes the tiger.", "true"),
    ("Strong and calm people are kind. Tom is strong. Tom is calm.", "Tom is kind.", "true"),
    ("All strong, calm people are kind. Tom is strong and calm.", "Tom is not kind.", "false"),
    ("It is known that Tom is strong. Strong people are kind.", "Tom is kind.", "true"),
    ("Tom is strong. Strong people are kind. Kind people aren't rude.", "Tom is rude.", "false"),
    ("If Tom is strong then Tom is kind. Tom is strong.", "Tom is kind.", "true"),
    ("Each bird that is red is loud. Polly is a bird. Polly is red.", "Polly is loud.", "true"),
    ("None of the birds are loud. Polly is a bird.", "Polly is loud.", "false"),
    ("Polly is a bird. Birds can fly.", "Polly can fly.", None),
]
ORDERS = [
    (
        "There are three books on a shelf: a red book, a blue book, and a green book. The red book is to the left of the blue book. The green book is the rightmost.",
        "The red book is the leftmost.",
    ),
    ("Three runners took part in a race: Ann, Bob, and Cid. Ann finished before Bob. Bob finished before Cid.", "Cid finished last."),
    ("Three runners took part: Ann, Bob, and Cid. Ann finished ahead of Bob. Cid finished behind Bob.", "Ann finished first."),
    ("In a show there were three cars: a van, a truck, and a bus. The van is younger than the truck. The bus is the newest.", "The truck is the oldest."),
    (
        "A stand sells three fruits: pears, plums, and kiwis. The pears cost more than the plums. The kiwis are the most expensive.",
        "The plums are the cheapest.",
    ),
    (
        "A stand sells three fruits: pears, plums, and kiwis. The pears are pricier than the plums. The kiwis are the second cheapest.",
        "The pears are the most expensive.",
    ),
    (
        "Five birds sit on a branch: a crow, a hawk, an owl, a robin, and a quail. The crow is the third from the left. The hawk is to the right of the crow. The owl is second from the right. The robin is immediately to the left of the crow.",
        "The quail is the leftmost.",
    ),
    (
        "On a shelf there are three books: a red book, a blue book, and a green book. The red book is directly left of the blue book. The green book is not the leftmost.",
        "The green book is the rightmost.",
    ),
    ("On a shelf, there are three people ranked by height: Ann, Bob, and Cid. Ann is taller than Bob. Cid is shorter than Bob.", "Ann is the tallest."),
    ("Three golfers played: Ann, Bob, and Cid. Ann finished above Bob. Ann finished below Cid.", "Cid finished first."),
    (
        "Four friends stand in a line: Ann, Bob, Cid, and Dan. Ann is to the left of Bob. Cid is to the right of Bob. Dan is the rightmost.",
        "Ann is the leftmost.",
    ),
    (
        "Four trees grow in a garden: an oak, an elm, a fir, and an ash. The oak is taller than the elm. The fir is taller than the oak. The ash is the shortest.",
        "The fir is the tallest.",
    ),
    (
        "Three boxes were weighed: a red box, a blue box, and a green box. The red box weighs more than the blue box. The green box is the heaviest.",
        "The blue box is the lightest.",
    ),
    ("In a marathon there were four runners: Ann, Bob, Cid, and Dan. Ann came in before Bob. Cid was third. Dan came in last.", "Bob came in second."),
    ("Three cities are compared by population: Rome, Oslo, and Bern. Rome is larger than Oslo. Bern is the smallest.", "Rome is the largest."),
    (
        "A store sells three hats: a red hat, a blue hat, and a green hat. The red hat is the second-most expensive. The blue hat is less expensive than the red hat.",
        "The green hat is the most expensive.",
    ),
    (
        "There are three cups on a table: a tin cup, a clay cup, and a glass cup. The tin cup stands between the clay cup and the glass cup. The clay cup is the leftmost.",
        "The glass cup is the rightmost.",
    ),
    ("Three pupils took a test: Ann, Bob, and Cid. Ann scored higher than Bob. Cid scored lower than Bob.", "Ann scored the highest."),
]


@pytest.mark.parametrize(("context", "question", "expected"), WORDINGS, ids=[context[:40] for context, _, _ in WORDINGS])
def test_a_wording_of_rules_is_read_or_gives_no_verdict(context, question, expected):
    assert verdict(context, question) == expected


@pytest.mark.parametrize(("context", "statement"), ORDERS, ids=[context[:40] for context, _ in ORDERS])
def test_a_wording_of_an_order_is_read(context, statement):
    fitting = orders(context)
    assert fitting
    assert holds(statement, context, fitting) is True


def test_a_denied_place_is_every_other_place():
    context = "Three cups stand in a row: a red cup, a blue cup, and a tin cup. The red cup is not the leftmost. The blue cup is the rightmost."
    assert holds("The tin cup is the leftmost.", context, orders(context)) is True
    assert holds("The red cup is the leftmost.", context, orders(context)) is False


def test_a_clue_that_is_not_understood_gives_no_order():
    assert orders("Three cups stand in a row: a red cup, a blue cup, and a tin cup. The red cup is rather nice.") is None
