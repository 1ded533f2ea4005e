"""A generator → lists of members of a concept, and requests with what they ask for."""

from unified_assets.sample.words import MONTHS, TOWNS, Words

# concept -> (first words, last words): members are pairs of them.
CONCEPTS = {
    "animals": (
        ("red", "arctic", "grey", "mountain", "forest", "sea", "spotted", "giant", "river", "desert"),
        ("fox", "wolf", "hare", "otter", "owl", "turtle", "deer", "seal"),
    ),
    "cities": (("north", "new", "saint", "port", "upper", "old", "west", "lower"), ("haven", "burgh", "hampton", "minster", "ville", "bridge", "stead")),
    "colours": (("pale", "dark", "bright", "deep", "light", "warm", "dusty"), ("blue", "green", "crimson", "amber", "violet", "turquoise", "beige", "scarlet")),
    "fruits": (("sour", "wild", "golden", "sweet", "blood", "winter", "black"), ("cherry", "apple", "orange", "plum", "pear", "grape", "currant", "melon")),
    "instruments": (("bass", "alto", "tenor", "baroque", "electric", "concert"), ("flute", "guitar", "clarinet", "trumpet", "viola", "drum", "harp")),
    "tools": (("claw", "pipe", "cordless", "bench", "torque", "hand", "rubber"), ("hammer", "wrench", "drill", "saw", "chisel", "mallet", "plane")),
    "vehicles": (("freight", "delivery", "racing", "fire", "night", "school"), ("train", "truck", "bicycle", "bus", "lorry", "tram", "van")),
    "weather": (("light", "heavy", "freezing", "coastal", "morning", "sudden"), ("rain", "fog", "snow", "drizzle", "hail", "thunder", "frost")),
}
# Members without a part that others share: only who knows the word can tell.
ALONE = {
    "animals": ("camel", "mole", "lynx", "stork", "gecko", "badger", "raven", "squid"),
    "cities": ("oslo", "lagos", "quito", "hanoi", "dakar", "lima", "perth", "turin"),
    "colours": ("ochre", "teal", "maroon", "ivory", "indigo", "khaki", "salmon", "mauve"),
    "fruits": ("mango", "quince", "papaya", "fig", "lychee", "kiwi", "guava", "apricot"),
    "instruments": ("oboe", "cello", "lute", "banjo", "zither", "bugle", "gong", "piano"),
    "tools": ("pliers", "trowel", "anvil", "lathe", "clamp", "sander", "awl", "crowbar"),
    "vehicles": ("ferry", "canoe", "tractor", "scooter", "yacht", "glider", "sledge", "taxi"),
    "weather": ("sleet", "breeze", "mist", "gale", "blizzard", "dew", "monsoon", "cyclone"),
}
JOINED = {"cities"}  # written as one word or as a name

INTENTS = {
    "alarm": ("wake me up at {n} o'clock", "set an alarm for {n} in the morning", "please ring me at {n} tomorrow", "I need an alarm on {d}"),
    "balance": ("how much money is in my account", "what is the balance of my {b} account", "tell me what is left on my {b} card", "do I have {n} euros left"),
    "directions": ("how do I get to {t}", "show me the way to {t}", "which road leads from {t} to {u}", "is there a shorter way to {t}"),
    "flight": ("book a flight to {t}", "find me a plane from {t} to {u}", "I want to fly to {t} on {d}", "are there seats to {t} on {d}"),
    "music": ("play some {g}", "put on a {g} song", "I would like to hear {g}", "turn up the {g} and play it again"),
    "recipe": ("how do I cook {f}", "give me a recipe for {f}", "what do I need to make {f}", "how long does {f} take in the oven"),
    "translate": ("how do you say {f} in {l}", "translate good morning into {l}", "what is the {l} word for {f}", "say it in {l} please"),
    "weather": ("will it rain in {t}", "what is the weather like on {d}", "do I need an umbrella in {t}", "how cold will {t} be in {m}"),
}
OPENINGS = ("", "please, ", "hello, ", "quickly: ", "one more thing, ", "could you help: ")
FOODS = ("soup", "pancakes", "lasagne", "fried rice", "bread", "apple pie", "curry", "stew")
MUSIC = ("jazz", "folk", "opera", "techno", "blues", "rock", "swing")
LANGUAGES = ("Spanish", "Polish", "Greek", "Danish", "Turkish", "Welsh")
BANKS = ("savings", "joint", "student", "business")


def members(words: Words, concept: str, count: int) -> list[str]:
    """At most `count` different members of a concept, in random order."""
    first, last = CONCEPTS[concept]
    join = "" if concept in JOINED else " "
    names = [f"{left}{join}{right}" for left in first for right in last]
    chosen = words.some([*words.some(names, count - count // 5), *ALONE[concept][: count // 5]], count)
    return [name.capitalize() for name in chosen] if concept in JOINED else chosen


def requests(words: Words, each: int) -> list[dict[str, str]]:
    """`each` different texts of every intent, mixed."""
    rows = []
    for intent, patterns in INTENTS.items():
        found: dict[str, None] = {}
        while len(found) < each:
            first, second = words.some(TOWNS, 2)
            filling = {"t": first, "u": second, "n": words.whole(2, 12), "d": words.date(), "m": words.one(MONTHS), "f": words.one(FOODS)}
            filling |= {"g": words.one(MUSIC), "l": words.one(LANGUAGES), "b": words.one(BANKS)}
            found.setdefault(words.one(OPENINGS) + words.one(patterns).format(**filling))
        rows += [{"text": text, "intent": intent} for text in found]
    return words.some(rows, len(rows))
