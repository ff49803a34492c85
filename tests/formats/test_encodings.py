"""How the bytes of a file become text."""

from __future__ import annotations

import re

import pytest

from crisp_align.errors import TranscriptError
from crisp_align.formats import decode_document
from crisp_align.formats.encodings import decode
from tests.reels import JFK

FRENCH = "Où étais-tu hier soir ?\nÇa va, mon cœur, à côté de la fenêtre il fait froid.\nVoilà l'été."
POLISH = "Gdzie byłeś wczoraj wieczorem?\nNie wiem, co się stało z moją książką.\nZamknij drzwi, proszę cię."
GREEK = "Πού ήσουν χθες το βράδυ;\nΔεν ξέρω τι έγινε.\nΚλείσε την πόρτα, σε παρακαλώ."
RUSSIAN = "Где ты был вчера вечером?\nЯ не знаю, что случилось.\nЗакрой дверь, пожалуйста."
THAI = "เมื่อคืนคุณอยู่ที่ไหน\nฉันไม่รู้ว่าเกิดอะไรขึ้น\nช่วยปิดประตูด้วย"
JAPANESE = "昨日の夜はどこにいたの？\n何が起こったのか分からない。\nドアを閉めてください。"
KOREAN = "어젯밤에 어디 있었어?\n무슨 일인지 모르겠어.\n문 좀 닫아 주세요."
CHINESE = "你昨天晚上在哪里？\n我不知道发生了什么。\n请把门关上。"
TAIWANESE = "你昨天晚上在哪裡？\n我不知道發生了什麼。\n請把門關上。"
LITHUANIAN = "Kur buvai vakar vakare?\nNežinau, kas atsitiko su mano šunimi.\nPrašau, uždaryk duris, šąla."
TURKISH = "Dün akşam neredeydin?\nNe olduğunu bilmiyorum.\nKapıyı kapatır mısın, lütfen?"
HEBREW = "איפה היית אתמול בערב?\nאני לא יודע מה קרה.\nתסגור את הדלת בבקשה."
ARABIC = "أين كنت مساء أمس؟\nلا أعرف ماذا حدث.\nأغلق الباب من فضلك."


def subtitles(text: str) -> str:
    blocks = [f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{line}\n" for n, line in enumerate(text.split("\n"), start=1)]
    return "\n".join(blocks)


LEGACY = [
    ("cp1252", FRENCH), ("mac_roman", FRENCH), ("cp1250", POLISH), ("iso8859_2", POLISH), ("cp852", POLISH),
    ("cp1253", GREEK), ("iso8859_7", GREEK), ("cp1251", RUSSIAN), ("koi8_r", RUSSIAN), ("cp866", RUSSIAN),
    ("iso8859_5", RUSSIAN), ("cp874", THAI), ("shift_jis", JAPANESE), ("euc_jp", JAPANESE), ("euc_kr", KOREAN),
    ("gb18030", CHINESE), ("big5", TAIWANESE), ("cp1257", LITHUANIAN), ("cp1254", TURKISH), ("cp1255", HEBREW),
    ("cp1256", ARABIC),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "text"), LEGACY)
def test_three_cues_in_a_legacy_encoding_are_read_and_the_guess_is_named(encoding: str, text: str) -> None:
    read = decode(subtitles(text).encode(encoding), "a.srt")
    assert read.text == subtitles(text)
    assert len(read.notices) == 1
    assert "looks like" in read.notices[0]
    assert "--encoding" in read.notices[0]


@pytest.mark.parametrize("text", [FRENCH, GREEK, RUSSIAN, THAI, JAPANESE, KOREAN, CHINESE])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-8-sig"])
def test_unicode_is_read_with_and_without_a_mark(encoding: str, text: str) -> None:
    read = decode(subtitles(text).encode(encoding), "a.srt")
    assert read.text == subtitles(text)
    assert read.notices == ()


@pytest.mark.parametrize(("encoding", "text"), [("iso2022_jp", JAPANESE), ("iso2022_kr", KOREAN), ("hz", CHINESE)])
def test_encodings_of_seven_bits_are_known_by_their_escapes(encoding: str, text: str) -> None:
    assert decode(subtitles(text).encode(encoding), "a.srt").text == subtitles(text)


def test_one_accent_in_a_long_english_file_is_windows_1252() -> None:
    text = (
        subtitles("\n".join(["I have not been there since."] * 8)) + "\n9\n00:00:09,000 --> 00:00:09,900\nThe café.\n"
    )
    read = decode(text.encode("cp1252"), "a.srt")
    assert read.text == text
    assert "Windows-1252" in read.notices[0]


def test_a_file_in_no_known_encoding_is_refused_with_a_hint() -> None:
    noise = bytes(range(0x80, 0x100)) * 4
    with pytest.raises(TranscriptError) as caught:
        decode(b"1\n00:00:01,000 --> 00:00:02,000\n" + noise, "a.srt")
    assert "cannot be recognised" in str(caught.value)
    assert re.search("--encoding", str(caught.value.hint))


def test_a_recording_given_for_subtitles_is_said_to_be_no_text() -> None:
    with pytest.raises(TranscriptError, match="is not text") as caught:
        decode(JFK.read_bytes(), "a.srt")
    assert "crisp-align FILE" in str(caught.value.hint)


def test_an_xml_declaration_is_believed() -> None:
    head = '<?xml version="1.0" encoding="{}"?>\n<tt xmlns="http://www.w3.org/ns/ttml"><body><div>'
    text = head + '<p begin="0s" end="2s">Où étais-tu, mon cœur ?</p></div></body></tt>'
    for encoding in ("iso-8859-15", "windows-1252", "utf-8", "utf-16"):
        data = text.format(encoding).encode(encoding)
        assert decode_document(data, "a.ttml").cues[0].text == "Où étais-tu, mon cœur ?", encoding


def test_an_xml_declaration_that_is_wrong_is_not_believed() -> None:
    data = '<?xml version="1.0" encoding="utf-16"?><tt><body><p begin="0s" end="2s">é</p></body></tt>'.encode()
    assert decode_document(data, "a.ttml").cues[0].text == "é"
