"""The models we know by name: which family each is of, where the hub has it, and which files it needs.

Sizes are those of the files that are downloaded, as the hub lists them or as parameters times bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

__all__ = ["CATALOGUE", "FAMILIES", "RANKING", "Family", "Weights", "lookup", "required_files"]

Family: TypeAlias = Literal["whisper", "qwen3-aligner", "qwen3-asr", "parakeet", "canary", "ggml"]
FAMILIES: tuple[Family, ...] = get_args(Family)

_CTRANSLATE2 = ("config.json", "model.bin", "tokenizer.json", "vocabulary.json|vocabulary.txt")
_TRANSFORMERS = (
    "config.json",
    "model.safetensors|model.safetensors.index.json",
    "tokenizer.json|vocab.json|tokenizer.model",
    "processor_config.json|preprocessor_config.json",
)
_QWEN = _TRANSFORMERS[:-1]  # what makes spectrograms of audio is the same for all of them


@dataclass(frozen=True, slots=True)
class Weights:
    """A model as the hub has it."""

    name: str
    """As typed after -m or -am."""
    family: Family
    repo: str
    """Hub id of the repository."""
    megabytes: int
    """About how much is downloaded; 0: not known."""
    required: tuple[str, ...]
    """Files without which it does not load; `a|b`: one of them; a pattern with `*` for a GGUF file, in any case."""

    @property
    def archive(self) -> str | None:
        """The file's name or pattern, where all of the model is one .nemo archive or .gguf file."""
        return self.required[0] if self.required[0].endswith((".nemo", ".gguf")) else None

    @property
    def is_english(self) -> bool:
        """Whether it knows English only."""
        if self.family == "whisper":
            return self.name.endswith(".en") or self.name.startswith("distil")
        return self.family == "parakeet" and not self.name.removesuffix(".nemo").endswith("v3")

    @property
    def translates(self) -> bool:
        """Whether it was trained to. Whisper's turbo was not, as its makers say, although it takes the task."""
        able = self.family == "canary" or (self.family == "whisper" and "turbo" not in self.name)
        return able and not self.is_english


def _whisper(name: str, repo: str, megabytes: int) -> Weights:
    # Without this file the engine would make 80 mel bands for models that listen to 128.
    mel = ("preprocessor_config.json",) if "large-v3" in name or "turbo" in name else ()
    return Weights(name, "whisper", repo, megabytes, _CTRANSLATE2 + mel)


def _qwen(repo: str, megabytes: int) -> Weights:
    name = repo.rsplit("/", 1)[1].lower()
    return Weights(name, "qwen3-aligner" if "aligner" in name else "qwen3-asr", repo, megabytes, _QWEN)


def _gguf(repo: str, kind: str, megabytes: int, family: Family | None = None, file: str | None = None) -> Weights:
    """One file of a repository that holds the same model in several kinds; typed as its name, a colon and the kind."""
    name = repo.rsplit("/", 1)[1].lower()
    held: Family = family or ("qwen3-aligner" if "aligner" in name else "qwen3-asr")
    return Weights(f"{name}:{kind}", held, repo, megabytes, (file or f"*-{kind}.gguf",))


def _nvidia(name: str, megabytes: int) -> Weights:
    family: Family = "canary" if name.startswith("canary") else "parakeet"
    repo = f"nvidia/{name.removesuffix('.nemo')}"
    return Weights(name, family, repo, megabytes, (name,) if name.endswith(".nemo") else _TRANSFORMERS)


_ALIGNER_KINDS = (("q8_0", 990), ("f16", 1840), ("q5_0", 640), ("q4_k", 530))

