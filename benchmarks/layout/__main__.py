"""`python -m benchmarks.layout`: what our layout costs beside greedy packing, and how long it takes.

The text is Article 1 of the Universal Declaration of Human Rights in eleven languages and six scripts, spoken at a
steady pace with pauses after clauses and sentences, drawn with a fixed seed. Both layouts keep to the same rules and
are weighed by the same cost (see crisp_align/layout/breaking.py). Greedy packing fills each line, then each cue; once
across everything ("full"), once starting anew with each sentence ("sentence").
"""

from __future__ import annotations

import random
import time
from itertools import pairwise

from crisp_align.check import check
from crisp_align.formats.cue_text import words_of_line
from crisp_align.layout import Rules, cues, default_profile, profile_rules
from crisp_align.layout.breaking import Breaks, best_breaks, blocks_of, total_cost
from crisp_align.layout.passage import Passage, passage_of
from crisp_align.layout.times import assign_times
from crisp_align.text.sentences import sentence_ends
from crisp_align.transcript import Segment, Word

ARTICLE = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt "
    "und sollen einander im Geist der Brüderlichkeit begegnen.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
    "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
    "conciencia, deben comportarse fraternalmente los unos con los otros.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di "
    "coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de "
    "consciência, devem agir uns para com os outros em espírito de fraternidade.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и "
    "должны поступать в отношении друг друга в духе братства.",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. "
    "وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.",
    "ja": "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。"
    "人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    "zh": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 "
    "부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
}


def transcript(language: str, words: int, seed: int) -> list[Segment]:
    """`words` words of the article over and over, a segment a sentence."""
    chance = random.Random(seed)
    texts = words_of_line(f" {ARTICLE[language]}" if language not in {"ja", "zh"} else ARTICLE[language])
    ends = sentence_ends(texts)
    segments: list[Segment] = []
    row: list[Word] = []
    clock = 0.0
    for number in range(words):
        text = texts[number % len(texts)]
        length = (0.10 + 0.055 * len(text.strip())) * chance.uniform(0.8, 1.25)
        row.append(Word(text, round(clock, 3), round(clock + length, 3)))
        clock += length + (chance.uniform(0.15, 0.5) if text.strip()[-1] in ",，、；;" else 0.0)
        if ends[number % len(texts)] or number == words - 1:
            joined = "".join(word.text for word in row)
            segments.append(Segment(joined, row[0].start, row[-1].end, language, tuple(row)))
            row, clock = [], clock + chance.choice([0.2, 0.6, 1.5])
    return segments


def greedy(passage: Passage, rules: Rules, *, by_sentence: bool) -> list[Breaks]:
    """Lines filled one after the other, cues filled line by line."""
    lines: list[tuple[int, int]] = []
    first = 0
    for atom in range(1, len(passage.atoms) + 1):
        over = atom < len(passage.atoms) and passage.columns(first, atom + 1) > rules.line_limit
        ended = by_sentence and passage.sentences[atom] > passage.sentences[atom - 1]
        if over or ended or atom == len(passage.atoms):
            lines.append((first, atom))
            first = atom
    rows: list[list[int]] = []
    for begin, end in lines:
        fresh = not rows or len(rows[-1]) > rules.max_lines or passage.end[end - 1] - passage.start[rows[-1][0]] > 7.0
        if fresh or (by_sentence and passage.sentences[begin] > passage.sentences[begin - 1]):
            rows.append([begin, end])
        else:
            rows[-1].append(end)
    return [tuple(row) for row in rows]


def main() -> None:
    """Print both tables."""
    print(
        "| language | profile | ours | greedy, full | greedy, sentence | avoidable violations: ours, full, sentence |"
    )
    print("|---|---|---|---|---|---|")
    for language in ARTICLE:
        name = default_profile(language)
        rules = profile_rules(name)
        passage = passage_of(transcript(language, 600, seed=1), rules)
        layouts = [best_breaks(passage, rules)] + [greedy(passage, rules, by_sentence=by) for by in (False, True)]
        assert all(row[-1] == after[0] for layout in layouts for row, after in pairwise(layout))
        costs = [total_cost(passage, layout, rules) for layout in layouts]
        shown = [
            assign_times(blocks_of(passage, layout, rules.speaker_dash), [rules] * len(layout)) for layout in layouts
        ]
        broken = [sum(not v.unavoidable for v in check(laid, rules)) for laid in shown]
        assert costs[0] <= min(costs)
        print(
            f"| {language} | {name} | {' | '.join(f'{cost:.0f}' for cost in costs)} | {', '.join(map(str, broken))} |"
        )
    print("\n| 10,000 words | profile | CPU s | wall s | cues |\n|---|---|---|---|---|")
    for language, name in (*((code, default_profile(code)) for code in ARTICLE), ("en", "social")):
        segments, rules = transcript(language, 10_000, seed=2), profile_rules(name)
        cpu, wall = time.process_time(), time.perf_counter()
        laid = cues(segments, rules)
        took = time.process_time() - cpu, time.perf_counter() - wall
        print(f"| {language} | {name} | {took[0]:.2f} | {took[1]:.2f} | {len(laid)} |")


if __name__ == "__main__":
    main()
