"""Write qwen_asr.json: what the makers' own package says of clips of our samples.

In an environment of its own, since its pins clash with ours: `pip install qwen-asr==0.0.6` (transformers 4.57.6), then
`python tests/goldens/make_qwen_asr.py` with that environment's Python. Clips are under 8 s, up to where its encoder
attends to everything, as transformers does within its windows. The words are those of its own splitter; the times are
those of tests/data/qwen3-aligner-jfk, which knows one recording: the point is that both codes read it alike.
"""

from __future__ import annotations

import json
import sys
import tomllib
import types
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("qwen_asr.json")
CHECKPOINT = ROOT / "tests" / "data" / "qwen3-aligner-jfk"
CLIPS = {
    "jfk.wav": (0.0, 7.7),
    "en-librispeech-1995-1837-0001.wav": (0.2, 7.9),
    "de-fleurs.wav": (0.0, 5.0),
    "fr-fleurs.wav": (0.5, 3.3),
    "zh-aishell-BAC009S0724W0121.wav": (0.0, 4.1),
}
NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
    "ru": "Russian", "zh": "Chinese", "yue": "Cantonese", "ja": "Japanese", "ko": "Korean",
}  # fmt: skip


def main() -> None:
    """Align every clip with a text in every language."""
    sys.modules.setdefault("sox", types.ModuleType("sox"))  # imported by a part that is not used here
    import soundfile
    import torch
    from qwen_asr.inference.qwen3_forced_aligner import Qwen3ForcedAligner

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKPOINT
    aligner = Qwen3ForcedAligner.from_pretrained(str(folder), dtype=torch.float32)
    phrases = tomllib.loads((ROOT / "tests" / "goldens" / "phrases.toml").read_text(encoding="utf-8"))
    cases = []
    for name, (start, end) in CLIPS.items():
        samples, rate = soundfile.read(ROOT / "samples" / name, dtype="float32")
        clip = samples[round(start * rate) : round(end * rate)]
        for code, language in NAMES.items():
            (result,) = aligner.align(audio=(clip, rate), text=" ".join(phrases[code][:2]), language=language)
            cases.append(
                {
                    "file": name,
                    "start": start,
                    "end": end,
                    "language": code,
                    "words": [item.text for item in result],
                    "times": [[item.start_time, item.end_time] for item in result],
                }
            )
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
