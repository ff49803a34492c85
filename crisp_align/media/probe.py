"""What a media file holds, as ffmpeg reports it: its streams and its length, and why it cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crisp_align.errors import MediaError, OptionError
from crisp_align.languages import language_code
from crisp_align.media.ffmpeg import Decoder, find_ffmpeg, input_options
from crisp_align.media.folders import begins_like_media

__all__ = ["MediaInfo", "Stream", "check_file", "probe", "probe_url"]

_STREAM = re.compile(
    r"^ {2,6}Stream #0:(?P<index>\d+)(?:\[0x[0-9a-f]+\])?(?:\((?P<language>[^)]*)\))?: "
    r"(?P<kind>Audio|Video|Subtitle|Data|Attachment|Unknown)(?:: (?P<rest>.*))?$"
)
_DURATION = re.compile(r"^ {2}Duration: (?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|N/A)(?:, start: (-?\d+\.\d+))?")
_FORMAT = re.compile(r"^Input #0, (\S+), from ")
_PICTURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}JXL |.{4}ftyp(avif|heic|mif1)", re.DOTALL
)
_UNINFORMATIVE = re.compile(
    r"Invalid (data found|argument)|End of file|Input/output error|could not seek", re.IGNORECASE
)
_PREFIX = re.compile(
    r"^(Error (opening input|while decoding stream|submitting packet to decoder)[^:]*(:\d+)?|Decoding error|file:.*|"
    r"pipe:0?): ",
    re.DOTALL,
)
_NOISE = re.compile(r"^(\[[^\]]*\] )*(\[(error|fatal|panic)\] )?")


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a container."""

    index: int
    """Position in the container, from 0."""
    kind: str
    """audio, video, subtitle, data or attachment; picture for cover art and stills."""
    codec: str
    """ffmpeg's name, e.g. "aac"."""
    language: str | None
    """As the container tags it, e.g. "eng"; None: untagged or "und"."""
    layout: str | None
    """Channel layout of audio, e.g. "stereo", "5.1(side)", "16 channels"."""
    default: bool
    """Whether the container flags it as the one to play."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a container says about itself."""

    format: str
    """ffmpeg's names of the format, e.g. "mov,mp4,m4a,3gp,3g2,mj2"."""
    duration: float | None
    """s; None where the container does not say."""
    start: float
    """s, the time stamp at which the container begins."""
    estimated: bool
    """The duration is a guess from the bit rate."""
    truncated: bool
    """The file is shorter than its header says."""
    streams: tuple[Stream, ...]
    """By index."""

    @property
    def audio(self) -> tuple[Stream, ...]:
        """The audio streams, in the order that `MediaOptions.audio_track` counts them."""
        return tuple(stream for stream in self.streams if stream.kind == "audio")

    @property
    def default_track(self) -> int:
        """Position in `audio` of the track to read when none is asked for: the first one flagged, else the first."""
        return next((number for number, stream in enumerate(self.audio) if stream.default), 0)

    def track_in(self, language: str) -> int | None:
        """Position in `audio` of the track tagged with a language, the default one first; None: there is none.

        Args:
            language: a tag ("eng", "ger"), a code or a name.
        """
        wanted = _language(language)
        found = [
            number
            for number, stream in enumerate(self.audio)
            if stream.language and _language(stream.language) == wanted
        ]
        return next((number for number in found if self.audio[number].default), found[0] if found else None)

    def contents(self) -> str:
        """The streams in words, e.g. "1 video stream (h264) and 2 subtitle streams (subrip)"."""
        parts = []
        for kind in ("video", "audio", "picture", "subtitle", "data", "attachment"):
            found = [stream for stream in self.streams if stream.kind == kind]
            if found:
                noun = kind if kind in ("picture", "attachment") else f"{kind} stream"
                codecs = ", ".join(dict.fromkeys(stream.codec for stream in found))
                parts.append(f"{len(found)} {noun}{'s' if len(found) > 1 else ''} ({codecs})")
        if len(parts) > 1:
            parts = [", ".join(parts[:-1]), parts[-1]]
        return " and ".join(parts) or "no stream that ffmpeg knows"

    def tracks(self) -> str:
        """The audio streams by number, e.g. "0 (eng, aac, stereo), 1 (ger, ac3, 5.1(side))"."""
        return ", ".join(
            f"{number} ({', '.join(filter(None, (stream.language, stream.codec, stream.layout)))})"
            for number, stream in enumerate(self.audio)
        )


