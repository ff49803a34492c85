"""Options that several commands share, and the typed values they become."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from crisp_align.errors import OptionError
from crisp_align.formats.builtin import BUILTIN
from crisp_align.languages import NAMES, language_code

if TYPE_CHECKING:
    from crisp_align.backends import DecodeOptions
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.command import Params
    from crisp_align.cli.work import BatchOptions
    from crisp_align.cluster.run import ClusterOptions
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Rules
    from crisp_align.pipeline.settings import Settings
    from crisp_align.speech.voice import VadOptions

__all__ = [
    "BATCH",
    "CLUSTER",
    "CONSOLE",
    "ENCODING",
    "LAYOUT",
    "LISTS",
    "MEDIA",
    "MODELS",
    "OUTPUT",
    "QUIET",
    "SPEECH",
    "STYLE",
    "TEXT",
    "TIMING",
    "VOICE",
    "Number",
    "batch",
    "flag",
    "formats",
    "ledger",
    "option",
    "output_language",
    "rules",
    "settings",
    "write_options",
]

T = TypeVar("T")

_DAYS = 100 * 24 * 3600 * 1000  # ms; longer than any recording, short enough for every engine's arithmetic


class Number(click.ParamType[float]):
    """A finite number in a range; unlike click's own, it lets no nan through."""

    name = "number"

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; fails with its range."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            self.fail(f"{value!r} is not a number from {self.low:g} to {self.high:g}", param, ctx)
        return number


class Whole(click.ParamType[int]):
    """A whole number in a range, however many digits are typed."""

    name = "integer"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; fails with its range."""
        try:
            number = int(value)
        except ValueError:  # also: more digits than Python converts
            number = self.low - 1
        if not self.low <= number <= self.high:
            shown = str(value) if len(str(value)) <= 24 else f"{str(value)[:20]}…"
            self.fail(f"{shown!r} is not a whole number from {self.low} to {self.high}", param, ctx)
        return number


def flag(*names: str, text: str) -> click.Option:
    """A switch, off unless given."""
    return click.Option(names, is_flag=True, help=text)


def option(
    *names: str,
    metavar: str,
    text: str,
    type: click.ParamType[Any] | None = None,
    default: object = None,
    multiple: bool = False,
) -> click.Option:
    """An option with a value. The last of `names` is the parameter's own, where no spelling gives it."""
    if type is None:
        type = click.STRING
    return click.Option(names, metavar=metavar, help=text, type=type, default=default, multiple=multiple)


def whole(*names: str, metavar: str, text: str, low: int, high: int, default: int | None = None) -> click.Option:
    """An option whose value is a whole number."""
    return option(*names, metavar=metavar, text=text, type=Whole(low, high), default=default)


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


def _completing(made: click.Option, complete: Any) -> click.Option:
    made._custom_shell_complete = complete
    return made


