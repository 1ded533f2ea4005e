"""A kind of document and a generator → one page as blocks of text, tables, boxes and pictures at places of their own."""

from dataclasses import dataclass

import numpy as np

from unified_assets.sample import pictures
from unified_assets.sample.words import GOODS, LAST_NAMES, STREETS, TOPICS, TOWNS, Words

LAYOUTS = ("form", "invoice", "letter", "two_column")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One thing on a page. Places are shares of the page, from its top left; `size_pt` is the height of the letters."""

    kind: str  # text heading table field rule picture
    left: float
    top: float
    width: float
    height: float
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    size_pt: float = 11.0
    align: str = "left"
    jpeg: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One page and its title; `columns` is how many columns its running text has."""

    title: str
    blocks: tuple[Block, ...]
    columns: int = 1


def paper(rng: np.random.Generator, layout: str) -> Paper:
    """A page of this layout, with places, lengths and words drawn anew."""
    return {"form": _form, "invoice": _invoice, "letter": _letter, "two_column": _two_column}[layout](Words(rng))


def _letter(words: Words) -> Paper:
    sender, receiver = words.person(), words.person()
    left = words.real(0.09, 0.14)
    top = words.real(0.24, 0.3)
    blocks = [
        Block(kind="text", left=0.6, top=words.real(0.05, 0.08), width=0.3, height=0.09, lines=_address(words, sender), align="right"),
        Block(kind="text", left=left, top=words.real(0.15, 0.18), width=0.35, height=0.07, lines=_address(words, receiver)),
        Block(kind="text", left=left, top=top, width=0.6, height=0.02, lines=(f"Dear {receiver.split()[0]},",)),
    ]
    top += 0.05
    for _ in range(words.whole(2, 4)):
        sentences = words.sentences("letter", words.whole(2, 4))
        height = 0.05 + 0.022 * len(sentences)
        blocks.append(Block(kind="text", left=left, top=top, width=0.97 - 2 * left, height=height, lines=(" ".join(sentences),)))
        top += height + 0.025
    blocks.append(Block(kind="text", left=left, top=top + 0.02, width=0.4, height=0.08, lines=("Yours sincerely,", "", sender)))
    return Paper(title=f"Letter to {receiver}", blocks=tuple(blocks))


def _invoice(words: Words) -> Paper:
    number, seller = str(words.whole(10_000, 99_999)), f"{words.one(LAST_NAMES)} {words.one(('Ltd', 'Supplies', 'Trading', 'and Sons'))}"
    rows, total = [("Item", "Quantity", "Unit price", "Amount")], 0
    for good in words.some(GOODS, words.whole(4, 9)):
        quantity, price = words.whole(1, 12), words.whole(2, 90)
        total += quantity * price
        rows.append((good, str(quantity), f"{price}.00", f"{quantity * price}.00"))
    top = words.real(0.27, 0.33)
    height = 0.028 * len(rows)
    blocks = (
        Block(kind="heading", left=0.08, top=words.real(0.05, 0.07), width=0.5, height=0.05, lines=("INVOICE",), size_pt=words.real(22, 30)),
        Block(kind="text", left=0.6, top=0.06, width=0.32, height=0.07, lines=(f"Invoice no. {number}", f"Date due {words.date()}"), align="right"),
        Block(kind="text", left=0.08, top=words.real(0.14, 0.17), width=0.4, height=0.08, lines=("Bill to:", *_address(words, words.person()))),
        Block(kind="table", left=0.08, top=top, width=0.84, height=height, rows=tuple(rows), size_pt=words.real(9, 11)),
        Block(kind="rule", left=0.55, top=top + height + 0.02, width=0.37, height=0.002),
        Block(kind="text", left=0.55, top=top + height + 0.03, width=0.37, height=0.05, lines=_totals(total), align="right"),
        Block(kind="text", left=0.08, top=0.92, width=0.84, height=0.02, lines=(f"Please pay within 30 days to {seller}.",), size_pt=9),
    )
    return Paper(title=f"Invoice {number}", blocks=blocks)


