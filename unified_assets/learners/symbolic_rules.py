"""Facts and rules in plain English → whether a statement follows: a template parser and forward chaining.

Reads the language of ProofWriter (Tafjord et al. 2021) and PrOntoQA (Saparov & He 2023): "Anne is kind.", "The cat likes
the dog.", "If someone is big and they chase the cat then they are nice.", "Kind, young people are green.", "Every wumpus is red."
A text of which one sentence is not understood gives no verdict at all.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from unified_assets.learners.symbolic_phrasing import plain, plain_question

MOST_SENTENCES, MOST_FACTS = 200, 5000
VARIABLES = frozenset({"something", "someone", "everyone", "anyone", "they", "it", "he", "she", "them", "people", "things", "thing", "person"})
UNREAD = frozenset(  # words of a sentence that is no plain fact: taken for one, it would give verdicts that nothing supports
    {
        "who", "which", "that", "if", "unless", "when", "whenever", "no", "none", "never", "only", "some", "most", "or", "either", "everybody",
        "everything", "anybody", "anything", "whoever", "whatever", "because", "but", "except", "might", "may", "could", "would", "should",
    }
)  # fmt: skip
LEAD = re.compile(r"^.*?(?:statement|conclusion)[^.?!:]*[?:]\s*", re.IGNORECASE | re.DOTALL)
SENTENCE = re.compile(r"[^.!?]+[.!?]?")
COPULA = re.compile(r"^(?P<subject>(?:the )?[\w' -]+?) (?:is|are|was|were)(?P<negated> not)? (?P<rest>.+)$")
NOUN = r"(?:the \w+(?: \w+)??|\w+)"
VERB = re.compile(rf"^(?P<subject>{NOUN}) (?:(?P<negated>(?:does|do|did) not) )?(?P<verb>(?!the |not |does )\w+) (?P<object>{NOUN})$")
MODALS = frozenset({"can", "will", "shall", "must", "has", "have", "tend", "tends"})
QUANTIFIED = re.compile(r"^(?:every|each|all|any) (?P<rest>.+)$")


@dataclass(frozen=True)
class Atom:
    """One thing said of a subject ("?" is the variable of a rule): (subject, relation, object), or its denial."""

    subject: str
    relation: str
    object: str
    holds: bool = True

    def about(self, name: str) -> "Atom":
        """The atom with the variable replaced."""
        return Atom(name if self.subject == "?" else self.subject, self.relation, name if self.object == "?" else self.object, self.holds)

    def denied(self) -> "Atom":
        """The opposite."""
        return Atom(self.subject, self.relation, self.object, not self.holds)


@dataclass(frozen=True)
class Rule:
    """If all of `given` hold then `then` holds."""

    given: tuple[Atom, ...]
    then: tuple[Atom, ...]


def verdict(context: str, question: str) -> str | None:
    """`true`, `false` or `unknown` for the statement in the question; None where a sentence is not understood."""
    statement = parse_statement(question)
    known = None if statement is None else _known(context)
    if statement is None or known is None:
        return None
    if statement in known:
        return "true"
    return "false" if statement.denied() in known else "unknown"


@lru_cache(maxsize=512)
def _known(context: str) -> frozenset[Atom] | None:
    """What follows from a text, which many questions may ask about; None where a sentence is not understood."""
    theory = parse_theory(context)
    return None if theory is None else chain(*theory)


def parse_theory(context: str) -> tuple[frozenset[Atom], tuple[Rule, ...]] | None:
    """Facts and rules of a text, or None."""
    sentences = [part.strip(" .!?\n").lower() for part in SENTENCE.findall(context)]
    sentences = [part for part in sentences if part]
    if not sentences or len(sentences) > MOST_SENTENCES:
        return None
    facts: set[Atom] = set()
    rules: list[Rule] = []
    for sentence in map(_squeezed, sentences):
        rule = _rule(sentence) if not (UNREAD - {"if"}) & set(sentence.split()) else None
        if rule is not None:
            rules.append(rule)
            continue
        atoms = _clause(sentence, variable=False) if not UNREAD & set(sentence.split()) else []
        if not atoms:
            return None
        facts.update(atoms)
    return frozenset(facts), tuple(rules)


def parse_statement(question: str) -> Atom | None:
    """The one statement a question asks about."""
    text = _squeezed(plain_question(LEAD.sub("", question.strip())).strip(" .!?\n").lower())
    atoms = _clause(text, variable=False) if not UNREAD & set(text.split()) else []
    return atoms[0] if len(atoms) == 1 else None


def _squeezed(sentence: str) -> str:
    return " ".join(plain(sentence).split())


def chain(facts: frozenset[Atom], rules: tuple[Rule, ...]) -> frozenset[Atom]:
    """Everything that follows; negated atoms are derived like others (open world)."""
    known = set(facts)
    names = {atom.subject for atom in known} | {atom.object for atom in known if atom.relation != "is"}
    names |= {name for rule in rules for atom in (*rule.given, *rule.then) for name in (atom.subject, atom.object if atom.relation != "is" else "?")}
    names.discard("?")
    every = product(rules, sorted(names))
    grounded = [({given.about(name) for given in rule.given}, tuple(atom.about(name) for atom in rule.then)) for rule, name in every]
    grown = True
    while grown and len(known) < MOST_FACTS:
        new = {atom for given, then in grounded if given <= known for atom in then}
        grown = not new <= known
        known |= new
    return frozenset(known)


def _rule(sentence: str) -> Rule | None:
    """An implication: if … then …, every/all …, plural kinds ("kind people are …", "wumpuses are …")."""
    if sentence.startswith("if "):
        return _conditional(sentence)
    quantified = QUANTIFIED.match(sentence)
    body = quantified.group("rest") if quantified else sentence
    found = re.match(r"^(?P<kind>[\w, -]+?) (?P<copula>is|are)(?P<negated> not)? (?P<rest>.+)$", body)
    if not found or (not quantified and not _is_kind(found.group("kind"), found.group("copula"))):
        return None
    given = tuple(Atom("?", "is", word) for word in _properties(found.group("kind")))
    then = tuple(Atom("?", "is", word, not found.group("negated")) for word in _properties(found.group("rest")))
    return Rule(given, then) if given and then else None


def _conditional(sentence: str) -> Rule | None:
    body = sentence[3:]
    given_text, separator, then_text = body.partition(" then ")
    if not separator:
        given_text, separator, then_text = body.partition(", ")
    given = [_clause(part, variable=True) for part in _conjuncts(given_text)]
    then = _clause(then_text.strip(), variable=True)
    if not then or not given or not all(given):
        return None
    return Rule(tuple(atom for part in given for atom in part), tuple(then))


def _conjuncts(text: str) -> list[str]:
    """Split at `and` where a whole clause follows; "is big and nice" stays together."""
    parts: list[str] = []
    for piece in text.strip(" ,").split(" and "):
        whole = re.search(r" (?:is|are|does|do|was) ", f" {piece} ") or VERB.match(piece)
        if parts and not whole:
            parts[-1] += f" and {piece}"
        else:
            parts.append(piece)
    return parts


def _clause(text: str, *, variable: bool) -> list[Atom]:
    found = COPULA.match(text)
    if found:
        subject = _name(found.group("subject"), variable=variable)
        denied = bool(found.group("negated"))
        parts = _properties(found.group("rest"))
        return [Atom(subject, "is", word.removeprefix("not "), denied == word.startswith("not ")) for word in parts]
    found = VERB.match(text)
    if found and found.group("verb") not in MODALS:
        subject, target = (_name(found.group(part), variable=variable) for part in ("subject", "object"))
        return [Atom(subject, _singular_verb(found.group("verb")), target, not found.group("negated"))]
    return []


def _name(text: str, *, variable: bool) -> str:
    name = text.removeprefix("the ").strip()
    return "?" if variable and name in VARIABLES else name


def _properties(text: str) -> list[str]:
    parts = re.split(r",\s*(?:and )?|\s+and\s+", text.strip())
    cleaned = [re.sub(r"^(?:a|an|the) ", "", part.strip()) for part in parts]
    if len(cleaned) == 1:
        cleaned = cleaned[0].split() if cleaned[0].split()[-1:] and cleaned[0].split()[-1] in VARIABLES else cleaned
    else:
        cleaned = [word for part in cleaned for word in (part.split() if part.split()[-1:] and part.split()[-1] in VARIABLES else [part])]
    return [singular(word) for word in cleaned if word and word not in VARIABLES]


def _is_kind(text: str, copula: str) -> bool:
    """Whether a subject names a kind of things rather than one thing."""
    last = text.rsplit(maxsplit=1)[-1]
    return copula == "are" or last in {"people", "things"} or (text.startswith(("a ", "an ")) and copula == "is")


def _singular_verb(verb: str) -> str:
    if verb.endswith(("ches", "shes", "sses", "xes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def singular(word: str) -> str:
    """A rough singular, the same for both numbers of a noun ("wumpuses" → "wumpus")."""
    if word.endswith(("uses", "sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
