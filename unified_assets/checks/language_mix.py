"""Text in one language with much of another in it."""

from collections import Counter

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText

FEWEST = 30  # function words
_WORDS = {
    "English": "the of and to is that was for with his they this from have are not which you it",
    "French": "le les des est une dans que pour qui sur avec pas plus sont du aux cette nous vous il",
    "German": "der und das ist nicht ein eine mit von sich auch auf dem den für wird sind im zu ich",
    "Spanish": "el los las una por con para del como pero más fue sus muy también esta son lo se su",
    "Italian": "il che di per gli della una sono con non anche dei nel più questo alla è si le ma",
    "Portuguese": "os uma não para com mais dos como foi seu sua também pelo são das ao ele à mas em",
    "Dutch": "de het een van en niet dat zijn op aan met voor er maar ook bij uit nog wordt te",
}
_LANGUAGES: dict[str, list[str]] = {}
for _language, _list in _WORDS.items():
    for _word in _list.split():
        _LANGUAGES.setdefault(_word, []).append(_language)
_SURE = {word: languages[0] for word, languages in _LANGUAGES.items() if len(languages) == 1}


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    counts: Counter[str] = Counter()
    for word in text.word_counts.keys() & _SURE.keys():
        counts[_SURE[word]] += text.word_counts[word]
    total = sum(counts.values())
    if total < FEWEST:
        return 0.0, "too few function words to tell"
    (main, most), *others = counts.most_common(2)
    second, fewer = others[0] if others else ("", 0)
    return fewer / total, f"{most} function words of {main}" + (f", {fewer} of {second}" if fewer else "")


def _text(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8")


ENGLISH = "The plums were ripe and the children of the village carried them home with their hands, for it was late. "
FRENCH = "Les prunes sont mûres et les enfants du village qui jouent dans la cour vont avec une corbeille pour les cueillir. "


CHECK = Check(
    name="language_mix",
    modality="text",
    severity="warn",
    description="More than 20 % of the function words are of a second language.",
    unit="share",
    threshold=0.2,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _text(ENGLISH * 20),
    bad=lambda: _text((ENGLISH + FRENCH) * 12),
    penalty=5.0,
)
