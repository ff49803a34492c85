from __future__ import annotations

import base64
import json
import re
import shutil
import time
import wave
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from crisp_align.errors import OutputError
from crisp_align.formats import WriteOptions, write_format
from crisp_align.formats.html import embedded_media, linked_media, loudness
from crisp_align.layout import cues, profile_rules
from crisp_align.transcript import Segment, Transcript, Word
from tests.formats.test_subtitles import hostile

JFK = Path(__file__).parents[2] / "samples" / "jfk.wav"
ATTACKS = [
    "<script>window.hit=1</script>",
    "</script><img src=x onerror=window.hit=1>",
    "{{script}}",
    "\u202eevil",
    "&lt;b>",
]


def page(transcript: Transcript, options: WriteOptions | None = None) -> str:
    laid = cues(transcript.segments, profile_rules("netflix"))
    return write_format("html", transcript, laid, options).decode()


def spoken(*texts: str, language: str = "en") -> Segment:
    words = tuple(Word(text, n * 0.5 + 1, n * 0.5 + 1.4, 0.2 if n == 1 else 0.9) for n, text in enumerate(texts))
    return Segment("".join(texts), words[0].start, words[-1].end, language, words)


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


def data_of(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match
    value: dict[str, Any] = json.loads(match.group(1))
    return value


def test_the_page_names_no_address() -> None:
    parsed = Parsed(page(Transcript((spoken(" So"),), 3.0, "talk.wav"), WriteOptions(media="./talk.wav")))
    assert parsed.addresses == []
    assert "http" not in re.sub(r'http-equiv="', "", page(Transcript((), 1.0, "talk.wav")))


def test_the_page_holds_the_words_with_times_and_scores() -> None:
    data = data_of(page(Transcript((spoken(" So", " be"),), 3.0, "talk.wav")))
    assert data["segments"][0]["words"] == [["So", 1.0, 1.4, 0.9], [" be", 1.5, 1.9, 0.2]]


def test_the_page_holds_the_notices_and_the_voice_without_words() -> None:
    transcript = Transcript((spoken(" So"),), 9.0, "talk.wav", notices=("cut off",), uncovered=((3.0, 5.5),))
    data = data_of(page(transcript))
    assert data["notices"] == ["cut off"]
    assert data["uncovered"] == [[3.0, 5.5]]


@given(hostile())
@settings(max_examples=60, deadline=None)
def test_text_never_becomes_markup(transcript: Transcript) -> None:
    assert Parsed(page(transcript)).tags == Parsed(page(Transcript((), 1.0, "a"))).tags


def test_media_are_linked_relative_to_the_page(tmp_path: Path) -> None:
    assert linked_media(tmp_path / "a b#?%.mp4", tmp_path / "a.html") == "./a%20b%23%3F%25.mp4"
    assert linked_media(tmp_path / "a.mp4", tmp_path / "out" / "a.html") == "../a.mp4"
    assert linked_media("javascript:alert(1)", "a.html").startswith("./javascript%3A")


def test_media_are_embedded_whole(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    assert embedded_media(tmp_path / "a.wav").endswith("base64," + base64.b64encode(b"RIFF").decode())
    with pytest.raises(OutputError, match="cannot be embedded"):
        embedded_media(tmp_path / "none.wav")


def test_loudness_is_fifty_peaks_a_second_across_blocks() -> None:
    samples = np.zeros(16_000, dtype=np.float32)
    samples[8000] = -0.5
    peaks = loudness([samples[:5000], samples[5000:]], 1.0)
    assert len(peaks) == 50
    assert [number for number, peak in enumerate(peaks) if peak] == [25]
    assert max(peaks) == 1.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


def opened(browser: Any, folder: Path, *segments: Segment, **about: Any) -> Any:
    if JFK.exists():
        shutil.copy(JFK, folder / "jfk.wav")
    else:
        with wave.open(str(folder / "jfk.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(b"\0\0" * 16_000 * 11)
    samples = [np.sin(np.arange(16_000, dtype=np.float32)) for _ in range(11)]
    options = WriteOptions(media="./jfk.wav", peaks=loudness(samples, 11.0))
    (folder / "a.html").write_text(page(Transcript(segments, 11.0, "jfk.wav", **about), options), encoding="utf-8")
    browser.get((folder / "a.html").as_uri())
    for _ in range(100):
        if browser.execute_script("return media.readyState") >= 1:
            break
        time.sleep(0.05)
    assert browser.execute_script("return media.duration") == pytest.approx(11.0, abs=0.1)
    return browser


def highlighted(browser: Any) -> list[str]:
    script = "return [...document.querySelectorAll('.word.now')].map((word) => word.textContent.trim())"
    found: list[str] = browser.execute_script(script)
    return found


def after_seeking(browser: Any, seconds: float) -> float:
    for _ in range(100):
        at = float(browser.execute_script("return media.seeking ? -1 : media.currentTime"))
        if abs(at - seconds) < 0.02:
            return at
        time.sleep(0.02)
    return at


def test_the_word_spoken_at_a_time_is_highlighted(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,", " my"))
    for seconds, words in ((1.2, ["And"]), (1.45, []), (1.6, ["so,"]), (2.3, ["my"]), (5.0, [])):
        browser.execute_script("media.currentTime = arguments[0]", seconds)
        after_seeking(browser, seconds)
        time.sleep(0.05)
        assert highlighted(browser) == words


def test_voice_without_words_stands_where_it_is_said_and_a_click_plays_it(browser: Any, tmp_path: Path) -> None:
    notice = "2.5 s of what sounds like speech have no words: 0:05.0 to 0:07.5"
    opened(browser, tmp_path, spoken(" And", " so,"), notices=(notice,), uncovered=((5.0, 7.5),))
    rows = browser.execute_script("return [...document.querySelectorAll('#text > .segment')].map((r) => r.innerText)")
    assert [row.split("\n")[-1] for row in rows] == ["And so,", "2.5 s of what sounds like speech have no words"]
    assert notice in browser.execute_script("return document.getElementById('notices').innerText")
    browser.execute_script("document.querySelector('.missing').click()")
    assert after_seeking(browser, 5.0) == pytest.approx(5.0, abs=0.02)


def test_a_page_without_notices_shows_no_box_for_them(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And"))
    assert not browser.execute_script("return document.getElementById('notices').checkVisibility()")


def test_the_space_before_a_word_is_not_highlighted_with_it(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,"))
    assert browser.execute_script("return words.map((word) => word.node.textContent)") == ["And", "so,"]
    assert browser.find_element("css selector", ".text").text == "And so,"


def test_playing_moves_the_highlight(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,", " my"))
    # Slowly, so that a machine with other things to do misses no word.
    browser.execute_script("media.currentTime = 1.1; media.playbackRate = 0.1; media.play()")
    seen: set[str] = set()
    for _ in range(1000):
        seen |= set(highlighted(browser))
        if "my" in seen:
            break
        time.sleep(0.02)
    assert seen == {"And", "so,", "my"}


def test_a_click_on_a_word_seeks_to_it(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,", " my"))
    browser.find_elements("css selector", ".word")[2].click()
    assert after_seeking(browser, 2.0) == pytest.approx(2.0, abs=0.02)
    assert highlighted(browser) == ["my"]


def test_keys_step_through_words_and_play(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,", " my"))
    body = browser.find_element("css selector", "body")
    body.send_keys("\ue014\ue014")  # right, right
    assert after_seeking(browser, 1.5) == pytest.approx(1.5, abs=0.02)
    body.send_keys("\ue012")  # left
    assert after_seeking(browser, 1.0) == pytest.approx(1.0, abs=0.02)
    body.send_keys(" ")
    assert browser.execute_script("return media.paused") is False


def test_low_scores_are_tinted_and_others_are_not(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,"))
    tints = browser.execute_script("return words.map((word) => word.node.style.backgroundColor !== '')")
    assert tints == [False, True]


def test_the_waveform_and_word_edges_are_drawn(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken(" And", " so,"))
    drawn = browser.execute_script(
        "return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((v) => v).length"
    )
    assert drawn > 1000


def test_chinese_and_right_to_left_text_are_shown(browser: Any, tmp_path: Path) -> None:
    opened(browser, tmp_path, spoken("你", "好", language="zh"), spoken(" שלום", " עולם", language="he"))
    lines = browser.find_elements("css selector", ".text")
    assert [line.text for line in lines] == ["你好", "שלום עולם"]
    left = [word.rect["x"] for word in lines[1].find_elements("css selector", ".word")]
    assert left[0] > left[1]


def test_nothing_that_was_given_as_text_is_run(browser: Any, tmp_path: Path) -> None:
    browser.get_log("browser")
    opened(browser, tmp_path, spoken(*(f" {attack}" for attack in ATTACKS)))
    assert browser.execute_script("return window.hit === undefined")
    assert browser.execute_script("return document.images.length") == 0
    shown = browser.execute_script("return words.map((word) => word.node.textContent.trim())")
    assert shown == [attack.replace("\u202e", "") for attack in ATTACKS]
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
