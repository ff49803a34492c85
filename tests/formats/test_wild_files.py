"""Kinds of files that are common in public, each made here: what is shown of them, in every format they occur in."""

import pytest

from crisp_align.errors import TranscriptError
from crisp_align.formats import decode_document, parse_document, read_document, write_document
from crisp_align.formats.document import SubtitleDocument

ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
TTML = '<tt xmlns="{}" xml:lang="en"><body><div>{}</div></body></tt>'
NEW, OLD = "http://www.w3.org/ns/ttml", "http://www.w3.org/2006/10/ttaf1"


def shown(document: SubtitleDocument) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in document.cues]


def srt(*cues: str) -> str:
    return "\n".join(f"{number}\n{cue}\n" for number, cue in enumerate(cues, start=1))


@pytest.mark.parametrize("name", ["srt", "vtt", "ttml", "ass"])
def test_overlaps_keep_their_own_lines_and_times(name: str) -> None:
    text = srt("00:00:01,000 --> 00:00:09,000\nEXIT", "00:00:02,000 --> 00:00:04,000\nWhere?")
    first = parse_document(text, "x")
    again = parse_document(write_document(name, first).decode(), "x")
    assert shown(again) == [(1.0, 9.0, "EXIT"), (2.0, 4.0, "Where?")]


@pytest.mark.parametrize("name", ["srt", "vtt", "ttml", "ass"])
def test_finished_subtitles_stay_finished(name: str) -> None:
    text = srt(
        "00:00:01,000 --> 00:00:03,000\n{\\an8}<i>Previously on the show...</i>",
        "00:00:03,500 --> 00:00:05,200\n- Where were you?\n- At home.",
        "00:00:05,280 --> 00:00:06,500\n[thunder rumbles]",
        '00:00:06,580 --> 00:00:09,000\n♪ Row your boat ♪\n<font color="#ffff00">ANN: Stop!</font>',
    )
    between = write_document(name, parse_document(text, "x")).decode()
    assert write_document("srt", parse_document(between, "x")).decode() == text


@pytest.mark.parametrize("namespace", [NEW, OLD, "http://www.w3.org/2006/04/ttaf1", "urn:of-nobody"])
def test_any_namespace_of_timed_text_is_read(namespace: str) -> None:
    text = TTML.format(namespace, '<p begin="00:00:01.000" end="00:00:03.000">One<br/>two</p>')
    assert shown(parse_document(text, "x")) == [(1.0, 3.0, "One\ntwo")]


def test_an_empty_attribute_is_an_absent_one() -> None:
    text = TTML.format(NEW, '<p begin="" end="" dur=""><span begin="1s" end="2s">Hi</span></p>')
    assert shown(parse_document(text, "x")) == [(1.0, 2.0, "Hi")]


def test_clocks_without_hours_and_bare_seconds_are_times() -> None:
    text = TTML.format(NEW, '<p begin="19.764" end="21.900">Rain</p><p begin="1:00.594" end="1:02.2">Warm</p>')
    assert shown(parse_document(text, "x")) == [(19.764, 21.9, "Rain"), (60.594, 62.2, "Warm")]


def test_paragraphs_in_a_sequence_follow_each_other() -> None:
    body = '<p dur="2s">One</p><p dur="3s">Two</p>'
    text = f'<tt xmlns="{NEW}"><body><div timeContainer="seq">{body}</div></body></tt>'
    assert shown(parse_document(text, "x")) == [(0.0, 2.0, "One"), (2.0, 5.0, "Two")]


def test_a_paragraph_without_an_end_lasts_until_the_next() -> None:
    text = TTML.format(NEW, '<p begin="1s">One</p><p begin="4s">Two</p><p begin="7s" end="9s">Three</p>')
    assert shown(parse_document(text, "x")) == [(1.0, 4.0, "One"), (4.0, 7.0, "Two"), (7.0, 9.0, "Three")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<ruby>静<rt>しず</rt>岡<rt>おか</rt></ruby>へ行く\n"),
        ("ttml", TTML.format(NEW, f'<p begin="1s" end="2s" xmlns:tts="{NEW}#styling"><span tts:ruby="container">'
         '<span tts:ruby="base">静岡</span><span tts:ruby="text">しずおか</span></span>へ行く</p>')),
    ],
)  # fmt: skip
def test_readings_are_no_words(name: str, text: str) -> None:
    document = parse_document(text, "x")
    assert document.format == name
    assert [cue.text for cue in document.cues] == ["静岡へ行く"]
    assert "しず" in write_document("vtt", document).decode()


@pytest.mark.parametrize("fields", ["Start, End, Text", "End, Start, Style, Text", "Layer, Start, End, Text"])
def test_events_are_read_by_their_format_line(fields: str) -> None:
    values = {"Start": "0:00:01.00", "End": "0:00:03.00", "Style": "Default", "Layer": "0", "Text": "Hello, you"}
    row = ",".join(values[field] for field in fields.split(", "))
    text = f"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: {fields}\nDialogue: {row}\n"
    assert shown(parse_document(text, "x")) == [(1.0, 3.0, "Hello, you")]


def test_only_the_drawing_goes() -> None:
    event = r"Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\p1}m 0 0 l 10 10{\p0}Chapter One"
    assert shown(parse_document(f"{ASS}{event}\n", "x")) == [(1.0, 3.0, "Chapter One")]