MEDIA = (
    whole("--audio-track", metavar="N", text="which audio track, counted from 0 (the default one)", low=0, high=999),
    whole("-ot", "--offset-t", "--offset", "offset", metavar="MS", text="begin at", low=0, high=_DAYS, default=0),
    whole("-d", "--duration", metavar="MS", text="stop after; 0: at the end", low=0, high=_DAYS, default=0),
)
LISTS = (
    option("--from-file", metavar="LIST", text="a file that names the inputs, one a line; -: standard input"),
    flag("-0", "--null", "null", text="names in LIST are parted by null characters, as find -print0 does"),
)
MODELS = (
    _completing(
        option("--backend", metavar="NAME", text="speech backend; auto: the default one", default="auto"),
        _complete_backends,
    ),
    option(
        *("-m", "--model"),
        metavar="MODEL",
        text="a name (tiny … large-v3-turbo), a Hub id or a folder; auto: the best already on this machine",
        default="auto",
    ),
    option(
        *("-am", "--aligner", "--aligner-model", "aligner"),
        metavar="NAME",
        text="aligner, or the path or Hub id of an aligner's model; auto: the best already here",
        default="auto",
    ),
    option("--device", metavar="NAME", text="auto, cpu, cuda, cuda:1, mps", default="auto"),
    option("--dtype", "--compute-type", "dtype", metavar="T", text="number type, e.g. int8, float16", default="auto"),
    whole("-t", "--threads", metavar="N", text="CPU threads; 0: all there are", low=0, high=1024, default=0),
    option("--runtime", metavar="NAME", text="engine, where a backend has several", default="auto"),
    option("--align-device", metavar="NAME", text="the aligner's, where it is another than --device"),
    option("--align-dtype", metavar="T", text="the aligner's, where it is another than --dtype"),
    option("--align-runtime", metavar="NAME", text="the aligner's, where it is another than --runtime"),
    flag("--offline", text="never use the network, even for a model that was named"),
    flag("--sequential", text="free the backend's model before the aligner's is loaded: for small GPUs"),
)
_LANGUAGE = _completing(
    option(
        "-l", "--language", metavar="LANG", text="code or name; auto: detect it, in speech clip by clip", default="auto"
    ),
    _complete_languages,
)
SPEECH = (
    _LANGUAGE,
    flag("-tr", "--translate", text="translate into English, or into --target-language"),
    option("--target-language", metavar="LANG", text="language to translate into"),
    option("--prompt", metavar="TEXT", text="text that sets the style or names the context"),
    click.Option(
        ["--punctuation/--no-punctuation"], default=True, help="write punctuation, where a model can leave it out (on)"
    ),
    option("--hotwords", metavar="WORDS", text="words to expect"),
    whole("-bs", "--beam-size", metavar="N", text="width of the search (5)", low=1, high=100),
    whole("--batch-size", metavar="N", text="clips at once; 0: as suits the device", low=0, high=4096, default=0),
    option(
        *("-tp", "--temperature"),
        metavar="T",
        text="randomness of the search (0)",
        type=Number(0, 2),
    ),
    option(
        *("-nth", "--no-speech-thold", "--no-speech-threshold", "no_speech_threshold"),
        metavar="P",
        text="drop a clip more probably silent than this (0.6)",
        type=Number(0, 1),
    ),
    option(
        *("-lpt", "--logprob-thold", "--log-prob-threshold", "log_prob_threshold"),
        metavar="X",
        text="doubt text less probable than this (-1)",
        type=Number(-100, 0),
    ),
    option(
        "--compression-ratio-threshold",
        metavar="X",
        text="doubt text that repeats itself more than this (2.4)",
        type=Number(1, 1000),
    ),
)
LANGUAGE = (_LANGUAGE,)
ENCODING = (option("--encoding", metavar="NAME", text="of the texts that are read; else what fits best"),)
VOICE = (
    click.Option(["--vad/--no-vad", "vad"], default=True, help="look for voice activity (on)"),
    option(
        *("-vt", "--vad-threshold"),
        metavar="P",
        text="probability that counts as speech (0.5)",
        type=Number(0.01, 0.99),
    ),
    option("--vad-neg-threshold", metavar="P", text="probability that ends speech", type=Number(0.0, 0.98)),
    whole(
        "-vspd",
        "--vad-min-speech-duration-ms",
        "vad_min_speech",
        metavar="MS",
        text="shortest speech",
        low=0,
        high=60_000,
    ),
    whole(
        "-vsd",
        "--vad-min-silence-duration-ms",
        "vad_min_silence",
        metavar="MS",
        text="shortest pause",
        low=0,
        high=60_000,
    ),
    whole("-vp", "--vad-speech-pad-ms", "vad_pad", metavar="MS", text="kept around speech", low=0, high=10_000),
    whole("--vad-max-pause-ms", "vad_max_pause", metavar="MS", text="longest pause in a clip", low=0, high=60_000),
)
TIMING = (
    click.Option(
        ["--units"],
        type=click.Choice(["word", "char"]),
        default="word",
        metavar="word|char",
        help="char: every ideograph, kana and Hangul syllable is timed by itself",
    ),
    flag("--strict", text="an aligner that cannot do a clip is an error; no other stands in"),
    click.Option(
        ["--decode", "align_decode"],
        type=click.Choice(["path", "upstream"]),
        default="path",
        metavar="path|upstream",
        help="qwen3: the best path in order, or argmax and repair as its authors do",
    ),
    flag("--refine", "align_refine", text="qwen3: times between its 80 ms steps (not yet measured on its weights)"),
    flag("--compile", text="qwen3 on CUDA: compile the model first; pays for many files"),
)
TEXT = (
    option("--text", "--ref-text", "text", metavar="TEXT", text="the text; its lines become segments"),
    option("--text-file", metavar="FILE", text="the same from a file; -: standard input"),
)
LAYOUT = (
    whole(
        *("-ml", "--max-len", "max_chars"),
        metavar="N",
        text="as in whisper.cpp: 0: a cue a segment; 1: a cue a word; N: at most N characters a cue, or a line where "
        "--profile or --max-lines is set",
        low=0,
        high=10_000,
    ),
    flag("-sow", "--split-on-word", "split_on_word", text="keep words longer than -ml whole"),
    flag("-sp", "--split-on-punct", "split_on_punctuation", text="every sentence begins a cue"),
    _completing(
        option(
            "--profile",
            metavar="NAME",
            text="professional subtitles: auto (by language; the default without -ml, -sow, -sp), netflix-en, netflix, "
            "netflix-ja, netflix-ko, netflix-zh, bbc, amazon, arte, social, sentence, or a .toml file; the other "
            "options here change its rules",
        ),
        _complete_profiles,
    ),
    whole("--max-lines", metavar="N", text="lines in a cue, broken where they read best", low=0, high=20),
    whole("--max-words", metavar="N", text="words in a cue", low=0, high=10_000),
    option("--max-duration", metavar="S", text="longest a cue stays, in seconds", type=Number(0, 3600)),
    option("--min-duration", metavar="S", text="shortest a cue stays", type=Number(0, 3600)),
    option("--max-cps", metavar="N", text="characters a second to read", type=Number(0, 1000)),
    option("--min-gap", metavar="S", text="least time between cues", type=Number(0, 60)),
    option("--linger", metavar="S", text="how long a cue may stay after its last word", type=Number(0, 60)),
    option("--fps", metavar="N", text="times fall on frames of this rate", type=Number(0, 1000)),
)
_FILLED = frozenset({"max_chars", "split_on_word", "split_on_punctuation"})  # whisper.cpp's layout
_RULES = (
    *("max_chars", "split_on_word", "split_on_punctuation", "max_lines", "max_words", "max_duration", "min_duration"),
    *("max_cps", "min_gap", "linger", "fps"),
)
OUTPUT = (
    *(
        flag(
            *(format.flag, f"--output-{format.name}", f"to_{format.name}".replace("-", "_")),
            text=f"write {format.description}",
        )
        for format in BUILTIN
        if format.flag
    ),
    option(
        *("-o", "--output", "named"),
        metavar="NAME.EXT",
        text="an output in the format of its extension; again for more (one input)",
        multiple=True,
    ),
    option(
        *("-of", "--output-file", "base"),
        metavar="BASE",
        text="path of the outputs without extension (one input); -: standard output",
    ),
    option("--output-dir", metavar="DIR", text="folder for the outputs; made if it is not there"),
    option(
        *("--name", "pattern"),
        metavar="PATTERN",
        text="names of the outputs, e.g. {stem}.{lang}.{ext}; also {name}, {format}, {backend}, {model}, {aligner}",
    ),
    flag("--skip-existing", text="do only what is missing, or older than its input"),
    flag("--overwrite", text="write over files that crisp-align did not write, or that were edited since"),
)
STYLE = (
    flag("--highlight-words", text="show each cue once a word, the spoken one marked (SRT, WebVTT, ASS)"),
    click.Option(
        ["--karaoke"],
        type=click.Choice(["none", "word", "fill"]),
        default="none",
        metavar="word|fill",
        help="words light up as they are spoken (WebVTT, ASS, LRC)",
    ),
    option("--cue-settings", metavar="TEXT", text='WebVTT settings of every cue, e.g. "line:85%"', default=""),
    click.Option(
        ["--json-style"],
        type=click.Choice(["crisp-align", "whisper.cpp", "openai", "whisperx"]),
        default="crisp-align",
        metavar="NAME",
        help="whose JSON to write: crisp-align, whisper.cpp, openai, whisperx",
    ),
    option("--font", metavar="NAME", text="typeface (ASS)", default="Arial"),
    option("--resolution", metavar="WxH", text="pixels of the picture (ASS)", default="1920x1080"),
    flag("--embed-media", text="put the media into the review page"),
    flag("--bom", text="begin files with a byte-order mark, all but JSON"),
)
QUIET = (flag("-np", "--no-prints", "quiet", text="print nothing but errors"),)
BATCH = (
    option("--journal", metavar="FILE", text="keep a journal: a run that was cut off goes on where it was"),
    flag("--retry-failed", text="with --journal: try again what failed before"),
    option("--report", metavar="FILE", text="tell what came of each file, as .json, .csv or .html"),
    whole("--workers", metavar="N", text="processes for several files; 0: as suits the machine", low=0, high=1024),
    option(
        "--timeout",
        metavar="S",
        text="seconds without progress after which a worker is replaced (1800)",
        type=Number(1, 1e7),
    ),
    whole(
        "--memory",
        metavar="MB",
        text="for all workers: less is read ahead, and one that outgrows its share is replaced",
        low=1,
        high=1 << 30,
    ),
    option(
        "--patience",
        metavar="S",
        text="how long a batch waits for a full disk or a vanished folder (3600)",
        type=Number(0, 1e7),
    ),
)
CLUSTER = (
    click.Option(
        ["--engine"],
        type=click.Choice(["local", "ray"]),
        default="local",
        metavar="local|ray",
        help="where files are done: worker processes here, or a Ray cluster (docs/scale.md)",
    ),
    option(
        "--ray-address", metavar="ADDR", text="of a running cluster, e.g. host:6379 or auto; else one is started here"
    ),
    whole("--asr-workers", metavar="N", text="workers that transcribe; 0: as suits the cluster", low=0, high=100_000),
    option("--asr-cpus", metavar="N", text="CPUs of each", type=Number(0.01, 1024)),
    option("--asr-gpus", metavar="X", text="GPUs of each, or the share of one", type=Number(0, 64)),
    whole("--align-workers", metavar="N", text="workers that align; 0: as suits", low=0, high=100_000),
    option("--align-cpus", metavar="N", text="CPUs of each", type=Number(0.01, 1024)),
    option("--align-gpus", metavar="X", text="GPUs of each, or the share of one", type=Number(0, 64)),
    whole("--decode-workers", metavar="N", text="files read at once; 0: as suits", low=0, high=100_000),
    option("--decode-cpus", metavar="N", text="CPUs of each", type=Number(0.01, 1024)),
)
CONSOLE = (
    *QUIET,
    flag("-pp", "--print-progress", "progress", text="print progress even where stderr is no terminal"),
    flag("-v", "--verbose", text="say more: what was dropped, and why"),
    flag("--log-json", text="for machines: on stderr nothing but events, one JSON object a line"),
)