def _language(name: str) -> str:
    """The code of a language, whatever standard its tag is of ("eng", "ger", "deu"); an unknown tag as it is."""
    import langcodes

    try:
        return language_code(name)
    except OptionError:
        pass
    try:
        return langcodes.standardize_tag(name).partition("-")[0]
    except langcodes.tag_parser.LanguageTagError:
        return name.casefold()


def check_file(path: Path, name: str) -> os.stat_result:
    """Refuse what is plainly not a readable file, in the user's words.

    Raises:
        MediaError: no such file, a folder, a device, empty, or not to be read by this user.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise MediaError("is a folder, not a file", subject=name)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise MediaError("is a device or socket, not a file", subject=name)
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except FileNotFoundError as error:
        is_url = re.match(r"[a-z][a-z0-9+.-]+://", name, re.IGNORECASE)
        hint = "download it first: only local files are read" if is_url else None
        raise MediaError("no such file", subject=name, hint=hint) from error
    except PermissionError as error:
        raise MediaError("may not be read by this user (permission denied)", subject=name) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise MediaError(f"cannot be opened ({reason})", subject=name) from error
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        raise MediaError("is empty (0 bytes)", subject=name)
    return status


def file_url(path: Path) -> str:
    """`path` so that ffmpeg takes nothing in it for a protocol or an option."""
    return f"file:{path}"


def probe(source: str | os.PathLike[str]) -> MediaInfo:
    """What a local file holds, without ffprobe.

    Raises:
        MediaError: it is no readable file, or no media.
        MissingDependencyError: there is no ffmpeg.
    """
    name = os.fspath(source)
    path = Path(name)
    status = check_file(path, name)
    if not stat.S_ISREG(status.st_mode):
        raise MediaError("is a pipe: what it holds shows only when it is read", subject=name)
    head = _head(path)
    info = probe_url(file_url(path), name, head=head)
    return replace(info, truncated=status.st_size < _announced_size(head))


def probe_url(url: str, name: str, *, head: bytes, feed: Callable[[], bytes] | None = None) -> MediaInfo:
    """What `url` holds.

    Args:
        url: a `file:` URL or "pipe:0".
        name: what messages call it.
        head: its first bytes, for identifying it when ffmpeg cannot.
        feed: the bytes for "pipe:0".

    Raises:
        MediaError: not media, a playlist, damaged beyond reading.
        MissingDependencyError: there is no ffmpeg.
    """
    ffmpeg = find_ffmpeg()
    options = [part for key, value in input_options(ffmpeg, url).items() for part in (f"-{key}", value)]
    nostdin = [] if feed else ["-nostdin"]
    decoder = Decoder([ffmpeg, "-hide_banner", *nostdin, "-v", "repeat+info", *options, "-i", url], feed)
    try:
        decoder.finish()
    finally:
        decoder.close()
    info = _parse(decoder.messages(), url)
    if info is None or (not info.audio and _is_playlist(head, name)):
        raise _diagnosis(decoder.messages(), head, name)
    return info


def _parse(lines: list[str], url: str) -> MediaInfo | None:
    """ffmpeg's report of its input as values; None: it could not open it."""
    first = next((number for number, line in enumerate(lines) if _FORMAT.match(line)), None)
    if first is None:
        return None
    # The name is printed as it is: what it says on lines of its own is no report.
    lines = [lines[first], *lines[first + 1 + url.count("\n") :]]
    format_name = ""
    duration = None
    start = 0.0
    streams: dict[int, Stream] = {}
    for line in lines:
        if found := _FORMAT.match(line):
            format_name = format_name or found[1]
        elif found := _DURATION.match(line):
            duration = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found[1] else None
            start = float(found[4] or 0)
        elif found := _STREAM.match(line):
            stream = _stream(found, still=format_name.endswith("_pipe"))
            streams.setdefault(stream.index, stream)
    estimated = any("Estimating duration from bitrate" in line for line in lines)
    return MediaInfo(format_name, duration, start, estimated, False, tuple(streams[index] for index in sorted(streams)))


