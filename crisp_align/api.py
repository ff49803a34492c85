"""The library's front door: one call for a file. For many files, keep a `Pipeline` and feed it their names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from crisp_align.events import Event, Failed, Finished
from crisp_align.pipeline.pipeline import Pipeline
from crisp_align.pipeline.settings import Settings
from crisp_align.sync.given import Unspoken
from crisp_align.transcript import Transcript

if TYPE_CHECKING:
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Layout, Rules

__all__ = ["align", "lay_out", "read", "transcribe", "write"]


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
    unspoken: Unspoken = "keep",
) -> Transcript:
    """Time a reference text: every word of it once, in order, each line a segment.

    Each segment's `match` says how sure its line is; the transcript's `extra_speech` is what the text lacks.

    Args:
        media: any audio or video file that ffmpeg reads; "-" is standard input.
        text: what is said in it, more or less.
        aligner: as for `transcribe`.
        language: code or English name; None or "auto" asks the script, then the audio.
        backend: transcribes the audio where it is longer than one clip, to find which part of the text is where.
        model: of that backend.
        settings: everything else; the arguments above win over it.
        unspoken: what becomes of lines that nobody says: "keep" them in free time, "mark" them there, or "drop" them.

    Raises:
        MediaError: the file is missing, holds no audio, or is not media.
        AlignmentError: no speech in the audio, or nothing to say in the text.
        OptionError: an option that the aligner cannot honour.
        ModelError: weights or an engine are missing.
    """
    pipeline = Pipeline.load(_settings(settings, backend, model, aligner, language), transcribes=False)
    return _transcript(pipeline.align(os.fspath(media), text, unspoken))


def read(path: str | os.PathLike[str], *, format: str | None = None, encoding: str | None = None) -> Transcript:
    """Read a transcript or subtitles.

    Args:
        path: of a file in any format that `crisp-align render` reads.
        format: its name, e.g. "srt"; None: by the extension.
        encoding: of its text; None: by its byte-order mark, or what fits.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be; names the file and the line.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats import read_format

    return read_format(path, format, encoding)


def lay_out(transcript: Transcript, *, profile: str = "auto", rules: Rules | None = None) -> Layout:
    """Lay a transcript out as cues.

    Args:
        transcript: from `transcribe`, `align` or `read`.
        profile: a name that `--profile` takes, or the path of a .toml file; "auto": by language.
        rules: to be kept instead of a profile's.

    Raises:
        OptionError: no such profile, or rules that contradict each other.
    """
    from crisp_align import layout

    if rules is None:
        rules = layout.LanguageRules() if profile == "auto" else layout.profile_rules(profile)
    return layout.lay_out(transcript.segments, rules)


def write(
    transcript: Transcript,
    path: str | os.PathLike[str],
    *,
    profile: str = "auto",
    rules: Rules | None = None,
    format: str | None = None,
    options: WriteOptions | None = None,
) -> None:
    """Write a transcript as a file of any format, laid out first; the file appears whole or not at all.

    Args:
        transcript: from `transcribe`, `align` or `read`.
        path: of the file, which is replaced if it is there.
        profile: as for `lay_out`.
        rules: as for `lay_out`.
        format: its name, e.g. "srt"; None: by the extension.
        options: choices of writing.

    Raises:
        OptionError: no such format or profile.
        TranscriptError: the format needs times, and the words have none.
        OutputError: nothing was written; says why and what to do.
    """
    from crisp_align.files.atomic import write_atomically
    from crisp_align.formats import format_of_path, write_format

    name = format or format_of_path(path).name
    cues = lay_out(transcript, profile=profile, rules=rules).cues
    write_atomically(path, write_format(name, transcript, cues, options))


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
