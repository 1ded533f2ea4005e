"""The beginning of a text in; its language as an ISO 639-1 code, or None where that is not clear, out.

Scripts of one language are believed; Latin and Cyrillic texts are told by words so common that any page holds several.
"""

import re
from collections import Counter
from collections.abc import Mapping

SAMPLE_CHARS = 4000
MIN_LETTERS = 20
MIN_HITS = 4
MIN_SHARE = 0.12  # of the words; a page of prose has 0.25 to 0.45
MARGIN = 1.4  # over the next language
_SCRIPT_SHARE = 0.3
_WORDS = re.compile(r"[^\W\d_]+")
_SPACED = {code: " " for code in range(128) if not chr(code).isalpha()}  # what no word of an ASCII text holds
_SCRIPTS = (
    ("ja", re.compile(r"[\u3041-\u30fa]"), 0.05),  # kana, also among many Chinese characters
    ("ko", re.compile(r"[\uac00-\ud7a3]"), _SCRIPT_SHARE),
    ("zh", re.compile(r"[\u4e00-\u9fff]"), _SCRIPT_SHARE),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"), _SCRIPT_SHARE),
    ("he", re.compile(r"[\u0590-\u05ff]"), _SCRIPT_SHARE),
    ("hi", re.compile(r"[\u0900-\u097f]"), _SCRIPT_SHARE),
    ("th", re.compile(r"[\u0e00-\u0e7f]"), _SCRIPT_SHARE),
    ("ka", re.compile(r"[\u10a0-\u10ff]"), _SCRIPT_SHARE),
    ("hy", re.compile(r"[\u0530-\u058f]"), _SCRIPT_SHARE),
)
_ARABIC, _PERSIAN = re.compile(r"[\u0600-\u06ff]"), re.compile(r"[\u067e\u0686\u0698\u06af\u06cc]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_ONLY_IN = (("be", "ў"), ("uk", "їє"), ("sr", "јљњћђџ"), ("ru", "ыэё"))  # letters of one alphabet alone
_FOREIGN = re.compile(r"[^\x00-\u024f]")
_COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in is that was for it with as on be by this are which from at not have or an they his you were there their has will",
        "de": "der die und das ist nicht ein eine zu den von mit sich auf für dem im des auch als es wird an werden aus er hat dass sie nach bei",
        "fr": "le la les et des est une dans que pour qui du un pas sur au il plus ce sont avec par ne se cette mais ou nous vous elle été",
        "es": "el la los que de y en un una por con para las del se no es su al lo como más pero sus este está ha muy son fue",
        "it": "il di che la e un una per non del della in è sono con si le dei gli al alla come più nel anche ha da questo lo ma",
        "pt": "o que de e do da em um uma para com não os no na se por mais as dos como mas foi ao ele das seu sua são é",
        "nl": "de het een en van is dat op te zijn in met niet aan voor er die maar ook om bij als dan nog naar uit worden door wordt hij",
        "sv": "och att det som en är på för av med den till inte har ett om de han var jag men sig från vi så kan när hon",
        "da": "og at det som en er på for af med den til ikke har et om de han var jeg men sig fra vi så kan når hun blev",
        "pl": "i w nie na się z do to że jest o jak ale po co od za przez tak dla czy są był jego być przy było tylko ten",
        "cs": "a se na je v že to s z do i o jako ale po jsou by pro byl za od při které tak jeho nebo být bylo jen ten",
        "tr": "ve bir bu da de için çok ile olarak daha en ne gibi kadar olan sonra var ama ben değil mi her ya o şu hem",
        "fi": "ja on ei että se oli hän en ovat mutta niin kun myös ole kuin sen olla joka tai vain sitä jos nyt minä mitä",
        "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke ada oleh atau adalah karena bisa mereka kami sudah",
        "ru": "и в не на что с он как это по но из у за от к а то все его так же бы для был она мы вы они",
        "uk": "і в не на що з він як це по але із у за від до а то все його так же би для був вона ми ви та є",
        "bg": "и в не на че с той как това по но от за до се да са със е като си ще бе беше които още към при или",
    }.items()
}
_OWNERS: Mapping[str, tuple[str, ...]] = {word: tuple(name for name in _COMMON if word in _COMMON[name]) for words in _COMMON.values() for word in words}


def find_language(text: str) -> str | None:
    """ISO 639-1 code, or None: too short, two languages as likely, or no language at all (code, numbers)."""
    sample = text[:SAMPLE_CHARS]
    if not sample.isascii() and (found := _by_script(sample)):
        return found
    return _by_words(sample)


def _by_script(sample: str) -> str | None:
    foreign = len(_FOREIGN.findall(sample))
    if foreign < 4:
        return None
    letters = sum(map(str.isalpha, sample))
    for language, script, share in _SCRIPTS:
        if len(script.findall(sample)) > share * letters:
            return language
    arabic = len(_ARABIC.findall(sample))
    if arabic > _SCRIPT_SHARE * letters:
        return "fa" if len(_PERSIAN.findall(sample)) > 0.02 * arabic else "ar"
    if len(_CYRILLIC.findall(sample)) > _SCRIPT_SHARE * letters:
        return next((language for language, own in _ONLY_IN if any(map(sample.lower().count, own))), None)
    return None


def _by_words(sample: str) -> str | None:
    words = sample.lower().translate(_SPACED).split() if sample.isascii() else _WORDS.findall(sample.lower())
    if sum(map(len, words)) < MIN_LETTERS:
        return None
    counts = Counter(words)
    hits: dict[str, int] = {}
    for word in counts.keys() & _OWNERS.keys():
        for language in _OWNERS[word]:
            hits[language] = hits.get(language, 0) + counts[word]
    best = max(hits, key=hits.__getitem__, default=None)
    if best is None or hits[best] < max(MIN_HITS, MIN_SHARE * len(words)):
        return None
    next_best = max((count for language, count in hits.items() if language != best), default=0)
    return best if hits[best] >= MARGIN * next_best else None
