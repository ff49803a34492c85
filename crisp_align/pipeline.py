"""The route from media to a timed transcript, once."""

from __future__ import annotations
