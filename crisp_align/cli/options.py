"""The options of the commands, in groups, and the library's values that they become.

To add an option: a field in a group here and, where the library's dataclass that the group fills has no field of that
name yet, one there, with the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.shell_completion import CompletionItem

from crisp_align.cli.fields import (
    Named,
    OptionGroup,
    addresses,
    choice,
    fill,
    flag,
    flags,
    given,
    integer,
    number,
    option,
    switch,
)
from crisp_align.errors import OptionError
from crisp_align.formats.builtin import BUILTIN
from crisp_align.languages import NAMES, language_code

if TYPE_CHECKING:
    from crisp_align.batch.options import BatchOptions
    from crisp_align.batch.planning import Input, Job
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cluster.run import ClusterOptions
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Rules
    from crisp_align.pipeline.settings import Settings

__all__ = [
    "BatchGroup",
    "ClusterGroup",
    "ConsoleGroup",
    "EncodingGroup",
    "LanguageGroup",
    "LayoutGroup",
    "ListGroup",
    "MediaGroup",
    "ModelGroup",
    "OutputGroup",
    "QuietGroup",
    "ReadingGroup",
    "SpeechGroup",
    "StyleGroup",
    "TextGroup",
    "TimingGroup",
    "VoiceGroup",
    "batch_options",
    "settings",
]

_DAYS = 100 * 24 * 3600 * 1000  # ms; longer than any recording, short enough for every engine's arithmetic


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def _complete_languages(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    known = {"auto": "detect", **NAMES}
    return [CompletionItem(code, help=name) for code, name in known.items() if code.startswith(incomplete)]


def _complete_backends(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from crisp_align.backends import backend_names

    return [CompletionItem(name) for name in ["auto", *backend_names()] if name.startswith(incomplete)]


def _complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from crisp_align.layout import profile_names

    known = {"auto": "by language", **profile_names()}
    return [CompletionItem(name, help=title) for name, title in known.items() if name.startswith(incomplete)]


@dataclass(frozen=True, eq=False, repr=False)
class MediaGroup(OptionGroup):
    """Which sound of a file is read; fills `MediaOptions`."""

    targets = ("crisp_align.media.audio:MediaOptions",)

    audio_track: str | None = option(
        "--audio-track",
        metavar="N|LANG",
        help="which audio track: a number from 0, or a language (the default one)",
        type=Named("a number from 0 to 999, or a language", r"\d{1,3}|[^\W\d_][\w -]{1,39}"),
    )
    channel: str | None = option(
        "--channel",
        metavar="NAME|N",
        help="mix, left, right, centre, a number from 0, best, each as a speaker; auto: as fits",
        type=Named("a channel", r"\d{1,3}|auto|mix|left|right|centre|best|each"),
    )
    offset: int | None = integer(
        *("-ot", "--offset-t", "--offset"), metavar="MS", help="begin at", low=0, high=_DAYS, convert=_seconds
    )
    duration: int | None = integer(
        *("-d", "--duration"),
        metavar="MS",
        help="stop after; 0: at the end",
        low=0,
        high=_DAYS,
        convert=lambda milliseconds: _seconds(milliseconds) or None,
    )

    @property
    def origin(self) -> float:
        """s in each source at which the work begins."""
        return _seconds(self.offset or 0)


@dataclass(frozen=True, eq=False, repr=False)
class ListGroup(OptionGroup):
    """A list of inputs."""

    from_file: str | None = option(
        "--from-file", metavar="LIST", help="a file that names the inputs, one a line; -: standard input"
    )
    null: bool = flag("-0", "--null", help="names in LIST end in null characters, as find -print0 writes them")


@dataclass(frozen=True, eq=False, repr=False)
class ModelGroup(OptionGroup):
    """Which models, and where they run; fills `ModelChoice` twice, and `LoadOptions` for both."""

    targets = (
        "crisp_align.backends.options:ModelChoice",
        "crisp_align.backends.options:LoadOptions",
        "crisp_align.pipeline.settings:Settings",
    )

    backend: str | None = option(
        "--backend",
        metavar="NAME",
        help="speech backend; auto: the default one",
        into="name",
        complete=_complete_backends,
    )
    model: str | None = option(
        *("-m", "--model"),
        metavar="MODEL",
        help="a name (tiny … large-v3-turbo), a Hub id or a folder; auto: the best already on this machine",
    )
    aligner: str | None = option(
        *("-am", "--aligner", "--aligner-model"),
        metavar="NAME",
        help="aligner, or the path or Hub id of an aligner's model; auto: the best already here",
    )
    device: str | None = option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")
    dtype: str | None = option("--dtype", "--compute-type", metavar="T", help="number type, e.g. int8, float16")
    threads: int | None = integer(
        "-t", "--threads", metavar="N", help="CPU threads; 0: all there are", low=0, high=1024
    )
    runtime: str | None = option("--runtime", metavar="NAME", help="engine, where a backend has several")
    align_device: str | None = option(
        "--align-device", metavar="NAME", help="the aligner's, where it differs from --device"
    )
    align_dtype: str | None = option("--align-dtype", metavar="T", help="the aligner's, where it differs from --dtype")
    align_runtime: str | None = option(
        "--align-runtime", metavar="NAME", help="the aligner's, where it differs from --runtime"
    )
    servers: tuple[str, ...] | None = addresses(
        "--server", metavar="URL", help="a server that runs the backend's model; may be given again"
    )
    align_servers: tuple[str, ...] | None = addresses(
        "--align-server", metavar="URL", help="a server that runs the aligner's model; may be given again"
    )
    offline: bool = flag("--offline", help="never use the network, even for a model that was named")
    sequential: bool = flag(
        "--sequential", help="free the backend's model before the aligner's is loaded: for small GPUs"
    )


@dataclass(frozen=True, eq=False, repr=False)
class LanguageGroup(OptionGroup):
    """The language of the speech or the text."""

    targets: ClassVar[tuple[str, ...]] = ("crisp_align.backends.options:DecodeOptions",)

    language: str | None = option(
        *("-l", "--language"),
        metavar="LANG",
        help="code or name; auto: detect it, in speech clip by clip",
        complete=_complete_languages,
    )

    @property
    def code(self) -> str | None:
        """The code of the language named; None: auto.

        Raises:
            OptionError: an unknown language.
        """
        named = "auto" if self.language is None else self.language.strip()
        return None if named.lower() == "auto" else language_code(named)

    @property
    def output_code(self) -> str | None:
        """The code of the language that outputs will be in, where that is known before anything is transcribed."""
        return self.code


@dataclass(frozen=True, eq=False, repr=False)
class SpeechGroup(LanguageGroup):
    """What is asked of a transcription; fills `DecodeOptions`."""

    targets = ("crisp_align.backends.options:DecodeOptions", "crisp_align.pipeline.settings:Settings")

    translate: bool = flag("-tr", "--translate", help="translate into English, or into --target-language")
    target_language: str | None = option("--target-language", metavar="LANG", help="language to translate into")
    script: str | None = choice(
        "--script",
        choices=("auto", "hans", "hant"),
        help="of Chinese: simplified or traditional characters; auto: the one that most of a file is in",
    )
    prompt: str | None = option("--prompt", metavar="TEXT", help="text that sets the style or names the context")
    punctuation: bool | None = switch(
        "--punctuation/--no-punctuation", help="write punctuation, where a model can leave it out (on)"
    )
    hotwords: str | None = option("--hotwords", metavar="WORDS", help="words to expect")
    beam_size: int | None = integer(
        "-bs", "--beam-size", metavar="N", help="width of the search ({default})", low=1, high=100
    )
    batch_size: int | None = integer(
        "--batch-size", metavar="N", help="clips at once; 0: as suits the device", low=0, high=4096
    )
    temperature: float | None = number(
        "-tp", "--temperature", metavar="T", help="randomness of the search ({default})", low=0, high=2
    )
    no_speech_threshold: float | None = number(
        *("-nth", "--no-speech-thold", "--no-speech-threshold"),
        metavar="P",
        help="drop a clip more probably silent than this ({default})",
        low=0,
        high=1,
    )
    log_prob_threshold: float | None = number(
        *("-lpt", "--logprob-thold", "--log-prob-threshold"),
        metavar="X",
        help="doubt text less probable than this ({default})",
        low=-100,
        high=0,
    )
    compression_ratio_threshold: float | None = number(
        "--compression-ratio-threshold",
        metavar="X",
        help="doubt text that repeats itself more than this ({default})",
        low=1,
        high=1000,
    )

    @property
    def translates(self) -> bool:
        """Whether a translation is asked for."""
        return self.translate or self.target_language is not None

    @property
    def output_code(self) -> str | None:
        """The code of the language that outputs will be in, where that is known before anything is transcribed."""
        return language_code(self.target_language or "en") if self.translates else self.code


@dataclass(frozen=True, eq=False, repr=False)
class EncodingGroup(OptionGroup):
    """How text files are read."""

    encoding: str | None = option("--encoding", metavar="NAME", help="of the texts that are read; else what fits best")


@dataclass(frozen=True, eq=False, repr=False)
class ReadingGroup(EncodingGroup):
    """How subtitles and transcripts are read."""

    read_as: str | None = option("--from", metavar="FORMAT", help="of the input, whatever its content looks like")
    strict: bool = flag("--strict", help="refuse what would be repaired or passed over")
    tier: str | None = option("--tier", metavar="NAME", help="the tier of a TextGrid to read; else those of words")

    @property
    def format(self) -> str | None:
        """Name of the format that was named; None: none was.

        Raises:
            OptionError: there is none of that name.
        """
        from crisp_align.formats import find_format

        return None if self.read_as is None else find_format(self.read_as.lower().removeprefix(".")).name


@dataclass(frozen=True, eq=False, repr=False)
class VoiceGroup(OptionGroup):
    """What counts as speech; fills `VadOptions`."""

    targets = ("crisp_align.speech.options:VadOptions",)

    vad: bool | None = switch("--vad/--no-vad", help="look for voice activity (on)", into="enabled")
    vad_threshold: float | None = number(
        *("-vt", "--vad-threshold"),
        metavar="P",
        help="probability that counts as speech ({default})",
        low=0.01,
        high=0.99,
        into="threshold",
    )
    vad_neg_threshold: float | None = number(
        *("--vad-neg-threshold",), metavar="P", help="probability that ends speech", low=0, high=0.98,
        into="neg_threshold",
    )  # fmt: skip
    vad_min_speech: int | None = integer(
        *("-vspd", "--vad-min-speech-duration-ms"),
        metavar="MS",
        help="shortest speech",
        low=0,
        high=60_000,
        into="min_speech",
        convert=_seconds,
    )
    vad_min_silence: int | None = integer(
        *("-vsd", "--vad-min-silence-duration-ms"),
        metavar="MS",
        help="shortest pause",
        low=0,
        high=60_000,
        into="min_silence",
        convert=_seconds,
    )
    vad_pad: int | None = integer(
        *("-vp", "--vad-speech-pad-ms"),
        metavar="MS",
        help="kept around speech",
        low=0,
        high=10_000,
        into="pad",
        convert=_seconds,
    )
    vad_max_pause: int | None = integer(
        "--vad-max-pause-ms",
        metavar="MS",
        help="longest pause in a clip",
        low=0,
        high=60_000,
        into="max_pause",
        convert=_seconds,
    )


@dataclass(frozen=True, eq=False, repr=False)
class TimingGroup(OptionGroup):
    """How words are timed; fills `Settings` and `LoadOptions`."""

    targets = ("crisp_align.pipeline.settings:Settings", "crisp_align.backends.options:LoadOptions")

    units: str | None = choice(
        "--units",
        choices=("word", "char"),
        help="char: every ideograph, kana and Hangul syllable is timed by itself",
    )
    strict: bool = flag("--strict", help="an aligner that cannot time a clip is an error; no other one takes over")
    align_decode: str | None = choice(
        "--decode",
        choices=("path", "upstream"),
        help="how a neural aligner's times are read: the best path in order, or as its authors do",
    )
    align_refine: bool = flag(
        "--refine", help="times between the steps of a neural aligner (not yet measured on real weights)"
    )
    compile: bool = flag("--compile", help="compile a neural aligner for CUDA first; pays for many files")


@dataclass(frozen=True, eq=False, repr=False)
class TextGroup(OptionGroup):
    """A text to be timed."""

    text: str | None = option("--text", "--ref-text", metavar="TEXT", help="the text; its lines become segments")
    text_file: str | None = option(
        "--text-file",
        metavar="FILE",
        help="the same from a file, a plain text or subtitles in any format that is read; -: standard input",
    )
    unspoken: str | None = choice(
        "--unspoken",
        choices=("keep", "mark", "drop"),
        metavar="keep|mark|drop",
        help="lines that nobody says: in free time (keep), marked there too, or left out",
    )


@dataclass(frozen=True, eq=False, repr=False)
class LayoutGroup(OptionGroup):
    """How words become cues; fills `Rules`."""

    targets = ("crisp_align.layout.rules:Rules",)

    max_chars: int | None = integer(
        *("-ml", "--max-len"),
        metavar="N",
        help="as in whisper.cpp: 0: a cue a segment; 1: a cue a word; N: at most N characters a cue, or a line where "
        "--profile or --max-lines is set",
        low=0,
        high=10_000,
    )
    split_on_word: bool = flag("-sow", "--split-on-word", help="keep words longer than -ml whole")
    split_on_punctuation: bool = flag("-sp", "--split-on-punct", help="every sentence begins a cue")
    profile: str | None = option(
        "--profile",
        metavar="NAME",
        help="professional subtitles: auto (by language; the default without -ml, -sow, -sp), netflix-en, netflix, "
        "netflix-ja, netflix-ko, netflix-zh, bbc, amazon, arte, social, sentence, or a .toml file; the other "
        "options here change its rules",
        complete=_complete_profiles,
    )
    audience: str | None = option(
        "--audience",
        metavar="NAME",
        help="whose reading speed Netflix's profiles mean: adults, children, sdh, sdh-children",
    )
    max_lines: int | None = integer(
        "--max-lines", metavar="N", help="lines in a cue, broken where they read best", low=0, high=20
    )
    max_words: int | None = integer("--max-words", metavar="N", help="words in a cue", low=0, high=10_000)
    max_duration: float | None = number(
        "--max-duration", metavar="S", help="longest a cue stays, in seconds", low=0, high=3600
    )
    min_duration: float | None = number("--min-duration", metavar="S", help="shortest a cue stays", low=0, high=3600)
    max_cps: float | None = number("--max-cps", metavar="N", help="characters a second to read", low=0, high=1000)
    min_gap: float | None = number("--min-gap", metavar="S", help="least time between cues", low=0, high=60)
    max_pause: float | None = number(
        "--max-pause", metavar="S", help="longest pause inside a cue (1.5); 0: no limit", low=0, high=3600
    )
    fill_gaps: float | None = number(
        "--fill-gaps", metavar="S", help="hold a cue until the next one, at most S later", low=0, high=3600
    )
    linger: float | None = number(
        "--linger", metavar="S", help="how long a cue may stay after its last word", low=0, high=60
    )
    fps: float | None = number("--fps", metavar="N", help="times fall on frames of this rate", low=0, high=1000)

    def rules(self) -> Rules:
        """Return how words become cues: the profile's rules, and over them what was typed.

        Without a profile it is the one for the language; but -ml, -sow and -sp mean whisper.cpp's layout then.

        Raises:
            OptionError: no such profile, or rules that contradict each other.
        """
        from crisp_align.layout import LanguageRules, Rules, has_languages, profile_rules

        typed = given(self)
        profile, audience = typed.pop("profile", None), typed.pop("audience", "adults")
        filled = not typed.keys().isdisjoint({"max_chars", "split_on_word", "split_on_punctuation"})
        if profile is None and audience == "adults" and filled:
            return Rules(**typed)
        if profile in (None, "auto"):
            return LanguageRules(**typed, given=frozenset(typed), audience=audience)
        if has_languages(profile):
            return LanguageRules(**typed, given=frozenset(typed), profile=profile, audience=audience)
        return replace(profile_rules(profile, audience=audience), **typed)


@dataclass(frozen=True, eq=False, repr=False)
class OutputGroup(OptionGroup):
    """Which outputs, and where they go."""

    formats: tuple[str, ...] = flags(
        *(
            (format.flag, f"--output-{format.name}", format.name, f"write {format.description}")
            for format in BUILTIN
            if format.flag
        )
    )
    named: tuple[str, ...] = option(
        *("-o", "--output"),
        metavar="NAME.EXT",
        help="an output in the format of its extension; again for more (one input)",
        multiple=True,
    )
    base: str | None = option(
        *("-of", "--output-file"),
        metavar="BASE",
        help="path of the outputs without extension (one input); -: standard output",
    )
    output_dir: str | None = option(
        "--output-dir", metavar="DIR", help="folder for the outputs; made if it is not there"
    )
    pattern: str | None = option(
        "--name",
        metavar="PATTERN",
        help="names of the outputs, e.g. {stem}.{lang}.{ext}; also {name}, {format}, {backend}, {model}, {aligner}",
    )
    skip_existing: bool = flag("--skip-existing", help="do only what is missing, or older than its input")
    overwrite: bool = flag(
        "--overwrite", help="write over files that crisp-align did not write, or that were edited since"
    )

    def plan(self, inputs: Sequence[Input], language: str | None = None) -> list[Job]:
        """Return the jobs that inputs become; `language`: code of the language of the outputs, where it is known.

        Raises:
            OptionError: names of outputs that cannot be; see `batch.plan`.
        """
        from crisp_align.batch.planning import plan
        from crisp_align.media.remote import from_file_url

        return plan(
            inputs,
            # -ojf holds all that -oj does.
            [name for name in self.formats if not (name == "json" and "json-full" in self.formats)],
            named=self.named,
            base=self.base,
            folder=None if self.output_dir is None else from_file_url(self.output_dir),
            pattern=self.pattern,
            language=language,
        )

    def ledger(self) -> Ledger:
        """Return the record of which files may be written over."""
        from crisp_align.batch.written_files import Ledger

        return Ledger(overwrite=self.overwrite)


@dataclass(frozen=True, eq=False, repr=False)
class StyleGroup(OptionGroup):
    """Choices of writing; fills `WriteOptions`."""

    targets = ("crisp_align.formats.format:WriteOptions",)

    highlight_words: bool = flag(
        "--highlight-words", help="show each cue once a word, the spoken one marked (SRT, WebVTT, ASS)"
    )
    karaoke: str | None = choice(
        "--karaoke",
        choices=("none", "word", "fill"),
        metavar="word|fill",
        help="words light up as they are spoken (WebVTT, ASS, LRC)",
    )
    cue_settings: str | None = option(
        "--cue-settings", metavar="TEXT", help='WebVTT settings of every cue, e.g. "line:85%"'
    )
    speaker_names: str | None = choice(
        "--speaker-names",
        choices=("NAME:", "[NAME]", "(NAME)"),
        metavar="NAME:|[NAME]|(NAME)",
        help="write who speaks in front of it, in one of these ways (SRT, TXT, CSV, TSV, SBV, labels)",
    )
    json_style: str | None = choice(
        "--json-style",
        choices=("crisp-align", "whisper.cpp", "openai", "whisperx"),
        metavar="NAME",
        help="whose JSON to write: crisp-align, whisper.cpp, openai, whisperx",
    )
    font: str | None = option("--font", metavar="NAME", help="typeface (ASS)")
    resolution: str | None = option("--resolution", metavar="WxH", help="pixels of the picture (ASS)")
    embed_media: bool = flag("--embed-media", help="put the media into the review page")
    bom: bool = flag("--bom", help="begin files with a byte-order mark, all but JSON")

    def write_options(self) -> WriteOptions:
        """Return choices of writing.

        Raises:
            OptionError: a resolution that is none, or cue settings or a typeface that no file can hold.
        """
        from crisp_align.formats import WriteOptions

        size: dict[str, Any] = {}
        if self.resolution is not None:
            width, by, height = self.resolution.lower().partition("x")
            if not (by and width.isdecimal() and height.isdecimal() and len(width) < 7 and len(height) < 7):
                raise OptionError(f"{self.resolution!r} is no resolution", hint="give width and height, e.g. 1920x1080")
            size = {"width": int(width), "height": int(height)}
        return fill(WriteOptions, self, **size)


@dataclass(frozen=True, eq=False, repr=False)
class QuietGroup(OptionGroup):
    """Whether anything but errors is printed."""

    quiet: bool = flag("-np", "--no-prints", help="print nothing but errors")


@dataclass(frozen=True, eq=False, repr=False)
class ConsoleGroup(QuietGroup):
    """What is printed."""

    progress: bool = flag("-pp", "--print-progress", help="print progress even where stderr is no terminal")
    verbose: bool = flag("-v", "--verbose", help="say more: what was dropped, and why")
    log_json: bool = flag("--log-json", help="for machines: on stderr nothing but events, one JSON object a line")


@dataclass(frozen=True, eq=False, repr=False)
class BatchGroup(OptionGroup):
    """How many files are gone through; fills `BatchOptions` and `WorkerOptions`."""

    targets = ("crisp_align.batch.options:WorkerOptions", "crisp_align.batch.options:BatchOptions")

    journal: str | None = option(
        "--journal", metavar="FILE", help="keep a journal: a run that was cut off resumes where it was"
    )
    retry_failed: bool = flag("--retry-failed", help="with --journal: try again what failed before")
    report: str | None = option(
        "--report", metavar="FILE", help="write what came of each file, as .json, .csv or .html"
    )
    workers: int | None = integer(
        "--workers", metavar="N", help="processes for several files; 0: as suits the machine", low=0, high=1024,
        into="count",
    )  # fmt: skip
    timeout: float | None = number(
        "--timeout",
        metavar="S",
        help="seconds without progress after which a worker is replaced ({default})",
        low=1,
        high=1e7,
    )
    memory: int | None = integer(
        "--memory",
        metavar="MB",
        help="for all workers: less is read ahead, and one that outgrows its share is replaced",
        low=1,
        high=1 << 30,
        convert=lambda megabytes: megabytes * 1_000_000,
    )
    retry_timeout: float | None = number(
        "--patience",
        metavar="S",
        help="how long a batch waits for a full disk or a vanished folder ({default})",
        low=0,
        high=1e7,
    )


@dataclass(frozen=True, eq=False, repr=False)
class ClusterGroup(OptionGroup):
    """On which cluster files are done; fills `ClusterOptions`."""

    targets = ("crisp_align.cluster.sizes:ClusterOptions",)

    engine: str | None = choice(
        "--engine",
        choices=("local", "ray"),
        help="where files are done: worker processes here, or a Ray cluster (docs/scale.md)",
    )
    ray_address: str | None = option(
        "--ray-address",
        metavar="ADDR",
        help="of a running cluster, e.g. host:6379 or auto; else one is started here",
        into="address",
    )
    asr_workers: int | None = integer(
        "--asr-workers", metavar="N", help="workers that transcribe; 0: as suits the cluster", low=0, high=100_000
    )
    asr_cpus: float | None = number("--asr-cpus", metavar="N", help="CPUs of each", low=0.01, high=1024)
    asr_gpus: float | None = number("--asr-gpus", metavar="X", help="GPUs of each, or the share of one", low=0, high=64)
    align_workers: int | None = integer(
        "--align-workers", metavar="N", help="workers that align; 0: as suits", low=0, high=100_000
    )
    align_cpus: float | None = number("--align-cpus", metavar="N", help="CPUs of each", low=0.01, high=1024)
    align_gpus: float | None = number(
        "--align-gpus", metavar="X", help="GPUs of each, or the share of one", low=0, high=64
    )
    decode_workers: int | None = integer(
        "--decode-workers", metavar="N", help="files read at once; 0: as suits", low=0, high=100_000
    )
    decode_cpus: float | None = number("--decode-cpus", metavar="N", help="CPUs of each", low=0.01, high=1024)

    @property
    def is_ray(self) -> bool:
        """Whether files are done on a Ray cluster."""
        return self.engine == "ray"


def _typed(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def settings(
    models: ModelGroup, media: MediaGroup, voice: VoiceGroup, timing: TimingGroup, speech: LanguageGroup
) -> Settings:
    """Return everything that decides words and times.

    Raises:
        OptionError: an unknown language, or voice-activity thresholds that contradict each other.
    """
    from crisp_align.aligners.chain import aligner_load
    from crisp_align.backends import DecodeOptions, LoadOptions, ModelChoice
    from crisp_align.media.audio import MediaOptions
    from crisp_align.pipeline.settings import Settings
    from crisp_align.speech.options import VadOptions

    for_aligner = None if isinstance(speech, SpeechGroup) else models.servers  # where nothing is transcribed
    load = fill(LoadOptions, models, timing)
    align_load = aligner_load(
        models.aligner or "auto",
        load,
        device=models.align_device,
        dtype=models.align_dtype,
        runtime=models.align_runtime or (models.runtime if for_aligner else None),
        servers=models.align_servers or for_aligner or (),
    )
    if for_aligner or (not isinstance(speech, SpeechGroup) and align_load.runtime == load.runtime):
        load = replace(load, runtime="auto", servers=())
    translated = {"translate": True} if isinstance(speech, SpeechGroup) and speech.translates else {}
    decode = fill(DecodeOptions, speech, **translated)
    return fill(
        Settings,
        timing,
        *((speech,) if isinstance(speech, SpeechGroup) else ()),
        backend=fill(ModelChoice, models, load=load),
        aligner=ModelChoice(**_typed(name=models.aligner), load=align_load),
        decode=decode,
        media=fill(MediaOptions, media, language=decode.language),
        vad=fill(VadOptions, voice),
        sequential=models.sequential,
    )


def _cluster_options(batch: BatchGroup, cluster: ClusterGroup) -> ClusterOptions | None:
    """Return the cluster that files are done on; None: on none.

    Raises:
        OptionError: options that are for another engine.
    """
    from crisp_align.cluster.run import ClusterOptions

    if not cluster.is_ray:
        for name in given(replace(cluster, engine=None)):
            spelled = "ray-address" if name == "address" else name.replace("_", "-")
            raise OptionError(f"--{spelled} is for a cluster", hint="add --engine ray")
        return None
    for name in ("workers", "memory"):
        if getattr(batch, name) is not None:
            raise OptionError(
                f"--{name} is for worker processes on this machine", hint="use --asr-workers and the like"
            )
    return fill(ClusterOptions, batch, cluster)


def batch_options(
    output: OutputGroup, batch: BatchGroup | None = None, cluster: ClusterGroup | None = None
) -> BatchOptions:
    """Return how a batch of files is worked through.

    Raises:
        OptionError: options that contradict each other.
        OutputError: the report cannot be written, as far as one can see.
    """
    from crisp_align.batch.options import BatchOptions, WorkerOptions
    from crisp_align.batch.report import check_report

    batch = batch or BatchGroup()
    if batch.report is not None:
        check_report(batch.report, output.ledger(), made=output.output_dir)
    if batch.retry_failed and batch.journal is None:
        raise OptionError("--retry-failed asks the journal what failed, and there is none", hint="add --journal FILE")
    chosen = None if cluster is None else _cluster_options(batch, cluster)
    workers = fill(WorkerOptions, batch)
    make_folders = output.output_dir is not None
    return fill(BatchOptions, batch, output, workers=workers, cluster=chosen, make_folders=make_folders)
