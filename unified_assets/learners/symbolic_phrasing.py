"""A sentence of rules in one of many wordings → the one wording that the rule parser reads ("if someone is … then they are …").

What is not recognised is left as it is; whether it can be read is for the parser to say.
"""

import re

CONTRACTIONS = {"can't": "can not", "cannot": "can not", "won't": "will not"}
ANYONE = (
    r"(?:(?:any|every|each|a) (?:person|thing|individual|animal|creature)|everyone|everybody|everything|"
    r"anyone|anybody|anything|someone|something|(?:all |any )?(?:people|persons|things|those|ones|animals|creatures))"
)
KIND_NOUN = r"(?:person|people|thing|things|one|ones|individual|individuals|animal|animals|creature|creatures)"
WHO = r"(?:who|that|which)"
COPULA = r"(?:is|are|was|were)"
LEAD = re.compile(r"^(?:it is (?:known|true|given|a fact) that|we know that|also,?|moreover,?|furthermore,?|and) ")
QUESTION = re.compile(
    r"^(?:is it (?:true|the case|correct)|does it follow|can (?:we|it be|you) (?:conclude|infer|concluded|inferred|say)|true or false|"
    r"(?:decide|determine|say|tell) (?:whether|if)|it (?:is true|follows)|therefore|so|hence)\s*(?:that\b|[:,])?\s*",
    re.IGNORECASE,
)


def plain_question(text: str) -> str:
    """A question without the words that only ask."""
    return QUESTION.sub("", text.strip(), count=1)


def plain(sentence: str) -> str:
    """A lower-case sentence without its full stop, in the wording of the parser."""
    text = re.sub(r"\b(\w+)n't\b", r"\1 not", _contracted(LEAD.sub("", sentence.strip())))
    text = re.sub(r"^(all|each|every one|none) of (?:the|these|those) ", r"\1 ", text)
    text = re.sub(r"\b(is|are|was|were) (?:never|in no case) ", r"\1 not ", re.sub(r"\bboth (?=\w+ and )", "", text))
    for pattern, made in REWRITES:
        found = pattern.match(text)
        if found:
            return _conditional(made.format(**{name: (value or "").strip() for name, value in found.groupdict().items()}))
    return _conditional(text) if text.startswith("if ") else text


def _contracted(text: str) -> str:
    for short, whole in CONTRACTIONS.items():
        text = text.replace(short, whole)
    return text


def _conditional(text: str) -> str:
    """Any "a person … that person" inside a condition stands for the parser's someone and they."""
    text = re.sub(rf"\b(?:a|an|some) {KIND_NOUN}\b", "someone", text)
    text = re.sub(rf"\b(?:the|that|this|said) {KIND_NOUN}\b(?! \w+s? )", "they", text)
    return re.sub(rf"\b(?:the same|that|this) {KIND_NOUN}\b", "they", text)


def _rule(pattern: str, made: str) -> tuple[re.Pattern[str], str]:
    return re.compile(pattern), made


REWRITES = (
    _rule(
        rf"^(?:{ANYONE} {WHO}|whoever|whatever) {COPULA}(?P<no> not)? (?P<given>[^,]+?),? {COPULA}(?P<deny> not)? (?P<then>.+)$",
        "if someone is {no} {given} then they are {deny} {then}",
    ),
    _rule(
        rf"^(?:{ANYONE} {WHO}|whoever|whatever) (?P<verb>\w+) (?P<object>(?:the )?\w+),? {COPULA}(?P<deny> not)? (?P<then>.+)$",
        "if someone {verb} {object} then they are {deny} {then}",
    ),
    _rule(
        rf"^(?:{ANYONE} {WHO}|whoever|whatever) {COPULA}(?P<no> not)? (?P<given>[^,]+?),? (?P<verb>\w+s) (?P<object>the \w+)$",
        "if someone is {no} {given} then they {verb} {object}",
    ),
    _rule(
        rf"^(?:{ANYONE} {WHO}|whoever|whatever) (?P<verb>\w+) (?P<object>(?:the )?\w+),? (?P<other>\w+s) (?P<target>the \w+)$",
        "if someone {verb} {object} then they {other} {target}",
    ),
    _rule(
        rf"^(?:each|every|all|any) (?P<noun>\w+) {WHO} {COPULA}(?P<no> not)? (?P<given>[^,]+?),? {COPULA}(?P<deny> not)? (?P<then>.+)$",
        "if someone is {noun} and they are {no} {given} then they are {deny} {then}",
    ),
    _rule(rf"^(?:no|none of the|none) (?P<given>[\w ]+?) {COPULA} (?P<then>.+)$", "if someone is {given} then they are not {then}"),
    _rule(
        r"^being (?P<given>[\w ,]+?) (?:makes|means|implies|renders)(?: someone| something| one| being)* (?P<then>.+)$",
        "if someone is {given} then they are {then}",
    ),
    _rule(
        r"^(?P<then>(?:(?:a|any) person|someone|something|they|it|everyone|anyone)\b.+?) (?:if|when|whenever|provided that) (?P<given>.+)$",
        "if {given} then {then}",
    ),
    _rule(r"^(?:when|whenever|in case|provided that|suppose) (?P<given>.+?),(?: then)? (?P<then>.+)$", "if {given} then {then}"),
)
