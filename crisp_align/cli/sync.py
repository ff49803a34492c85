"""`crisp-align sync MEDIA SUBTITLES`: bring subtitles into time with a recording, or with other subtitles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, choice, flag, group, option
from crisp_align.cli.options import (
    ConsoleGroup,
    EncodingGroup,
    LanguageGroup,
    MediaGroup,
    ModelGroup,
    TimingGroup,
    VoiceGroup,
    settings,
)
from crisp_align.cli.start import check_input, start
from crisp_align.errors import CrispAlignError, OptionError, TranscriptError

if TYPE_CHECKING:
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.display import Display
    from crisp_align.formats.document import SubtitleDocument
    from crisp_align.pipeline.pipeline import Pipeline
    from crisp_align.pipeline.settings import Settings
    from crisp_align.sync.subtitles import Retimed, SyncMethod

__all__ = ["SyncOptions", "command", "run"]

_SUFFIX = ".synced"  # put before the extension of the new file


@dataclass(frozen=True, eq=False, repr=False)
class SyncGroup(OptionGroup):
    """How subtitles are timed, and where they go."""

    sync: str | None = choice(
        "--sync",
        choices=("auto", "words", "shift", "linear", "pieces"),
        metavar="HOW",
        help="words: each cue by its words; shift: one offset; linear: offset and speed; pieces: offsets that jump at "
        "cuts; auto: the simplest that fits (auto)",
    )
    reference: str | None = option(
        "--reference", metavar="FILE", help="subtitles that are in time, instead of a recording"
    )
    subtitles: str | None = option(
        "--subtitles",
        metavar="PATTERN",
        help="which subtitles belong to each recording, e.g. '{stem}*.srt', in its folder; {stem} is its name without "
        "extension",
    )
    output: str | None = option(
        *("-o", "--output"),
        metavar="FILE",
        help="the new file (one input); else NAME.synced.EXT, where the old one is",
    )
    output_dir: str | None = option(
        "--output-dir", metavar="DIR", help="folder for the new files, under their old names"
    )
    skip_existing: bool = flag("--skip-existing", help="leave out subtitles whose new file is there, and no older")
    overwrite: bool = flag(
        "--overwrite", help="write over files that crisp-align did not write, the subtitles themselves among them"
    )
    recursive: bool = flag("-R", "-r", "--recursive", help="look into the subfolders of folders, too")


@dataclass(frozen=True, eq=False, repr=False)
class SyncOptions:
    """Which subtitles to bring into time with what, and how."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="[MEDIA...] SUBTITLES")
    how: SyncGroup = group(SyncGroup, "Timing")
    text: EncodingGroup = group(EncodingGroup, "Input")
    sound: MediaGroup = group(MediaGroup, "Input")
    models: ModelGroup = group(ModelGroup, "Models")
    speech: LanguageGroup = group(LanguageGroup, "Speech")
    voice: VoiceGroup = group(VoiceGroup, "Voice activity")
    timing: TimingGroup = group(TimingGroup, "Word times")
    console: ConsoleGroup = group(ConsoleGroup, "Screen")


@dataclass(frozen=True, slots=True)
class _Pair:
    """Subtitles, what they are timed by, and where the new ones go."""

    media: str | None
    """None: by other subtitles."""
    subtitles: str
    output: str


def run(options: SyncOptions) -> int:
    """Time every pair; the exit code."""
    from crisp_align.batch.summary import RunSummary
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.show import refuse

    how = options.how
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    pairs, errors = _pairs(options)
    summary, ledger = RunSummary(keep_rows=False), Ledger(overwrite=how.overwrite)
    display = start(options.console, (), len(pairs) + len(errors), options.sound.origin)
    synchronizer = _Synchronizer(chosen, cast("SyncMethod", how.sync or "auto"), how.reference, options.text.encoding)
    try:
        refuse(summary, display, errors)
        for pair in pairs:
            if how.skip_existing and _is_done(pair):
                display.skipped(pair.subtitles, "its output is there")
                continue
            try:
                _do(pair, synchronizer, ledger, display, makes_folder=how.output_dir is not None)
            except CrispAlignError as error:
                refuse(summary, display, [error])
    finally:
        display.close()
        ledger.close()
    return summary.exit_code


def _do(pair: _Pair, synchronizer: _Synchronizer, ledger: Ledger, display: Display, *, makes_folder: bool) -> None:
    from crisp_align.batch.preparation import make_folder
    from crisp_align.files.atomic import write_atomically
    from crisp_align.formats import format_of_path, kept_format, write_document

    path = Path(pair.output)
    document = synchronizer.read(pair.subtitles)
    name = kept_format(document, format_of_path(path).name)
    if refusal := ledger.refusal([path]):
        raise refusal
    if makes_folder:
        make_folder(path.parent)
    retimed = synchronizer.retime(document, pair.media)
    data = write_document(name, retimed.document)
    ledger.claim({path: data})
    write_atomically(path, data)
    display.say(f"{pair.subtitles}: {retimed.description} → {pair.output}")
    for notice in (*document.notices, *retimed.notices):
        display.say(notice, source=pair.subtitles)


def _is_done(pair: _Pair) -> bool:
    try:
        newest = max(os.stat(name).st_mtime_ns for name in (pair.subtitles, pair.media or pair.subtitles))  # noqa: PTH116
        return os.stat(pair.output).st_mtime_ns >= newest  # noqa: PTH116
    except (OSError, ValueError):
        return False


