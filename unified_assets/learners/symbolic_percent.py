"""A text with percentages and a question → the percentages in order and the wording that decides how to compare them."""

import re

import numpy as np

PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
MOST = 8
CUES = {
    "up": r"\b(?:increase|more|larger|greater|higher|positively?|improve)\w*",
    "down": r"\b(?:decrease|less|smaller|lower|negatively?|reduce)\w*",
    "likely": r"\blikel",
    "given": r"\bif we|\bgiven|\bwhen\b|\bcondition",
    "would": r"\bwould\b",
    "instead": r"\binstead\b",
    "because": r"\bbecause\b",
    "overall": r"\boverall\b",
    "correlate": r"\bcorrelat",
    "chance": r"\bchance|\bprobab",
    "better": r"\bbetter\b",
    "look": r"\blook",
    "negated": r"\bnot\b|n't\b",
    "through": r"\bthrough\b|\bmediat|\bdisregard",
    "directly": r"\bdirect",
    "treated": r"\bamong\b|\bfor those\b",
}
COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in CUES.items()}
WIDTH = 1 + MOST + 4 + len(CUES)


def numbers(context: str) -> list[float]:
    """The first percentages of a text as shares."""
    return [min(float(value), 1000.0) / 100 for value in PERCENT.findall(context[:8000])[:MOST]]


def dense(context: str, question: str) -> np.ndarray:
    """(WIDTH,) float32: how many, the shares, differences of neighbours, and which cues the question has."""
    shares = numbers(context)
    padded = np.zeros(MOST, np.float32)
    padded[: len(shares)] = shares
    steps = padded[1::2] - padded[0::2]
    cues = [float(bool(pattern.search(question))) for pattern in COMPILED.values()]
    return np.concatenate([[len(shares)], padded, steps, cues]).astype(np.float32)


def crossed(context: str, question: str) -> list[str]:
    """Features that join the form of the text, the direction asked for and the sign of what a formula over the shares gives."""
    shares = numbers(context)
    if not shares:
        return []
    cues = {name for name, pattern in COMPILED.items() if pattern.search(question)}
    direction = "down" if "down" in cues and "up" not in cues else "up"
    form = "+".join(sorted(cues - {"up", "down"}))
    shape = f"{len(shares)}"
    signs = {name: ("+" if value > 0 else "-") for name, value in formulas(shares).items()}
    return [
        feature
        for name, sign in signs.items()
        for feature in (f"{direction} {name}{sign}", f"{shape} {direction} {name}{sign}", f"{shape} {form} {direction} {name}{sign}")
    ]


def formulas(shares: list[float]) -> dict[str, float]:
    """Values of the adjustment formulas that these many numbers allow (Pearl 2009, back-door, front-door and mediation)."""
    found: dict[str, float] = {}
    if len(shares) >= 2:
        found["d01"] = shares[1] - shares[0]
    if len(shares) >= 3:
        base, low, high = shares[:3]
        found |= {"d12": high - low, "d02": low - base, "half0": base - 0.5, "mix": high * base + low * (1 - base) - 0.5}
        found["joint"] = (high / base - low / (1 - base)) if 0 < base < 1 else 0.0
    if len(shares) >= 4:
        a, b, c, d = shares[:4]
        found |= {"d23": d - c, "cross": (b - a) * (d - c), "diag": d - a, "d13": d - b, "d02b": c - a, "wald": (b - a) * (d - c)}
    if len(shares) >= 5:
        for name, order in {"first": (4, 0, 1, 2, 3), "zero": (0, 1, 2, 3, 4)}.items():
            weight, a, b, c, d = (shares[place] for place in order)
            found[f"adjust_{name}"] = (c - a) * (1 - weight) + (d - b) * weight
            found[f"pairs_{name}"] = (b - a) * (1 - weight) + (d - c) * weight
    if len(shares) >= 6:
        a, b, c, d, e, f = shares[:6]
        found |= {
            "indirect0": (b - a) * (f - e),
            "indirect1": (d - c) * (f - e),
            "front": (f - e) * ((b - a) + (d - c)),
            "nie": a * (f - e) + b * (e - f),
            "nde": (c - a) * (1 - e) + (d - b) * e,
            "total": (d * f + c * (1 - f)) - (b * e + a * (1 - e)),
        }
    return found
