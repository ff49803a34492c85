"""Any file or pipe that ffmpeg reads, as blocks of 16 kHz mono; errors in plain words.

Time 0 is the start of the container, as in a player: sound that begins later than the picture is preceded by
silence, and gaps in it are filled with silence, so that sample n always lies n / 16000 s into the film.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import ffmpeg

from crisp_align.errors import MediaError, OptionError
from crisp_align.files.scratch import scratch_folder
from crisp_align.media.channels import (
    ANALYSED_S,
    CHANNELS,
    Choice,
    channel_count,
    channel_name,
    choose,
    interleaved,
    named_channel,
)
from crisp_align.media.ffmpeg import Decoder, fallback_notice, find_ffmpeg, input_options
from crisp_align.media.folders import is_media, media_files
from crisp_align.media.pipes import Pipe, index_is_last, open_pipe
from crisp_align.media.probe import MediaInfo, Stream, check_file, file_url, main_message, probe, probe_url
from crisp_align.media.wav import WavReader
from crisp_align.text.clock import hms
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = [
    "AudioStream",
    "MediaInfo",
    "MediaOptions",
    "Stream",
    "find_ffmpeg",
    "is_media",
    "media_files",
    "open_audio",
    "probe",
    "read_audio",
]

BLOCK_SAMPLES = 10 * SAMPLE_RATE  # samples: little memory, and the first words of a live pipe soon
PROBE_SIZES = (1 << 16, 1 << 20, 1 << 24)  # bytes of a pipe looked at, until they identify what it holds
MAX_ALLOC = 1 << 29  # bytes that a file can make ffmpeg allocate at once: a gap of 2.3 h in its time stamps
SAMPLE_BYTES = 4  # bytes of a float32
TOLERATED_SHORTFALL = (
    2.0,
    0.05,
)  # s, and share of the announced length, by which sound may fall short without a notice
AFTER_SEEK = 4  # lines of complaint about the half frame that a seek may land in
FAINT_PEAK = 0.01  # peak, -40 dB full scale, below which Silero misses speech (measured on four languages)
MAX_LEAD = 20.0  # s; a film whose sound seems to begin later than this has time stamps that are no good
# Time stamps of these formats may jump, so ffmpeg lets time begin with the stream that is read, not with the film.
_UNRELIABLE_TIMESTAMPS = frozenset(("mpegts", "mpeg", "ogg"))
_TRUNCATED = re.compile(
    r"partial file|truncat|ended prematurely|end of file|unexpected eof|invalid as first byte of an EBML", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """Which sound of a file to read."""

    audio_track: int | str | None = None
    """From 0, among the audio streams only, as in ffmpeg's `-map 0:a:N`; or a language, as the container tags it or
    by its code or name: "eng", "en"; None: the one tagged with `language`, else the one the container flags as
    default, else the first."""
    language: str | None = None
    """Code of the language that is spoken, where it is known; decides between tracks that are tagged."""
    channel: str = "auto"
    """mix, left, right, centre, a number from 0, best (the one with the most voice), each (all, one after the other,
    for `Pipeline.transcribe` only), or auto: the mix, but of surround sound the centre where it holds the voice, and
    one of two channels that cancel each other."""
    offset: float = 0.0
    """s from the start of the file."""
    duration: float | None = None
    """s from the offset; None: to the end."""

    def __post_init__(self) -> None:
        if isinstance(self.audio_track, str) and self.audio_track.isdecimal():
            object.__setattr__(self, "audio_track", int(self.audio_track))
        if isinstance(self.audio_track, int) and self.audio_track < 0:
            raise OptionError(f"there is no audio track {self.audio_track}", hint="tracks are counted from 0")
        if self.channel not in CHANNELS and not (self.channel.isdecimal() and len(self.channel) < 4):
            raise OptionError(
                f"there is no channel {self.channel!r}", hint=f"use {', '.join(CHANNELS)}, or a number from 0"
            )
        if not (math.isfinite(self.offset) and self.offset >= 0):
            raise OptionError(f"an offset of {self.offset:g} s makes no sense", hint="give 0 or more")
        if self.duration is not None and not (math.isfinite(self.duration) and self.duration > 0):
            raise OptionError(f"a duration of {self.duration:g} s makes no sense", hint="give more than 0")


def _is_plain(options: MediaOptions) -> bool:
    """Whether the only channel of the only track is wanted, from its beginning to its end."""
    return replace(options, language=None, audio_track=None, channel="auto") == MediaOptions() and (
        options.audio_track in (None, 0) and options.channel in ("auto", "mix", "best", "0")
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What ffmpeg is given to read."""

    url: str
    name: str
    """What messages call it."""
    info: MediaInfo
    lead: float = 0.0
    """s from the beginning of the container to that of what ffmpeg gives."""
    feed: Callable[[], bytes] | None = None
    """The bytes of "pipe:0"; None: a file."""
    notices: tuple[str, ...] = ()
    """Which track and channel were chosen, where the user should know."""
    layout: str | None = None
    """Of the track's channels."""


