"""Encodings are told apart by what bytes can and cannot be."""

import pytest

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.encodings import decode_text, find_encoding

CHINESE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
FRENCH = "L'été dernier, à la fête du château, François dînait près de l'hôtel."
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему."
GREEK = "Ὅλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.".replace("Ὅ", "Ό")
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."
TAIWANESE = "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。"


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_believed_and_removed(codec):
    text, encoding = decode_text(FRENCH.encode(codec))
    assert (text, encoding.confident) == (FRENCH, True)


@pytest.mark.parametrize(
    ("text", "codec", "found", "confident"),
    [
        (FRENCH, "utf-8", "utf-8", True),
        (CHINESE, "utf-8", "utf-8", True),
        ("plain", "ascii", "utf-8", True),
        (CHINESE, "gb18030", "gb18030", True),
        (CHINESE[:4], "gb18030", "gb18030", False),
        (FRENCH, "cp1252", "cp1252", False),
        (JAPANESE, "cp932", "cp932", True),
        (JAPANESE, "euc_jp", "euc_jp", True),
        (KOREAN, "cp949", "cp949", False),
        (TAIWANESE, "big5", "big5", True),
        (RUSSIAN, "cp1251", "cp1251", True),
        (RUSSIAN, "koi8-r", "koi8-r", True),
        (RUSSIAN, "cp866", "cp866", True),
        (GREEK, "cp1253", "cp1253", True),
        ("Äußerst schöne Grüße aus München, wo es früh dämmert.", "cp1252", "cp1252", False),
        ("plain words in two bytes", "utf-16-le", "utf-16-le", False),
        ("plain words in two bytes", "utf-16-be", "utf-16-be", False),
    ],
)
def test_encodings_are_found_without_a_mark(text, codec, found, confident):
    decoded, encoding = decode_text(text.encode(codec))
    assert (decoded, encoding.name, encoding.confident) == (text, found, confident)


def test_bytes_that_cp1252_lacks_are_latin_1():
    assert decode_text(b"caf\xe9 \x81")[1].name == "latin-1"


def test_a_code_page_that_lacks_a_byte_of_the_text_is_not_chosen():
    data = "καλημέρα κόσμε, τι κάνεις σήμερα το πρωί".encode("cp1253")
    assert decode_text(data)[1].name == "cp1253"
    assert decode_text(data + b" \xd2")[1].name == "cp1252"


def test_binary_is_no_text():
    assert find_encoding(bytes(range(256)), whole=True) is None
    with pytest.raises(UnreadableFile, match="not_text"):
        decode_text(bytes(range(256)))


def test_a_character_cut_at_the_end_of_the_head_is_left_out():
    data = "né".encode()[:-1]
    assert decode_text(data, whole=False) == ("n", ("utf-8", 0, True))
