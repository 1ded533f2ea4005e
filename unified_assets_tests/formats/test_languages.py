"""A language is told by its script or its commonest words, and left open where neither is clear."""

import pytest

from unified_assets.formats.languages import find_language

TEXTS = {
    "en": "It was the best of times, it was the worst of times, and there was nothing that we could not do with it.",
    "de": "Es war einmal eine alte Geiß, die hatte sieben junge Geißlein und hatte sie lieb, wie eine Mutter ihre Kinder lieb hat, und das ist auch gut.",
    "fr": "Il y avait dans la ville une femme qui ne savait pas lire, mais elle avait avec elle le livre de son père et des images que nous aimions.",
    "es": "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de lanza en astillero.",
    "it": "Nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura che la diritta via era smarrita e non è più con noi.",
    "pt": "O menino não foi para a escola porque ele estava com uma dor de cabeça e a mãe dele não quis que ele fosse ao médico.",
    "nl": "Het was een koude dag en de kinderen waren niet naar school gegaan, want er lag sneeuw op het dak van het huis.",
    "sv": "Det var en gång en flicka som inte hade någon mor, och hon var så ensam att hon talade med träden från morgon till kväll.",
    "pl": "Nie ma na to rady, że jest to po prostu jak w domu, gdzie się nie da tak żyć, ale już był czas do pracy.",
    "tr": "Bu çok güzel bir gün ve daha ne olsun diye sordu, ama o da gibi bir şey değil mi, her şey var.",
    "ru": "Все счастливые семьи похожи друг на друга, и каждая из них, как это было до того, не была счастлива по-своему.",
    "uk": "Все це було так давно, що він не міг як слід про те говорити, але й вона була з ним до кінця та не від того.",
    "ja": "吾輩は猫である。名前はまだ無い。",
    "ko": "모든 인간은 태어날 때부터 자유롭다.",
    "zh": "床前明月光，疑是地上霜。举头望明月。",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι.",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة",
    "fa": "تمام افراد بشر آزاد به دنیا می‌آیند و پیش گفته بود چگونه",
    "he": "כל בני האדם נולדו בני חורין",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में",
}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_languages_are_told(language):
    assert find_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "17", "x = [1, 2, 3]; y = x * 2; print(y)", "GRAND TOTAL 17.50", "42,17,Oslo\n43,18,Lima\n" * 20])
def test_what_is_no_prose_has_none(text):
    assert find_language(text) is None
