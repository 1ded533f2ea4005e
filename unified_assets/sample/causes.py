"""A generator → sentences that state a cause or do not, and choices between two causes or effects."""

from unified_assets.sample.words import MONTHS, TOWNS, Words

# (cause, effect) as noun phrases: what leads to what.
EVENTS = (
    ("the heavy rain", "the flood"),
    ("the long drought", "the poor harvest"),
    ("the broken pipe", "the wet ceiling"),
    ("the strike", "the delay"),
    ("the earthquake", "the damage"),
    ("the new tax", "the higher prices"),
    ("the icy road", "the accident"),
    ("the virus", "the fever"),
    ("the power cut", "the dark streets"),
    ("the forest fire", "the thick smoke"),
    ("the strong wind", "the fallen trees"),
    ("the bank failure", "the panic"),
)
CAUSAL = (
    "{c} led to {e} in {t}",
    "{e} in {t} was caused by {c}",
    "{c} triggered {e} in {m}",
    "because of {c}, {t} suffered {e}",
    "{e} of {m} resulted from {c}",
    "{t} reported that {c} had brought about {e}",
    "{e} was due to {c}, said the mayor of {t}",
)
PLAIN = (
    "{c} was reported in {t} along with {e}",
    "{t} remembers {c} and, years before, {e}",
    "despite {c}, nobody in {t} spoke of {e}",
    "{e} in {t} was unrelated to {c}",
    "{c} came in {m}, long before {e} in {t}",
    "the mayor of {t} described {c} and {e}",
    "{e} of {m} was as famous in {t} as {c}",
)
OPEN = ("{c} hit {t} in {m}, and then came {e}", "after {c} in {t} there was {e}", "{t} saw {c}, followed by {e}")  # causal only for a known pair

# (cause, effect) as sentences about somebody.
STORIES = (
    ("{who} dropped the glass.", "The glass broke."),
    ("{who} forgot to water the plant.", "The plant dried up."),
    ("{who} stayed up all night.", "{who} was very tired."),
    ("{who} left the window open in the rain.", "The floor got wet."),
    ("{who} studied hard for the exam.", "{who} passed the exam."),
    ("{who} missed the train.", "{who} came late to work."),
    ("{who} ate too much cake.", "{who} had a stomach ache."),
    ("{who} touched the hot stove.", "{who} burned a finger."),
    ("{who} told a funny joke.", "The friends laughed out loud."),
    ("{who} lost the house key.", "{who} could not open the door."),
    ("{who} ran a long race.", "{who} was out of breath."),
    ("{who} left the milk in the sun.", "The milk turned sour."),
    ("{who} pressed the light switch.", "The lamp went on."),
    ("{who} drove too fast.", "The police stopped the car."),
    ("{who} stepped on a nail.", "The foot started to bleed."),
    ("{who} saved money for a year.", "{who} could buy a bicycle."),
    ("{who} broke a promise.", "{who}'s sister was angry."),
    ("{who} fed the stray cat.", "The cat came back every day."),
    ("{who} put ice into the tea.", "The tea became cold."),
    ("{who} sang off key.", "The audience covered their ears."),
    ("{who} planted seeds in spring.", "Flowers grew in the garden."),
    ("{who} left the phone unplugged.", "The battery ran out."),
    ("{who} sneezed near the candle.", "The candle went out."),
    ("{who} wore new shoes on the walk.", "{who} got blisters."),
)
NAMES = ("Ada", "Bruno", "Carla", "Dan", "Eva", "Felix", "Gita", "Henry", "Ines", "Jack", "Karin", "Luis", "Mona", "Nils", "Petra", "Rosa")


def sentences(words: Words, count: int) -> list[dict[str, str]]:
    """`count` different sentences, half of them (label 1) saying that one event caused the other."""
    effects = dict(EVENTS)
    found: dict[str, str] = {}
    while len(found) < count:
        wanted = len(found) % 2
        cause, effect = words.one(EVENTS)
        if words.rng.random() < 0.25:
            if not wanted:
                effect = words.one([other for other in effects.values() if other != effect])
            pattern = words.one(OPEN)
        else:
            pattern = words.one(CAUSAL if wanted else PLAIN)
        text = pattern.format(c=cause, e=effect, t=words.one(TOWNS), m=words.one(MONTHS))
        found.setdefault(text[0].upper() + text[1:] + ".", str(wanted))
    rows = [{"text": text, "label": label} for text, label in found.items()]
    return words.some(rows, len(rows))


def choices(words: Words, count: int) -> list[dict[str, str]]:
    """`count` different choices; `label` is the index of the right option. A wrong option is right elsewhere."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    while len(found) < count:
        (right_cause, right_effect), (wrong_cause, wrong_effect) = words.some(STORIES, 2)
        who, asks = words.one(NAMES), words.one(("cause", "effect"))
        premise, right, wrong = (right_effect, right_cause, wrong_cause) if asks == "cause" else (right_cause, right_effect, wrong_effect)
        options = [right.format(who=who), wrong.format(who=who)]
        label = len(found) % 2
        if label:
            options.reverse()
        row = {"premise": premise.format(who=who), "asks-for": asks, "choice1": options[0], "choice2": options[1], "label": str(label)}
        found.setdefault((row["premise"], asks, *sorted(options)), row)
    return words.some(list(found.values()), count)
