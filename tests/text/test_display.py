"""Text in messages."""

from __future__ import annotations

from crisp_align.text.display import quoted


def test_a_short_text_is_quoted_whole() -> None:
    assert quoted("Ask not.") == "'Ask not.'"


def test_of_a_long_text_the_beginning_is_quoted_and_an_ellipsis_says_so() -> None:
    assert quoted("what your country can do for you", columns=10) == "'what your…'"