class AudioStream:
    """Blocks of sound: an iterator of float32 arrays of at most 10 s, 16 kHz mono, in [-1, 1]. Close it, or use `with`.

    Memory does not grow with the length of the source.
    """

    def __init__(self, source: _Source, options: MediaOptions, decoder: Decoder | WavReader, stack: ExitStack) -> None:
        self.source = source.name
        """Its name, for display."""
        self.info = source.info
        """What the container holds."""
        self.start = options.offset
        """s, where the first block begins in the source."""
        self.duration = None if source.feed else _expected(source.info, options)
        """s to come, as far as the container says; None: unknown."""
        self.layout = source.layout
        """Layout of the channels of the track, e.g. "stereo"; None: unknown."""
        self.notices: list[str] = list(source.notices)
        """Notices about the sound for the user; complete when the stream is exhausted."""
        self._decoder = decoder
        self._stack = stack
        # ffmpeg cannot seek in a pipe: what comes before the offset is decoded and dropped.
        ahead = source.lead - options.offset
        self._lead = max(0, round(ahead * SAMPLE_RATE))
        self._drop = max(0, round(-ahead * SAMPLE_RATE)) if source.feed else 0
        self._wanted = None if options.duration is None else round(options.duration * SAMPLE_RATE)
        self._given = 0
        self._peak = 0.0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_stack"):
            self._stack.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Samples:
        """The next block, never empty.

        Raises:
            MediaError: at the first block only, when nothing at all can be decoded.
        """
        if self._ended:
            raise StopIteration
        try:
            block = self._next()
            if not len(block):
                self._check_end()
                self._check_level()
        except BaseException:
            self.close()
            raise
        if len(block):
            return block
        self.close()
        raise StopIteration

    @property
    def is_faint(self) -> bool:
        """Whether what was read so far is too quiet for voice activity detection."""
        return self._peak < FAINT_PEAK

    def close(self) -> None:
        """Stop ffmpeg, if it still runs. May be called twice; the stream is at its end afterwards."""
        self._ended = True
        self._stack.close()

    def _next(self) -> Samples:
        import numpy as np

        while self._drop:
            dropped = len(self._decoder.read(min(self._drop, BLOCK_SAMPLES) * SAMPLE_BYTES)) // SAMPLE_BYTES
            self._drop -= dropped
            if not dropped:
                break
        left = BLOCK_SAMPLES if self._wanted is None else min(BLOCK_SAMPLES, self._wanted - self._given)
        data = self._decoder.read(left * SAMPLE_BYTES)
        block = np.frombuffer(bytearray(data[: len(data) // SAMPLE_BYTES * SAMPLE_BYTES]), dtype=np.float32)
        if self._lead and len(block):
            block = np.concatenate([np.zeros(self._lead, np.float32), block])[: self._wanted]
            self._lead = 0
        np.nan_to_num(block, copy=False)
        np.clip(block, -1.0, 1.0, out=block)
        self._given += len(block)
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
        return block

    def _check_end(self) -> None:
        """At the end: record what was wrong with the source, or raise when it gave no sound."""
        if self._wanted is not None and self._given >= self._wanted:
            return
        status = self._decoder.finish()
        said = self._decoder.messages()
        if not self._given:
            raise self._nothing_decoded(status, said)
        end = hms(int(self.start + self._given / SAMPLE_RATE))
        missing = 0.0 if self.duration is None else self.duration - self._given / SAMPLE_RATE
        short = not self.info.estimated and missing > max(
            TOLERATED_SHORTFALL[0], TOLERATED_SHORTFALL[1] * (self.duration or 0)
        )
        if self.info.truncated or any(_TRUNCATED.search(line) for line in said):
            self.notices.append(f"audio cut off at {end}: used what decodes")
        elif short:
            whole = hms(int(self.start + (self.duration or 0)))
            self.notices.append(f"audio ends at {end} of {whole}: used what there is")
        elif len(said) > (AFTER_SEEK if self.start else 0) or status:
            because = f" ({main_message(said)})" if main_message(said) else ""
            self.notices.append(f"audio damaged in places{because}: used what decodes")

    def _check_level(self) -> None:
        """At the end: record when there was little or no sound."""
        if not self._peak:
            self.notices.append("audio is silent throughout")
        elif self._peak < FAINT_PEAK:
            level = 20 * math.log10(self._peak)
            self.notices.append(f"audio is very quiet (peak {level:.0f} dB): without voice activity more may be found")

    def _nothing_decoded(self, status: int, said: list[str]) -> MediaError:
        if self.start and not status:
            return MediaError(f"has no sound from {hms(int(self.start))} on", subject=self.source)
        if not status and not said:
            return MediaError("has an audio stream with nothing in it", subject=self.source)
        because = f" ({main_message(said)})" if main_message(said) else ""
        return MediaError(f"its audio cannot be decoded{because}", subject=self.source)


def open_audio(source: str | os.PathLike[str], options: MediaOptions = MediaOptions()) -> AudioStream:
    """Open a file, a named pipe, or "-" for standard input.

    Raises:
        MediaError: it cannot be read as audio, has no such track, or ends before the offset.
        MissingDependencyError: there is no ffmpeg.
    """
    name = os.fspath(source)
    if name == "-":
        return _open_pipe(open_pipe(None), "standard input", options)
    path = Path(name)
    if stat.S_ISFIFO(check_file(path, name).st_mode):
        return _open_pipe(open_pipe(path), name, options)
    with ExitStack() as stack:
        if _is_plain(options) and (plain := WavReader.open(path)) is not None:
            stack.callback(plain.close)
            return AudioStream(_Source(file_url(path), name, plain.info), options, plain, stack.pop_all())
        return _open(_Source(file_url(path), name, probe(path)), options, stack)


def read_audio(source: str | os.PathLike[str], options: MediaOptions = MediaOptions()) -> Samples:
    """The whole sound at once: float32, shape (n,), 16 kHz mono. For short files; 1 h takes 230 MB.

    Raises:
        MediaError: as `open_audio`.
        MissingDependencyError: there is no ffmpeg.
    """
    import numpy as np

    with open_audio(source, options) as stream:
        return np.concatenate(list(stream))


def _open_pipe(stream: IO[bytes], name: str, options: MediaOptions) -> AudioStream:
    with ExitStack() as stack:
        pipe = Pipe(stream)
        stack.callback(pipe.close)
        try:
            head = pipe.peek(PROBE_SIZES[0])
        except OSError as error:
            raise MediaError(f"cannot be read ({error.strerror})", subject=name) from error
        if index_is_last(head):
            stored = stack.enter_context(scratch_folder()) / "piped.media"
            pipe.spool(stored, name)
            url = file_url(stored)
            return _open(_Source(url, name, probe_url(url, name, head=b"")), options, stack)
        return _open(_Source("pipe:0", name, _inspect_pipe(pipe, name)), options, stack, pipe)


def _inspect_pipe(pipe: Pipe, name: str) -> MediaInfo:
    """What a pipe holds, judged by as few of its first bytes as show an audio stream."""
    for size in PROBE_SIZES:
        head = pipe.peek(size)
        if not head:
            raise MediaError("is empty (0 bytes)", subject=name)
        final = len(head) < size or size == PROBE_SIZES[-1]
        try:
            info = probe_url("pipe:0", name, head=head, feed=pipe.head())
        except MediaError:
            if final:
                raise
            continue
        if info.audio or final:
            return info
    raise AssertionError("the last head is always final")


def _open(source: _Source, options: MediaOptions, stack: ExitStack, pipe: Pipe | None = None) -> AudioStream:
    """Start to decode; `stack` is taken over once that has worked."""
    info = source.info
    track, why = _track(info, source.name, options)
    end = None if pipe or info.estimated else info.duration
    if end is not None and options.offset >= end > 0:
        raise MediaError(
            f"ends at {hms(int(end))}, before the offset of {hms(int(options.offset))}", subject=source.name
        )
    lead = _start_lead(source, track, pipe.head() if pipe else None)
    source = replace(source, lead=lead, feed=pipe.feed() if pipe else None)
    choice = _channel(source, track, options, pipe.head() if pipe else None)
    layout = info.audio[track].layout
    source = replace(source, notices=tuple(filter(None, (fallback_notice(), why, choice.notice))), layout=layout)
    decoder = Decoder(_command(source, track, choice.channel, options), source.feed)
    stack.callback(decoder.close)
    return AudioStream(source, options, decoder, stack.pop_all())


def _start_lead(source: _Source, track: int, head: Callable[[], bytes] | None) -> float:
    """s by which an audio stream begins after its container, where ffmpeg would pass over that."""
    if len(source.info.streams) < 2 or source.info.format not in _UNRELIABLE_TIMESTAMPS:
        return 0.0
    packet = _input(source)[f"a:{track}"].output(
        "pipe:1", format="framecrc", acodec="copy", copyts=None, **{"frames:a": 1}
    )
    decoder = Decoder(_arguments(packet, source), head)
    try:
        report = decoder.read(BLOCK_SAMPLES).decode("ascii", "replace")
    finally:
        decoder.close()
    found = re.search(r"^#tb 0: (\d+)/(\d+)$.*^0, +-?\d+, +(-?\d+),", report, re.MULTILINE | re.DOTALL)
    lead = int(found[3]) * int(found[1]) / int(found[2]) - source.info.start if found else 0.0
    return lead if 0 < lead <= MAX_LEAD else 0.0


def _track(info: MediaInfo, name: str, options: MediaOptions) -> tuple[int, str | None]:
    """Which of the audio streams to read, and what to say of the choice.

    Raises:
        MediaError: there is no audio, or no such track.
    """
    if not info.audio:
        raise MediaError(f"holds {info.contents()}, no audio", subject=name)
    asked = options.audio_track
    track: int | None
    if isinstance(asked, str):
        track = info.track_in(asked)
        if track is None:
            hint = f"it has {len(info.audio)}: {info.tracks()}"
            raise MediaError(f"has no audio track tagged {asked!r}", subject=name, hint=hint)
    elif asked is not None:
        track = asked
    else:
        tagged = info.track_in(options.language) if options.language else None
        track = info.default_track if tagged is None else tagged
    if track >= len(info.audio):
        raise MediaError(f"has no audio track {track}", subject=name, hint=f"it has {len(info.audio)}: {info.tracks()}")
    if len(info.audio) == 1 or asked is not None:
        return track, None
    return track, f"audio track {track} of {len(info.audio)} was taken: {info.tracks()}; --audio-track takes another"


def _command(source: _Source, track: int, channel: int | None, options: MediaOptions) -> list[str]:
    stream = _input(source, **_seek(source, options))[f"a:{track}"]
    filters = _filters(source.info.audio[track], channel)
    sound = stream.output("pipe:1", format="f32le", acodec="pcm_f32le", af=filters, ac=1, vn=None, sn=None, dn=None)
    return _arguments(sound, source)


def _seek(source: _Source, options: MediaOptions) -> dict[str, str]:
    return {"ss": f"{options.offset:.6f}"} if options.offset > source.lead and not source.feed else {}


def _channel(source: _Source, track: int, options: MediaOptions, head: Callable[[], bytes] | None) -> Choice:
    """Which channel of a track to read.

    Raises:
        MediaError: it has no such channel.
    """
    layout, name = source.info.audio[track].layout, options.channel
    if name == "mix" or (channel_count(layout) == 1 and name in ("auto", "best")):
        return Choice(None)
    if name not in ("auto", "best"):
        number = None if name == "each" else named_channel(name, layout)
        if number is None:
            named = ", ".join(f"{n} ({channel_name(n, layout)})" for n in range(channel_count(layout)))
            raise MediaError(f"has no channel {name}", subject=source.name, hint=f"its layout is {layout}: {named}")
        return Choice(number)
    stream = _input(source, **_seek(source, options))[f"a:{track}"]
    raw = stream.output(
        *("pipe:1",), format="f32le", acodec="pcm_f32le", ar=SAMPLE_RATE, t=ANALYSED_S, vn=None, sn=None, dn=None
    )
    decoder = Decoder(_arguments(raw, source), head)
    count = channel_count(layout)
    try:
        sound = interleaved(decoder.read(int(ANALYSED_S * SAMPLE_RATE) * SAMPLE_BYTES * count), count)
    finally:
        decoder.close()
    return choose(sound, layout, name, _voice)


def _voice(samples: Samples) -> float:
    """s of voice in some sound."""
    from crisp_align.speech.voice import voice_activity

    return sum(end - start for start, end in voice_activity(samples))


def _input(source: _Source, **options: str) -> ffmpeg.nodes.InputNode:
    # The URL follows in `_arguments`: the builder hashes its values as UTF-8, which a name need not be.
    return ffmpeg.input("", **input_options(find_ffmpeg(), source.url), **options)


def _arguments(output: ffmpeg.nodes.OutputNode, source: _Source) -> list[str]:
    """The command as a list: no shell is involved."""
    always = (
        "-hide_banner",
        "-nostats",
        "-v",
        "repeat+level+error",
        "-max_alloc",
        str(MAX_ALLOC),
        "-filter_threads",
        "1",
    )
    quiet = always if source.feed else (*always, "-nostdin")
    command: list[str] = output.global_args(*quiet).compile(cmd=find_ffmpeg())
    command[command.index("-i") + 1] = source.url
    return command


def _filters(stream: Stream, channel: int | None = None) -> str:
    """ffmpeg's filters from any layout, rate and clock to ours.

    rematrix_maxval keeps a float downmix at the level of an integer one: without it stereo comes out √2 too loud.
    async=1 fills gaps with silence and first_pts=0 the time before the first sound; neither stretches anything. ffmpeg
    keeps a gap in memory, so they come last, where an hour takes 230 MB.
    """
    mono = f"aresample={SAMPLE_RATE}:rematrix_maxval=1.0,aformat=channel_layouts=mono:sample_fmts=fltp"
    resample = f"{mono},aresample=async=1:first_pts=0"
    if channel is not None:
        return f"pan=mono|c0=c{channel},{resample}"
    unnamed = re.match(r"(\d+) channels", stream.layout or "")
    if unnamed and int(unnamed[1]) > 2:
        count = int(unnamed[1])
        return f"pan=mono|c0={'+'.join(f'{1 / count:.6f}*c{number}' for number in range(count))},{resample}"
    return resample


def _expected(info: MediaInfo, options: MediaOptions) -> float | None:
    if info.duration is None:
        return options.duration
    rest = max(0.0, info.duration - options.offset)
    return rest if options.duration is None else min(rest, options.duration)