CATALOGUE: tuple[Weights, ...] = (
    _whisper("tiny", "Systran/faster-whisper-tiny", 78),
    _whisper("tiny.en", "Systran/faster-whisper-tiny.en", 78),
    _whisper("base", "Systran/faster-whisper-base", 148),
    _whisper("base.en", "Systran/faster-whisper-base.en", 148),
    _whisper("small", "Systran/faster-whisper-small", 486),
    _whisper("small.en", "Systran/faster-whisper-small.en", 486),
    _whisper("medium", "Systran/faster-whisper-medium", 1530),
    _whisper("medium.en", "Systran/faster-whisper-medium.en", 1530),
    _whisper("large-v1", "Systran/faster-whisper-large-v1", 3090),
    _whisper("large-v2", "Systran/faster-whisper-large-v2", 3090),
    _whisper("large-v3", "Systran/faster-whisper-large-v3", 3090),
    _whisper("large", "Systran/faster-whisper-large-v3", 3090),
    _whisper("large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1620),
    _whisper("turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1620),
    _whisper("distil-small.en", "Systran/faster-distil-whisper-small.en", 336),
    _whisper("distil-medium.en", "Systran/faster-distil-whisper-medium.en", 793),
    _whisper("distil-large-v2", "Systran/faster-distil-whisper-large-v2", 1520),
    _whisper("distil-large-v3", "Systran/faster-distil-whisper-large-v3", 1520),
    _whisper("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ct2", 1520),
    _qwen("Qwen/Qwen3-ForcedAligner-0.6B", 1840),
    _qwen("Qwen/Qwen3-ForcedAligner-0.6B-hf", 1840),
    _qwen("Qwen/Qwen3-ASR-0.6B", 1880),
    _qwen("Qwen/Qwen3-ASR-0.6B-hf", 1880),
    _qwen("Qwen/Qwen3-ASR-1.7B", 4700),
    _qwen("Qwen/Qwen3-ASR-1.7B-hf", 4700),
    _qwen("aufklarer/Qwen3-ForcedAligner-0.6B-4bit", 680),
    _qwen("mlx-community/Qwen3-ForcedAligner-0.6B-8bit", 1000),
    _qwen("mlx-community/Qwen3-ASR-0.6B-8bit", 1000),
    _qwen("mlx-community/Qwen3-ASR-1.7B-8bit", 2500),
    *(_gguf("cstr/qwen3-forced-aligner-0.6b-GGUF", *kind) for kind in _ALIGNER_KINDS),
    *(_gguf("cstr/qwen3-asr-0.6b-GGUF", *kind) for kind in (("q8_0", 1000), ("q4_k", 540))),
    _gguf("cstr/qwen3-asr-0.6b-GGUF", "f16", 1880, file="qwen3-asr-0.6b.gguf"),
    _gguf("cstr/parakeet-tdt-0.6b-v3-GGUF", "q4_k", 0, "ggml"),
    _gguf("cstr/canary-1b-v2-GGUF", "q4_k", 0, "ggml"),
    _gguf("cstr/cohere-transcribe-03-2026-GGUF", "q4_k", 0, "ggml"),
    _nvidia("parakeet-tdt-0.6b-v3", 2510),
    _nvidia("parakeet-tdt-0.6b-v3.nemo", 2510),
    _nvidia("parakeet-tdt-0.6b-v2.nemo", 2470),
    _nvidia("parakeet-ctc-0.6b", 2440),
    _nvidia("parakeet-ctc-1.1b", 4250),
    _nvidia("parakeet-rnnt-0.6b.nemo", 2460),
    _nvidia("parakeet-rnnt-1.1b.nemo", 4280),
    _nvidia("canary-1b-v2", 3910),
    _nvidia("canary-1b-v2.nemo", 6360),
    _nvidia("canary-1b-flash.nemo", 3540),
    _nvidia("canary-180m-flash.nemo", 740),
)

RANKING: dict[Family, tuple[str, ...]] = {
    "whisper": (
        *("large-v3-turbo", "large-v3", "large-v2", "medium", "small", "base", "tiny"),
        *("distil-large-v3.5", "distil-large-v3", "medium.en", "small.en", "base.en", "tiny.en"),
    ),
    "qwen3-aligner": (
        *("qwen3-forcedaligner-0.6b-hf", "qwen3-forcedaligner-0.6b", "bezzam/Qwen3-ForcedAligner-0.6B-hf"),
        *(f"qwen3-forced-aligner-0.6b-gguf:{kind}" for kind in ("f16", "q8_0", "q5_0", "q4_k")),
        *("qwen3-forcedaligner-0.6b-8bit", "qwen3-forcedaligner-0.6b-4bit"),
    ),
    "qwen3-asr": (
        *("qwen3-asr-1.7b-hf", "qwen3-asr-1.7b", "qwen3-asr-0.6b-hf", "qwen3-asr-0.6b"),
        *(f"qwen3-asr-0.6b-gguf:{kind}" for kind in ("f16", "q8_0", "q4_k")),
        *("qwen3-asr-1.7b-8bit", "qwen3-asr-0.6b-8bit"),
    ),
    "parakeet": (
        *("parakeet-tdt-0.6b-v3", "parakeet-tdt-0.6b-v3.nemo", "parakeet-tdt-0.6b-v2.nemo"),
        *("parakeet-rnnt-1.1b.nemo", "parakeet-ctc-1.1b", "parakeet-rnnt-0.6b.nemo", "parakeet-ctc-0.6b"),
    ),
    "ggml": tuple(
        f"{name}-gguf:q4_k" for name in ("parakeet-tdt-0.6b-v3", "canary-1b-v2", "cohere-transcribe-03-2026")
    ),
    "canary": ("canary-1b-v2", "canary-1b-v2.nemo", "canary-1b-flash.nemo", "canary-180m-flash.nemo"),
}
"""Best first. Whisper: the multilingual ones before those that know English only; turbo before large-v3, whose encoder
it shares with a decoder of 4 layers instead of 32."""


def required_files(family: Family) -> tuple[str, ...]:
    """The files without which a model of the family does not load; `a|b`: one of them."""
    if family == "whisper":
        return _CTRANSLATE2
    return _QWEN if family.startswith("qwen3") else _TRANSFORMERS


def lookup(name: str, family: Family | None = None) -> Weights | None:
    """The catalogue's entry for a name or Hub id, whatever its case; None if it has none.

    The name of a model that there is only as an archive need not end in .nemo, nor that of a repository of GGUF files
    in a kind: the first of the catalogue is meant.
    """
    for key in (name.lower(), f"{name.lower()}.nemo", *(f"{name.lower()}:{kind}" for kind in ("q8_0", "q4_k"))):
        for weights in CATALOGUE:
            if family in (None, weights.family) and key in (weights.name, _hub_name(weights)):
                return weights
    return None


def _hub_name(weights: Weights) -> str:
    """Its Hub id, lower case; that of an archive ends in .nemo, since a repository may hold the model in both forms.

    That of a GGUF file ends in its kind, after a colon.
    """
    _, colon, kind = weights.name.partition(":")
    return weights.repo.lower() + colon + kind + (".nemo" if weights.required[0].endswith(".nemo") else "")