def _form(words: Words) -> Paper:
    purpose = words.one(("Application", "Registration", "Change of address", "Request for leave", "Membership"))
    names = ("Surname", "First name", "Date of birth", "Street", "Town", "Postcode", "Telephone", "Email", "Nationality", "Occupation", "Signature", "Employer")
    top = words.real(0.16, 0.2)
    blocks = [
        Block(kind="heading", left=0.1, top=0.05, width=0.8, height=0.04, lines=(f"{purpose} form",), size_pt=words.real(16, 20), align="center"),
        Block(kind="text", left=0.1, top=0.11, width=0.8, height=0.03, lines=("Please fill in block capitals and tick the boxes that apply.",), size_pt=9),
    ]
    step, paired = words.real(0.052, 0.066), words.whole(0, 1)
    for index, name in enumerate(words.some(names, words.whole(7, 10))):
        column = index % 2 if paired else 0
        row = index // 2 if paired else index
        width = 0.39 if paired else 0.8
        blocks.append(Block(kind="field", left=0.1 + column * 0.41, top=top + row * step, width=width, height=step * 0.66, lines=(name,), size_pt=9))
    below = top + step * (len(blocks) - 2) + 0.02
    for option in words.some(("I agree to the terms", "Send me news", "I am over 18", "Paid by card", "First application"), words.whole(2, 3)):
        blocks.append(Block(kind="field", left=0.1, top=below, width=0.035, height=0.024, size_pt=9))
        blocks.append(Block(kind="text", left=0.15, top=below, width=0.6, height=0.024, lines=(option,), size_pt=9))
        below += 0.035
    return Paper(title=f"{purpose} form", blocks=tuple(blocks))


def _two_column(words: Words) -> Paper:
    topic = words.one(tuple(TOPICS))
    title = f"{words.one(('On', 'Notes on', 'A study of', 'Towards', 'Measuring'))} {topic} in {words.one(TOWNS)}"
    blocks = [
        Block(kind="heading", left=0.12, top=0.05, width=0.76, height=0.06, lines=(title,), size_pt=words.real(15, 19), align="center"),
        Block(kind="text", left=0.12, top=0.12, width=0.76, height=0.02, lines=(f"{words.person()} and {words.person()}",), align="center", size_pt=10),
    ]
    figure = words.whole(0, 1)
    for column, left in enumerate((0.08, 0.52)):
        top = words.real(0.17, 0.2)
        for part in range(words.whole(2, 3)):
            heading = f"{column * 3 + part + 1}. {words.one(('Introduction', 'Related work', 'Method', 'Results', 'Discussion', 'Data', 'Limits'))}"
            blocks.append(Block(kind="heading", left=left, top=top, width=0.4, height=0.02, lines=(heading,), size_pt=11))
            if figure and column == 1 and part == 0:
                blocks.append(_figure(words, left, top + 0.03))
                top += 0.17
            text = " ".join(words.sentences(topic, words.whole(4, 6)))
            height = 0.02 * (len(text) / 48 + 1)
            blocks.append(Block(kind="text", left=left, top=top + 0.028, width=0.4, height=height, lines=(text,), size_pt=9))
            top += height + 0.04
    return Paper(title=title, blocks=tuple(blocks), columns=2)


def _figure(words: Words, left: float, top: float) -> Block:
    image = pictures.shape(words.rng, words.one(pictures.SHAPES)).resize((96, 96))
    return Block(kind="picture", left=left + 0.1, top=top, width=0.2, height=0.13, jpeg=pictures.encode(image, "jpg"))


def _address(words: Words, person: str) -> tuple[str, ...]:
    return (person, f"{words.whole(1, 220)} {words.one(STREETS)}", f"{words.whole(10_000, 99_999)} {words.one(TOWNS)}")


def _totals(total: int) -> tuple[str, ...]:
    tax = total * 0.2
    return (f"Subtotal {total:.2f}", f"VAT 20% {tax:.2f}", f"Total due {total + tax:.2f}")
