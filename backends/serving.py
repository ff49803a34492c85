"""Clips transcribed on servers, several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crisp_align.backends import DecodeOptions, Transcription
from crisp_align.errors import AlignmentError
from crisp_align.models.server import RequestError, ServerPool
from crisp_align.transcript import Clip

__all__ = ["transcribe_on"]

_SHORTEST = 0.1  # s; what is shorter holds no word, and servers refuse it


def transcribe_on(
    pool: ServerPool,
    clips: Sequence[Clip],
    options: DecodeOptions,
    transcribe_one: Callable[[Clip, DecodeOptions], Transcription],
    title: str,
) -> list[Transcription]:
    """Return a transcription a clip, in order; a clip that is too short to hold a word is silence.

    Args:
        pool: the servers, which share the clips.
        clips: what to transcribe.
        options: passed on with each clip.
        transcribe_one: asks a server of the pool.
        title: what an error calls the backend.

    Raises:
        AlignmentError: a server gives no answer that can be used.
    """
    silence = Transcription("", options.language, certain=options.language is not None)
    found = [silence] * len(clips)
    long_enough = [number for number, clip in enumerate(clips) if clip.duration >= _SHORTEST]
    try:
        for at, transcription in pool.map(lambda number: transcribe_one(clips[number], options), long_enough):
            found[long_enough[at]] = transcription
    except RequestError as error:
        raise AlignmentError(f"{title} {error}", hint="is the server running?") from error
    return found
