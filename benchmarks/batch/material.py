"""What the batches are made of: short pieces of real speech, and files that are none."""

from __future__ import annotations

import random
import struct
import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from crisp_align.media.audio import find_ffmpeg, open_audio, read_audio
from crisp_align.speech.clips import clips
from crisp_align.speech.voice import VadOptions
from crisp_align.transcript import SAMPLE_RATE

__all__ = ["HOSTILE", "PAUSE", "VAD", "count_clips", "joined", "make_hostile", "pieces", "write_wav"]

SAMPLES = Path(__file__).parents[2] / "samples"
SPEECH = ("jfk.wav", "en-librispeech-1995-1837-0001.wav")
SHORTEST, LONGEST = 2.0, 5.0  # s
PAUSE = 1.0  # s between pieces that are joined
_VAD = VadOptions(max_pause=0.8)
VAD = ("--vad-max-pause-ms", "800")
"""So that a pause of `PAUSE` parts clips; the same for single and joined pieces."""


def pieces(count: int, seed: int = 1) -> Iterator[np.ndarray]:
    """Pieces of 2 to 5 s, int16, each of which is one clip."""
    chance = random.Random(seed)
    recordings = [(read_audio(SAMPLES / name) * 32767).astype("<i2") for name in SPEECH]
    while count:
        whole = chance.choice(recordings)
        length = int(chance.uniform(SHORTEST, LONGEST) * SAMPLE_RATE)
        begin = chance.randrange(len(whole) - length)
        piece = whole[begin : begin + length]
        sound = piece.astype(np.float32) / 32768
        if len(list(clips([sound], "piece", max_clip=30.0, options=_VAD))) == 1:
            count -= 1
            yield piece


def joined(parts: list[np.ndarray], pause: float = PAUSE) -> np.ndarray:
    """The pieces in one recording, a pause after each."""
    silence = np.zeros(int(pause * SAMPLE_RATE), "<i2")
    return np.concatenate([sound for part in parts for sound in (part, silence)])


def write_wav(path: Path, sound: np.ndarray) -> None:
    """A WAV of int16 samples, 16 kHz mono."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())


def count_clips(path: Path) -> int:
    """Clips that a recording gives."""
    with open_audio(path) as stream:
        return sum(1 for _ in clips(stream, path.name, max_clip=30.0, options=_VAD))


def _ffmpeg(path: Path, *arguments: str) -> None:
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-y", *arguments, str(path)]
    subprocess.run(command, check=True)


def _film_without_sound(path: Path, chance: random.Random) -> None:
    _ffmpeg(path, "-f", "lavfi", "-i", f"testsrc=size=32x32:rate=5:duration={chance.randrange(1, 4)}")


def _cut_film(path: Path, chance: random.Random) -> None:
    """An MP4 whose index, which comes last, is missing."""
    _ffmpeg(path, "-f", "lavfi", "-i", "sine=duration=3", "-f", "lavfi", "-i", "testsrc=size=32x32:duration=3")
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(64, data.rindex(b"moov") - 4)])


def _nothing(path: Path, chance: random.Random) -> None:
    path.touch()


def _noise(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.randrange(1, 50_000)))


def _words(path: Path, chance: random.Random) -> None:
    path.write_text("just words, " * chance.randrange(1, 5000), "utf-8")


def _playlist(path: Path, chance: random.Random) -> None:
    target = chance.choice(("file:///etc/passwd", "http://127.0.0.1:9/a.ts", "concat:/etc/passwd|/etc/group"))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n", "utf-8")


def _script(path: Path, chance: random.Random) -> None:
    path.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n", "utf-8")


def _silent_header(path: Path, chance: random.Random) -> None:
    path.write_bytes(
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + struct.pack("<IIHH", 16000, 32000, 2, 16) + b"data\0\0\0\0"
    )


def _no_channels(path: Path, chance: random.Random) -> None:
    head = b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0\1\0\0\0" + struct.pack("<IIHH", 0, 0, 0, chance.choice((0, 255)))
    path.write_bytes(head + b"data\xff\xff\0\0" + chance.randbytes(5000))


def _loop(path: Path, chance: random.Random) -> None:
    path.symlink_to(path.name)


def _nowhere(path: Path, chance: random.Random) -> None:
    path.symlink_to(f"/nowhere/{path.name}")


def _picture(path: Path, chance: random.Random) -> None:
    _ffmpeg(path, "-f", "lavfi", "-i", "testsrc=size=32x32:duration=1", "-frames:v", "1", "-f", "image2")


HOSTILE: tuple[tuple[str, Callable[[Path, random.Random], None]], ...] = (
    ("nothing.wav", _nothing),
    ("noise.mp4", _noise),
    ("noise.mp3", _noise),
    ("words.mp3", _words),
    ("playlist.m3u8", _playlist),
    ("playlist.wav", _playlist),
    ("script.mkv", _script),
    ("header.wav", _silent_header),
    ("channels.wav", _no_channels),
    ("loop.flac", _loop),
    ("nowhere.ogg", _nowhere),
    ("mute.mp4", _film_without_sound),
    ("cut.mp4", _cut_film),
    ("picture.jpg", _picture),
    ("noise.ts", _noise),
    ("noise.opus", _noise),
)


def make_hostile(folder: Path, count: int, seed: int = 1) -> list[Path]:
    """Files of which none can be transcribed, of every kind in turn."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        name, make = HOSTILE[number % len(HOSTILE)]
        path = folder / f"{number:03d}-{name}"
        make(path, chance)
        made.append(path)
    return made
