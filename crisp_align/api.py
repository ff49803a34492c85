"""The library's front door: one call for a file. For many files, keep a `Pipeline` and feed it their names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from crisp_align.events import Event, Failed, Finished
from crisp_align.pipeline.pipeline import Pipeline
from crisp_align.pipeline.settings import Settings
from crisp_align.transcript import Transcript

__all__ = ["align", "transcribe"]


def transcribe(
    media: str | os.PathLike[str],
    *,
    backend: str = "auto",
    model: str = "auto",
    aligner: str = "auto",
    language: str | None = None,
    translate: bool = False,
    prompt: str | None = None,
    hotwords: str | None = None,
    settings: Settings | None = None,
) -> Transcript:
    """Transcribe one file and time its words.

    Args:
        media: any audio or video file that ffmpeg reads; "-" is standard input.
        backend: a name from `crisp-align backends`, or "auto".
        model: a name, Hub id or folder; "auto" is the best already on this machine and downloads nothing.
        aligner: hmm, attention, native, qwen3, the path or Hub id of an aligner's model, or "auto".
        language: code or English name; None or "auto" detects it in every clip.
        translate: into English, where the backend can.
        prompt: text that sets the style or names the context.
        hotwords: words to expect.
        settings: everything else (device, thresholds, offset, …); the arguments above win over it.

    Raises:
        MediaError: the file is missing, holds no audio, or is not media.
        OptionError: an option that the backend or aligner cannot honour.
        ModelError: weights or an engine are missing.
    """
    chosen = _settings(settings, backend, model, aligner, language)
    decode = replace(
        chosen.decode,
        translate=translate or chosen.decode.translate,
        prompt=prompt or chosen.decode.prompt,
        hotwords=hotwords or chosen.decode.hotwords,
    )
    pipeline = Pipeline.load(replace(chosen, decode=decode))
    return _transcript(pipeline.transcribe([os.fspath(media)]))


def align(
    media: str | os.PathLike[str],
    text: str,
    *,
    aligner: str = "auto",
    language: str | None = None,
    backend: str = "auto",
    model: str = "auto",
    settings: Settings | None = None,
) -> Transcript:
    """Time a given text: every word of it once, in order, each line a segment.

    Args:
        media: any audio or video file that ffmpeg reads; "-" is standard input.
        text: what is said in it.
        aligner: as for `transcribe`.
        language: code or English name; None or "auto" asks the script, then the audio.
        backend: listens along where the audio is longer than one clip, to find which part of the text is where.
        model: of that backend.
        settings: everything else; the arguments above win over it.

    Raises:
        MediaError: the file is missing, holds no audio, or is not media.
        AlignmentError: no speech in the audio, or nothing to say in the text.
        OptionError: an option that the aligner cannot honour.
        ModelError: weights or an engine are missing.
    """
    pipeline = Pipeline.load(_settings(settings, backend, model, aligner, language), transcribes=False)
    return _transcript(pipeline.align(os.fspath(media), text))


def _settings(settings: Settings | None, backend: str, model: str, aligner: str, language: str | None) -> Settings:
    base = settings or Settings()
    return replace(
        base,
        backend=replace(
            base.backend,
            name=backend if backend != "auto" else base.backend.name,
            model=model if model != "auto" else base.backend.model,
        ),
        aligner=base.aligner if aligner == "auto" else replace(base.aligner, name=aligner, model="auto"),
        decode=base.decode if language is None else replace(base.decode, language=language),
    )


def _transcript(events: Iterable[Event]) -> Transcript:
    """The transcript that one file's events end with.

    Raises:
        CrispAlignError: the file failed.
    """
    for event in events:
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Finished):
            return event.transcript
    raise AssertionError("a run ends with Finished or Failed")
