"""Cue times of a film that nobody made: talk with pauses, scenes, and margins as subtitlers give them."""

from __future__ import annotations

import random

Times = list[tuple[float, float]]


def speech(seconds: float, seed: int = 1) -> Times:
    """Where somebody speaks in a film: sentences of 1 to 5 s, short pauses, now and then a scene without words."""
    order = random.Random(seed)
    found, now = [], 2.0
    while now < seconds:
        length = order.uniform(1.0, 5.0)
        found.append((round(now, 3), round(now + length, 3)))
        now += length + (order.uniform(8, 40) if order.random() < 0.06 else order.uniform(0.2, 2.5))
    return found


def subtitled(spoken: Times, seed: int = 2) -> Times:
    """Cues for it: they begin with the speech, give or take, linger after it, and leave some of it out."""
    order = random.Random(seed)
    cues = [
        (start + order.gauss(0, 0.02), end + order.uniform(0, 0.8)) for start, end in spoken if order.random() > 0.1
    ]
    return [(s, min(e, after)) for (s, e), (after, _) in zip(cues, [*cues[1:], (1e9, 0.0)], strict=True)]


def moved(cues: Times, rate: float = 1.0, offset: float = 0.0) -> Times:
    return [(start * rate + offset, end * rate + offset) for start, end in cues]