def formats(params: Params) -> list[str]:
    """Names of the formats to write, in the order of --help. `-ojf` holds all that `-oj` does."""
    asked = [
        name.removeprefix("to_").replace("_", "-") for name, given in params.items() if name.startswith("to_") and given
    ]
    return [name for name in asked if not (name == "json" and "json-full" in asked)]


def output_language(params: Params) -> str | None:
    """Code of the language that outputs will be in, where that is settled before anything is heard."""
    if params.get("translate") or params.get("target_language") is not None:
        return language_code(params["target_language"] or "en")
    named = params.get("language", "auto")
    return None if named.strip().lower() == "auto" else language_code(named)


def ledger(params: Params) -> Ledger:
    """What tells which files may be written over."""
    from crisp_align.batch.written_files import Ledger

    return Ledger(overwrite=params["overwrite"])


def _vad(params: Params) -> VadOptions:
    from crisp_align.speech.voice import VadOptions

    default = VadOptions()

    def seconds(name: str, otherwise: float) -> float:
        given = params[name]
        return otherwise if given is None else given / 1000

    return VadOptions(
        enabled=params["vad"],
        threshold=_given(params["vad_threshold"], default.threshold),
        neg_threshold=params["vad_neg_threshold"],
        min_speech=seconds("vad_min_speech", default.min_speech),
        min_silence=seconds("vad_min_silence", default.min_silence),
        pad=seconds("vad_pad", default.pad),
        max_pause=seconds("vad_max_pause", default.max_pause),
    )


