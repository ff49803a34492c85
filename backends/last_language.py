"""What language a clip is in when the clip itself leaves it open: that of its source so far."""

from __future__ import annotations

from crisp_align.transcript import Clip

__all__ = ["LanguageMemory"]


class LanguageMemory:
    """The last language of each source that was sure; clips come in the order of their source."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}  # source → language, s where the sure clip ended

    def resolve(self, clip: Clip, guess: str | None, *, sure: bool) -> str | None:
        """The language of a clip: the guess if it is sure or there is nothing better, else that of its source so far.

        A clip that begins before the last sure one ended belongs to another pass over its source, which starts
        afresh.

        Args:
            clip: what was transcribed.
            guess: code of the language that it seems to be in; None: nothing shows it.
            sure: whether the guess is to be believed; clips after this one then follow it.
        """
        if sure and guess is not None:
            self._last[clip.source] = (guess, clip.end)
            return guess
        language, end = self._last.get(clip.source, (None, 0.0))
        if language is not None and end <= clip.start:
            return language
        return clip.earlier_language or guess
