"""Random transcripts in many scripts, for properties to hold over."""

from __future__ import annotations

from hypothesis import strategies as st

from crisp_align.text.units import split_units
from crisp_align.transcript import Segment, Transcript, Word

_SPACED = {
    "en": "I and the president of Rome, said that it's well-known; 42 km away? Yes! (so be it.) Mr. Smith -No.",
    "de": "Das Donaudampfschifffahrtsgesellschaft ist, glaube ich, Größe über 3,5 kg. Nein! Wirklich?",
    "ru": "Он сказал, что это не так. Почему? 5 км от Москвы; да!",
    "el": "Το σπίτι είναι μεγάλο, αλλά όχι. Γιατί; Ναι!",
    "ar": "قال الرئيس، إن هذا صحيح. لماذا؟ نعم! مُحَمَّد",
    "he": "הוא אמר, שזה נכון. למה? כן!",
    "hi": "उसने कहा, कि यह सही है। क्यों? हाँ! क्षत्रिय",
    "ko": "그는 말했다. 왜? 네! 학교에 갔습니다, 3.5km",
    "ta": "அவர் சொன்னார், இது சரி. ஏன்? ஆம்!",
}
_UNSPACED = {
    "ja": [*"私は東京にキャンプの外れで電球がっょー", "した。", "、", "「はい」", "GPT-4", "々", "！？"],
    "zh": [*"我今天去北京市房地产中介协会分析", "，", "。", "“好”", "iPhone", "？", "（对）"],
    "th": ["ฉัน", "ไป", "โรงเรียน", "วันนี้", "ไม่", "น้ำ", "ครับ", " ", "กรุงเทพฯ", "5"],
}
VOCABULARIES = {code: text.split() for code, text in _SPACED.items()} | _UNSPACED


@st.composite
def segments(draw: st.DrawFn, start: float = 0.0, language: str | None = None) -> Segment:
    """A segment of 1 to 40 words, in Korean, Japanese and Chinese at times by character; whole ms from `start` on."""
    code = language or draw(st.sampled_from(sorted(VOCABULARIES)))
    texts = draw(st.lists(st.sampled_from(VOCABULARIES[code]), min_size=1, max_size=40))
    texts = [text if code in _UNSPACED else f" {text}" for text in texts]
    if code in {"ja", "ko", "zh"} and draw(st.booleans()):
        texts = [unit.text for unit in split_units("".join(texts), code, "char")] or texts
    clock = round(start * 1000)
    words: list[Word] = []
    for text in texts:
        clock += draw(st.sampled_from([0, 0, 0, 10, 40, 300, 1500, 9000]))
        length = draw(st.sampled_from([20, 60, 120, 240, 240, 400, 1200, 8000]))
        score = draw(st.sampled_from([None, 0.0, 0.25, 0.987654321, 1.0]))
        words.append(Word(text, clock / 1000, (clock + length) / 1000, score))
        clock += length
    joined = "".join(word.text for word in words)
    return Segment(joined, words[0].start, words[-1].end, code, tuple(words), draw(st.sampled_from([None, "hmm"])))


@st.composite
def every_script(draw: st.DrawFn) -> Transcript:
    """A segment in each of the scripts, one after the other."""
    made: list[Segment] = []
    for code in sorted(VOCABULARIES):
        made.append(draw(segments(start=made[-1].end if made else 0.0, language=code)))
    return Transcript(tuple(made), made[-1].end, "speech.wav")


@st.composite
def transcripts(draw: st.DrawFn, max_segments: int = 5, language: str | None = None) -> Transcript:
    """Segments one after the other."""
    made: list[Segment] = []
    for _ in range(draw(st.integers(0, max_segments))):
        pause = draw(st.sampled_from([0.0, 0.0, 0.2, 2.5]))
        made.append(draw(segments(start=round((made[-1].end if made else 0.0) + pause, 3), language=language)))
    duration = made[-1].end if made else 0.0
    return Transcript(
        tuple(made),
        duration,
        "speech.wav",
        backend="whisper",
        model="base",
        notices=("cut off",),
        uncovered=((0.0, duration),),
    )