def _stream(found: re.Match[str], *, still: bool) -> Stream:
    rest = found["rest"] or ""
    kind = found["kind"].lower()
    if kind == "video" and (still or "(attached pic)" in rest or "(still image)" in rest):
        kind = "picture"
    layout = re.search(r"\d+ Hz, ([^,]+)", rest)
    return Stream(
        index=int(found["index"]),
        kind="data" if kind == "unknown" else kind,
        codec=re.split(r"[ ,]", rest, maxsplit=1)[0] or "unknown",
        language=found["language"] if found["language"] not in (None, "", "und") else None,
        layout=layout[1] if layout else None,
        default="(default)" in rest,
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def _announced_size(head: bytes) -> int:
    """How many bytes a WAV or AIFF says it has; ffmpeg believes the length of a WAV file rather than its header."""
    order: Literal["little", "big"] = "little" if head.startswith(b"RIFF") else "big"
    size = int.from_bytes(head[4:8], order) if re.match(rb"RIFF.{4}WAVE|FORM.{4}AIF[FC]", head, re.DOTALL) else 0
    unknown = abs(size - 0x8000_0000) < 1 << 16 or size > 0xFFFF_0000  # what recorders write that stream
    return 0 if unknown else size


_PLAYLIST = re.compile(
    rb"#EXTM3U|#EXT-X-|ffconcat\b|\[playlist\]|\[reference\]|v=0\r?\n|rtsptext|(<\?xml[^>]*>\s*|<!--.*?-->\s*|<!doctype[^>]*>\s*)*"
    rb"(<\?wpl|<MPD\b|<playlist\b|<asx\b|<smil\b|<(\w+:)?CompositionPlaylist\b|<(\w+:)?AssetMap\b)",
    re.IGNORECASE | re.DOTALL,
)
_PLAYLIST_NAMES = frozenset(
    (".asx", ".cue", ".ffconcat", ".m3u", ".m3u8", ".mpd", ".pls", ".sdp", ".smil", ".wax", ".wpl", ".wvx", ".xspf")
)


def _diagnosis(lines: list[str], head: bytes, name: str) -> MediaError:
    """The error for an input that ffmpeg could not open."""
    hint = None
    said = "\n".join(lines)
    if _is_playlist(head, name):
        what, hint = "is a playlist, which only points at other files", "give those files themselves"
    elif _is_text(head):
        what = "is not media: it reads as text"
    elif "moov atom not found" in said and head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        what = "is an MP4 cut off before its index was written (no moov atom)"
        hint = "download or record it again; a repair program may save it"
    elif _PICTURE.match(head):
        what = "is a picture, without sound"
    elif "Format not on whitelist" in said:
        what, hint = "is of a kind that opens other files", "give the media files themselves"
    elif begins_like_media(head):
        what, hint = f"is damaged, or cut off near its beginning{_because(lines)}", "fetch or record it again"
    else:
        what = f"is not media that ffmpeg can read{_because(lines)}"
    return MediaError(what, subject=name, hint=hint)


def _is_playlist(head: bytes, name: str) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return bool(_PLAYLIST.match(start)) or Path(name).suffix.lower() in _PLAYLIST_NAMES


def _is_text(head: bytes) -> bool:
    sample = head[:1024]
    return bool(sample) and not any(byte < 9 or 13 < byte < 27 or byte == 127 for byte in sample)


def _because(lines: list[str]) -> str:
    message = main_message(lines)
    return f" ({message})" if message and not _UNINFORMATIVE.match(message) else ""


def main_message(lines: list[str]) -> str:
    """The most informative line of what ffmpeg said, without its prefixes; "" where there is none."""
    plain = [_NOISE.sub("", line).strip() for line in lines if not line.startswith(" ")]
    plain = [_PREFIX.sub("", line) for line in plain]
    informative = [line for line in plain if line and not line.startswith(("Error opening input", "At least one"))]
    return informative[-1][:200] if informative else ""