class _Synchronizer:
    """Times documents; the models are loaded when the first one needs them."""

    def __init__(self, settings: Settings, method: SyncMethod, reference: str | None, encoding: str | None) -> None:
        self._settings, self._method, self._encoding = settings, method, encoding
        self._pipeline: Pipeline | None = None
        self._reference = None if reference is None else self.read(reference)
        if self._reference is not None and method == "words":
            raise OptionError("words are found in a recording, not in other subtitles", hint="leave out --sync words")

    def read(self, path: str) -> SubtitleDocument:
        """The subtitles in a file.

        Raises:
            TranscriptError: it cannot be read, or holds no cues with times.
        """
        from crisp_align.formats import read_document
        from crisp_align.sync.given import require_times

        return require_times(read_document(path, None, self._encoding))

    def retime(self, document: SubtitleDocument, media: str | None) -> Retimed:
        """The document in time.

        Raises:
            CrispAlignError: it cannot be done.
        """
        from crisp_align.sync.activity import voice_intervals
        from crisp_align.sync.subtitles import cue_intervals, fits_well, retime_by_map

        if media is None:
            assert self._reference is not None  # noqa: S101 (`_pairs` saw to it)
            method = "auto" if self._method == "words" else self._method
            return retime_by_map(document, cue_intervals(self._reference), method)[0]
        if self._method == "words":
            return self._by_words(document, media)
        activity = voice_intervals(media, self._settings.media, self._settings.vad)
        retimed, fit = retime_by_map(document, activity.intervals, self._method)
        if self._method == "auto" and not fits_well(fit, len(document.cues)) and self._knows_language(document):
            return self._by_words(document, media)
        return retimed

    def _knows_language(self, document: SubtitleDocument) -> bool:
        """Whether words can be expected to be found: the subtitles' language is that of the sound, as far as known."""
        from crisp_align.formats import transcript_of_document

        wanted = self._settings.decode.language
        return wanted is None or transcript_of_document(document).language in (None, wanted)

    def _by_words(self, document: SubtitleDocument, media: str) -> Retimed:
        from crisp_align.events import Failed
        from crisp_align.pipeline.pipeline import Pipeline
        from crisp_align.sync.subtitles import Retimed, SubtitlesFinished, reference_lines

        if self._pipeline is None:
            self._pipeline = Pipeline.load(self._settings, transcribes=False)
        if not any(reference_lines(document.cues)):
            raise TranscriptError("says nothing that could be found in the recording", subject=document.source)
        for event in self._pipeline.align_document(media, document):
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, SubtitlesFinished):
                return Retimed(event.document, "each cue by its words", event.transcript.notices)
        raise AssertionError("a run ends with Finished or Failed")


def _pairs(options: SyncOptions) -> tuple[list[_Pair], list[CrispAlignError]]:
    """What is timed by what; and inputs that cannot be used.

    Raises:
        OptionError: the names do not make pairs.
    """
    how, files = options.how, list(options.files)
    for name in files:
        check_input(name)
    if how.reference is not None:
        return [_Pair(None, name, _target(name, how, len(files))) for name in files], []
    if how.subtitles is not None:
        return _matched(files, how)
    if len(files) != 2:
        raise OptionError(
            f"sync takes a recording and its subtitles, not {len(files)} files",
            hint="for many: crisp-align sync films/ --subtitles '{stem}*.srt'",
        )
    return [_Pair(files[0], files[1], _target(files[1], how, 1))], []


def _matched(files: Sequence[str], how: SyncGroup) -> tuple[list[_Pair], list[CrispAlignError]]:
    from crisp_align.batch.inputs import Input, companions, gather

    pattern = how.subtitles or ""
    pairs: list[_Pair] = []
    errors: list[CrispAlignError] = []
    for entry in gather(files, recursive=how.recursive):
        if not isinstance(entry, Input):
            errors.append(entry)
            continue
        found = [
            name for name in companions(entry.source, pattern, "--subtitles") if _SUFFIX not in Path(name).suffixes
        ]
        pairs += [_Pair(entry.source, name, _target(name, how, 2)) for name in found]
        if not found:
            errors.append(TranscriptError(f"no subtitles fit {pattern}", subject=entry.source))
    if how.output is not None and len(pairs) > 1:
        raise OptionError(f"-o names one new file, and there are {len(pairs)}", hint="use --output-dir")
    return pairs, errors


def _target(subtitles: str, how: SyncGroup, count: int) -> str:
    """Where the new file goes."""
    if how.output is not None:
        if count > 1 and how.reference is not None:
            raise OptionError(f"-o names one new file, and there are {count}", hint="use --output-dir")
        return how.output
    path = Path(subtitles)
    if how.output_dir is not None:
        return os.fspath(Path(how.output_dir) / path.name)
    return os.fspath(path.with_name(f"{path.stem}{_SUFFIX}{path.suffix}"))


command = Command(
    "sync",
    run,
    SyncOptions,
    text="Bring subtitles into time with a recording: cues, lines and styles stay, only times change.\n\n"
    "Without words (shift, linear, pieces) the subtitles may be in another language than the sound. With --reference, "
    "other subtitles that are in time take the place of the recording. The new file is put into the folder of the old "
    "one, which is not written over unless --overwrite and -o say so.",
)