def language(params: Params) -> str | None:
    """The code of the language named; None: auto.

    Raises:
        OptionError: an unknown language.
    """
    named = params["language"]
    return None if named.strip().lower() == "auto" else language_code(named)


def _decode(params: Params) -> DecodeOptions:
    from crisp_align.backends import DecodeOptions

    default = DecodeOptions(language=params["language"])
    if "translate" not in params:  # a command that only aligns
        return default
    target = params["target_language"]
    return replace(
        default,
        translate=params["translate"] or target is not None,
        target_language=target,
        prompt=params["prompt"],
        hotwords=params["hotwords"],
        punctuation=params["punctuation"],
        beam_size=_given(params["beam_size"], default.beam_size),
        batch_size=params["batch_size"],
        temperature=_given(params["temperature"], default.temperature),
        no_speech_threshold=_given(params["no_speech_threshold"], default.no_speech_threshold),
        log_prob_threshold=_given(params["log_prob_threshold"], default.log_prob_threshold),
        compression_ratio_threshold=_given(params["compression_ratio_threshold"], default.compression_ratio_threshold),
    )


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def rules(params: Params) -> Rules:
    """How words become cues: the profile's rules, and over them what was typed.

    Without a profile it is the one for the language; but -ml, -sow and -sp mean whisper.cpp's layout then.

    Raises:
        OptionError: no such profile, or rules that contradict each other.
    """
    from crisp_align.layout import LanguageRules, Rules, profile_rules

    given = {name: params[name] for name in _RULES if params[name] is not None and params[name] is not False}
    if params["profile"] is None and not _FILLED.isdisjoint(given):
        return Rules(**given)
    if params["profile"] in (None, "auto"):
        return LanguageRules(**given, given=frozenset(given))
    return replace(profile_rules(params["profile"]), **given)


