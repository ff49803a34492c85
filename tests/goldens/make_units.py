"""Write units.jsonl: sentences and the words that transformers' own Qwen3 splitter makes of them.

`python -m tests.goldens.make_units`, with transformers, nagisa and soynlp installed. Sentences are put together from
phrases and oddities by a seeded generator; those that our splitter reads differently on purpose (text that is not
NFC, the apostrophe U+2019, a character that nagisa could make two words of) are left out. A line is [language,
sentence, the words joined by tabs].
"""

from __future__ import annotations

import json
import random
import tomllib
import unicodedata
from pathlib import Path

PIECES = Path(__file__).with_name("phrases.toml")
GOLDEN = Path(__file__).with_name("units.jsonl")
SENTENCES = 220  # a language


def main() -> None:
    """Write the file."""
    from transformers import Qwen3ASRProcessor
    from transformers.models.qwen3_asr.processing_qwen3_asr import LANGUAGE_CODE_TO_NAME

    split = Qwen3ASRProcessor.split_words_for_alignment
    generator = random.Random(0)
    pieces = tomllib.loads(PIECES.read_text(encoding="utf-8"))
    oddities = pieces.pop("oddities")
    lines = []
    for language, phrases in pieces.items():
        made = phrases + [_sentence(generator, phrases, oddities) for _ in range(3 * SENTENCES)]
        for text in [text for text in dict.fromkeys(made) if _same_on_purpose(text, language)][:SENTENCES]:
            words = split(None, text, LANGUAGE_CODE_TO_NAME[language])
            lines.append(json.dumps([language, text, "\t".join(words)], ensure_ascii=False))
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _same_on_purpose(text: str, language: str) -> bool:
    divided = language == "ja" and any(len(unicodedata.normalize("NFKC", char)) > 1 for char in text)
    return unicodedata.is_normalized("NFC", text) and "’" not in text and not divided


def _sentence(generator: random.Random, phrases: list[str], oddities: list[str]) -> str:
    parts = [generator.choice(phrases) for _ in range(generator.randint(1, 2))]
    for _ in range(generator.randint(0, 3)):
        parts.insert(generator.randrange(len(parts) + 1), generator.choice(oddities))
    text = generator.choice([" ", " ", "", "\n"]).join(parts)
    for _ in range(generator.randint(0, 2)):
        at = generator.randrange(len(text))
        text = text[:at] + generator.choice([*" '-.,!\u200e", "々", "\u0301", "。"]) + text[at:]
    return generator.choice(["", "", " ", "\u3000"]) + text + generator.choice(["", "", " ", "！"])


if __name__ == "__main__":
    main()
