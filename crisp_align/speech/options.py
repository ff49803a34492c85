"""What the user asks of the cutting of sound into clips."""

from __future__ import annotations

from dataclasses import dataclass

from crisp_align.errors import OptionError

__all__ = ["VadOptions"]

HYSTERESIS = 0.15  # how far below `threshold` speech goes on, where `neg_threshold` is not given; Silero's own default


@dataclass(frozen=True, slots=True)
class VadOptions:
    """What counts as speech, and how it is cut into clips."""

    enabled: bool = True
    """False: take all of the sound for speech."""
    threshold: float = 0.5
    """Probability from which a frame begins speech."""
    neg_threshold: float | None = None
    """Probability below which speech ends; None: 0.15 below `threshold`, at least 0.01."""
    min_speech: float = 0.1
    """s; what is shorter is no speech."""
    min_silence: float = 0.1
    """s; a pause that is shorter belongs to the speech around it."""
    pad: float = 0.4
    """s of the sound around speech that a clip keeps, for onsets and endings too faint to be called speech."""
    max_pause: float = 3.0
    """s; a longer pause always ends a clip."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise OptionError(f"a voice threshold of {self.threshold:g} makes no sense", hint="give 0 < threshold < 1")
        if self.neg_threshold is not None and not 0 <= self.neg_threshold <= self.threshold:
            raise OptionError(
                f"a negative voice threshold of {self.neg_threshold:g} makes no sense",
                hint=f"give 0 to {self.threshold:g}, the threshold",
            )
        for name in ("min_speech", "min_silence", "pad", "max_pause"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise OptionError(f"{name} = {value:g} s makes no sense", hint="give 0 or more")

    @property
    def off_threshold(self) -> float:
        """The probability below which speech ends."""
        return max(self.threshold - HYSTERESIS, 0.01) if self.neg_threshold is None else self.neg_threshold