@pytest.mark.parametrize(
    "text",
    [
        srt("-00:00:01,000 --> 00:00:02,000\nHello"),
        f"{ASS}Dialogue: 0,-0:00:01.00,0:00:02.00,Default,,0,0,0,,Hello\n",
    ],
)
def test_a_time_before_zero_is_zero_and_counted(text: str) -> None:
    document = parse_document(text, "x")
    assert shown(document) == [(0.0, 2.0, "Hello")]
    assert document.notices == (f"repaired: time before 0 s set to 0 s: 1 (first in line {_row(text)})",)
    with pytest.raises(TranscriptError, match="line"):
        parse_document(text, "x", strict=True)


def _row(text: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), start=1) if "00:00:01" in line or ",-0:" in line)


@pytest.mark.parametrize("arrow", ["-->", "->", "—>", "→", "⟶", "–", "—", "==>", "- ->"])
def test_two_clocks_that_an_arrow_joins_are_no_words(arrow: str) -> None:
    text = srt("00:00:01,000 --> 00:00:03,000\nOne", f"00:00:05,000 {arrow} 00:00:07,000\nTwo")
    assert shown(parse_document(text, "x.srt")) == [(1.0, 3.0, "One"), (5.0, 7.0, "Two")]


@pytest.mark.parametrize("number", ["2.", "#2", "2)", "2:", "\ufeff2"])
def test_a_number_of_any_form_is_no_word(number: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:03,000\nOne\n\n{number}\n00:00:05,000 --> 00:00:07,000\nTwo\n"
    assert shown(parse_document(text, "x.srt")) == [(1.0, 3.0, "One"), (5.0, 7.0, "Two")]


def test_breaks_and_entities_are_what_they_mean() -> None:
    text = srt("00:00:01,000 --> 00:00:02,000\nTom &amp; Ann &lt;3<br/>caf&eacute;")
    assert shown(parse_document(text, "x")) == [(1.0, 2.0, "Tom & Ann <3\ncafé")]


@pytest.mark.parametrize("verse", ["Read John 3:16,17 and go on.", "She ran it in 2:04.35 today."])
def test_a_colon_is_written_plainly(verse: str) -> None:
    data = write_document("vtt", parse_document(srt(f"00:00:01,000 --> 00:00:03,000\n{verse}"), "x"))
    assert f"\n{verse}\n" in data.decode()


def test_a_cue_that_cannot_be_read_costs_no_other() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nGood\n\n00:x --> 00:04.000\nBad\n\n00:05.000 --> 00:06.000\nWell\n"
    document = parse_document(text, "x")
    assert shown(document) == [(1.0, 2.0, "Good"), (5.0, 6.0, "Well")]
    assert "cue left out whose time line cannot be read: 1" in document.notices[0]


@pytest.mark.parametrize("stamp", ["<{}>", "[{}]"])
def test_stamps_of_words_are_no_words(stamp: str) -> None:
    a, b = stamp.format("00:05.50"), stamp.format("00:05.90")
    [cue] = parse_document(f"[00:05.00]But{a} I{b} walk\n", "x").cues
    assert (cue.text, [run.start for run in cue.lines[0]]) == ("But I walk", [None, 5.5, 5.9])


def test_words_that_only_stamps_part_are_words() -> None:
    [cue] = parse_document("[00:05.00]But[00:05.50]I[00:05.90]walk[00:06.20]\n", "x").cues
    assert cue.text == "But I walk"


def test_syllables_between_words_stay_together() -> None:
    [cue] = parse_document("[00:05.00]Hel[00:05.50]lo [00:05.90]world[00:06.20]\n", "x").cues
    assert cue.text == "Hello world"


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ssa", "ttml"])
def test_over_a_hundred_hours_goes_there_and_back(name: str) -> None:
    document = parse_document(srt("100:00:01,000 --> 100:00:02,500\nLong"), "x")
    assert shown(parse_document(write_document(name, document).decode(), "x")) == [(360001.0, 360002.5, "Long")]


def test_the_content_decides_not_the_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("named") / "a.srt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:03.000\nA VTT called srt.\n")
    assert read_document(path).format == "vtt"
    dfxp = TTML.format(OLD, '<p begin="1s" end="2s">Hi</p>').encode()
    assert decode_document(dfxp, "a.dfxp").format == "ttml"


def test_times_that_run_backwards_keep_the_order_of_the_file() -> None:
    text = srt(
        "00:00:01,000 --> 00:00:02,000\nOne",
        "00:00:05,000 --> 00:00:03,000\nTwo",
        "00:00:06,000 --> 00:00:07,000\nThree",
    )
    document = parse_document(text, "x")
    assert [cue.text for cue in document.cues] == ["One", "Two", "Three"]
    assert all(cue.start <= cue.end for cue in document.cues)
    assert "put between its neighbours" in document.notices[0]


def test_pictures_are_refused() -> None:
    head = '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:smpte="http://www.smpte-ra.org/schemas/2052-1/2010/smpte-tt"><body>'
    text = f'{head}<div begin="1s" end="2s" smpte:backgroundImage="#a"/></body></tt>'
    with pytest.raises(TranscriptError, match="holds pictures, no text"):
        parse_document(text, "x")


def test_rolling_captions_show_a_line_once_and_keep_their_stamps() -> None:
    rows = ["one two", "three four", "five six"]
    cues = []
    for number, row in enumerate(rows):
        first, second = row.split()
        above = f"{rows[number - 1]}\n" if number else ""
        cues.append(
            f"00:0{2 * number}.000 --> 00:0{2 * number + 2}.000\n{above}{first}<00:0{2 * number + 1}.000> {second}\n"
        )
    document = parse_document("WEBVTT\n\n" + "\n".join(cues), "x")
    assert [cue.text for cue in document.cues] == rows
    assert [cue.lines[0][-1].start for cue in document.cues] == [1.0, 3.0, 5.0]
