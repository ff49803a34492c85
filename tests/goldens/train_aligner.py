"""Train a tiny Qwen3-ForcedAligner, of the real classes, until it knows samples/jfk.wav by heart.

`python -m tests.goldens.train_aligner [--steps 1200]` writes tests/data/qwen3-aligner-jfk in the makers' layout and
jfk_labels.json. The labels are the word times of the `hmm` aligner. Every step shows it the recording up to another
word, begun up to 40 ms early or late.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import load_aligner
from crisp_align.aligners.qwen3.network import Network
from crisp_align.media.audio import read_audio
from crisp_align.models.devices import DeviceChoice
from crisp_align.models.qwen3_checkpoint import inspect, load_weights
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Span, Unit
from tests.tiny import CLASSES, Size, qwen_config, qwen_tokenizer, save_qwen3_aligner

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "data" / "qwen3-aligner-jfk"
LABELS = Path(__file__).with_name("jfk_labels.json")
TEXT = " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
SIZE = Size(audio_width=64, audio_ffn=128, channels=8, width=64, ffn=128)
CLASS = 0.08  # s


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1200)
    steps = parser.parse_args().steps
    samples, units, spans = labelled()
    torch.manual_seed(0)
    random.seed(0)
    tokenizer = qwen_tokenizer()
    save_qwen3_aligner(FOLDER, "original", _model(tokenizer), tokenizer)
    checkpoint = inspect(FOLDER, "aligner")
    network = Network(checkpoint, load_weights(checkpoint, DeviceChoice("cpu", "float32")))
    optimizer = torch.optim.AdamW(network.model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    losses = []
    for step in range(steps):
        loss = _loss(network, *_stretch(samples, units, spans))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 100 == 99:
            print(step + 1, round(float(np.mean(losses[-100:])), 3), flush=True)
    save_qwen3_aligner(FOLDER, "original", network.model, tokenizer)
    rows = [[unit.text, round(span.start, 3), round(span.end, 3)] for unit, span in zip(units, spans, strict=True)]
    LABELS.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    print("largest error, s:", _largest_error(network, samples, units, spans))


def _model(tokenizer: object) -> torch.nn.Module:
    from transformers import Qwen3ASRForTokenClassification

    return Qwen3ASRForTokenClassification(qwen_config(tokenizer, SIZE, CLASSES))


def labelled() -> tuple[Samples, list[Unit], list[Span]]:
    """The recording, its units, and when the hmm aligner hears them."""
    samples = read_audio(ROOT / "samples" / "jfk.wav")
    units = split_units(TEXT, "en")
    (spans,) = load_aligner("hmm").align([Utterance(Clip(samples, 0.0, "jfk.wav"), tuple(units), "en")])
    assert isinstance(spans, tuple)
    return samples, units, list(spans)


def _stretch(samples: Samples, units: list[Unit], spans: list[Span]) -> tuple[Samples, list[Unit], list[Span]]:
    """All of it, or it up to some word, moved by up to half a class."""
    last = len(units) if random.random() < 0.5 else random.randrange(2, len(units))
    shift = random.uniform(-CLASS / 2, CLASS / 2)
    end = random.uniform(spans[last - 1].end, spans[last].start if last < len(units) else len(samples) / SAMPLE_RATE)
    cut = samples[max(round(-shift * SAMPLE_RATE), 0) : round(end * SAMPLE_RATE)]
    moved = [Span(span.start + shift, span.end + shift) for span in spans[:last]]
    return np.pad(cut, (max(round(shift * SAMPLE_RATE), 0), 0)), units[:last], moved


def _loss(network: Network, samples: Samples, units: list[Unit], spans: list[Span]) -> torch.Tensor:
    """Cross-entropy at the markers; a little of the weight is on the classes beside the right one."""
    clip = network.encode(samples, [unit.spoken for unit in units])
    frames = clip.mel.shape[1]
    padded = torch.zeros(1, len(clip.mel), -(-frames // 100) * 100)
    padded[0, :, :frames] = clip.mel
    mask = (torch.arange(padded.shape[2]) < frames).long()[None]
    ids = torch.from_numpy(clip.ids)[None]
    logits = network.model(input_ids=ids, input_features=padded, input_features_mask=mask).logits[0, clip.markers]
    classes = torch.tensor([round(time / CLASS) for span in spans for time in (span.start, span.end)])
    target = torch.zeros_like(logits)
    for offset, weight in ((-1, 0.1), (0, 0.8), (1, 0.1)):
        target[torch.arange(len(classes)), (classes + offset).clamp(0)] += weight
    return torch.nn.functional.cross_entropy(logits, target)


def _largest_error(network: Network, samples: Samples, units: list[Unit], spans: list[Span]) -> float:
    (logits,) = network.logits([network.encode(samples, [unit.spoken for unit in units])])
    times = logits.argmax(dim=1).numpy() * CLASS
    return float(np.abs(times - np.array([(span.start, span.end) for span in spans]).ravel()).max())


if __name__ == "__main__":
    main()