def write_options(params: Params) -> WriteOptions:
    """Choices of writing.

    Raises:
        OptionError: a resolution that is none, or cue settings or a typeface that no file can hold.
    """
    from crisp_align.formats import WriteOptions

    width, by, height = params["resolution"].lower().partition("x")
    if not (by and width.isdecimal() and height.isdecimal() and len(width) < 7 and len(height) < 7):
        raise OptionError(f"{params['resolution']!r} is no resolution", hint="give width and height, e.g. 1920x1080")
    return WriteOptions(
        bom=params["bom"],
        highlight_words=params["highlight_words"],
        karaoke=params["karaoke"],
        cue_settings=params["cue_settings"],
        json_style=params["json_style"],
        width=int(width),
        height=int(height),
        font=params["font"],
        embed_media=params["embed_media"],
    )


def settings(params: Params) -> Settings:
    """Everything the pipeline is told.

    Raises:
        OptionError: an unknown language, or voice-activity thresholds that contradict each other.
    """
    from crisp_align.backends import LoadOptions, ModelChoice
    from crisp_align.media.audio import MediaOptions
    from crisp_align.pipeline.settings import Settings

    load = LoadOptions(
        device=params["device"],
        dtype=params["dtype"],
        threads=params["threads"],
        runtime=params["runtime"],
        offline=params["offline"],
        compile=params["compile"],
        align_decode=params["align_decode"],
        align_refine=params["align_refine"],
    )
    return Settings(
        backend=ModelChoice(params["backend"], params["model"], load),
        aligner=ModelChoice(
            params["aligner"],
            load=replace(
                load,
                device=_given(params["align_device"], load.device),
                dtype=_given(params["align_dtype"], load.dtype),
                runtime=_given(params["align_runtime"], load.runtime),
            ),
        ),
        decode=_decode(params),
        media=MediaOptions(
            audio_track=params["audio_track"],
            offset=params["offset"] / 1000,
            duration=params["duration"] / 1000 or None,
        ),
        vad=_vad(params),
        units=params["units"],
        strict=params["strict"],
        sequential=params["sequential"],
    )


def _cluster(params: Params) -> ClusterOptions | None:
    """The cluster that files are done on; None: on none.

    Raises:
        OptionError: options that are for another engine.
    """
    from crisp_align.cluster.run import ClusterOptions

    names = [option.name for option in CLUSTER if option.name not in (None, "engine")]
    given = {name: params[name] for name in names if name is not None and params.get(name) is not None}
    if params.get("engine", "local") == "local":
        if given:
            raise OptionError(f"--{next(iter(given)).replace('_', '-')} is for a cluster", hint="add --engine ray")
        return None
    for name in ("workers", "memory"):
        if params[name] is not None:
            raise OptionError(
                f"--{name} is for worker processes on this machine", hint="use --asr-workers and the like"
            )
    if params["timeout"] is not None:
        given["timeout"] = params["timeout"]
    address = given.pop("ray_address", None)
    return ClusterOptions(address, **given)


def batch(params: Params, ledger: Ledger) -> BatchOptions:
    """How many files are gone through.

    Raises:
        OptionError: options that contradict each other.
        OutputError: the report cannot be written, as far as one can see.
    """
    from crisp_align.batch.report import check_report
    from crisp_align.batch.workers import WorkerOptions
    from crisp_align.cli.work import BatchOptions

    if params["report"] is not None:
        check_report(params["report"], ledger, made=params["output_dir"])
    if params["retry_failed"] and params["journal"] is None:
        raise OptionError("--retry-failed asks the journal what failed, and there is none", hint="add --journal FILE")
    memory = params["memory"]
    return BatchOptions(
        cluster=_cluster(params),
        workers=WorkerOptions(
            count=params["workers"] or 0,
            timeout=1800.0 if params["timeout"] is None else params["timeout"],
            memory=None if memory is None else memory * 1_000_000,
        ),
        journal=params["journal"],
        retry_failed=params["retry_failed"],
        patience=3600.0 if params["patience"] is None else params["patience"],
    )
