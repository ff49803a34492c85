"""Times in hours, minutes and seconds."""

from __future__ import annotations

import pytest

from crisp_align.text.clock import hms, time_code


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (3599, "59:59"), (3723, "1:02:03"), (360_000, "100:00:00")])
def test_hours_are_written_where_there_are_some(seconds: int, text: str) -> None:
    assert hms(seconds) == text


def test_hours_can_be_written_always() -> None:
    assert hms(62, hours=True) == "0:01:02"


def test_a_time_code_has_as_many_digits_of_hours_as_its_format_wants() -> None:
    assert time_code(3_723_004) == "01:02:03.004"
    assert time_code(3_723_004, ",") == "01:02:03,004"
    assert time_code(3_723_004, hour_digits=1) == "1:02:03.004"


def test_hours_beyond_their_digits_are_written_in_full() -> None:
    assert time_code(360_000_000) == "100:00:00.000"
