"""Times of series: how they are written, and what comes next."""

import pytest

from seqexp.data.timestamps import clock_of, form_of


@pytest.mark.parametrize(
    ("times", "step", "following"),
    [
        (["1700", "1701", "1702"], "1", "1703"),
        (["0.5", "1", "1.5"], "0.5", "2"),
        (["19580329", "19580405", "19580412"], "7 days", "19580419"),
        (["1949-01", "1949-02", "1949-03"], "1 month", "1949-04"),
        (["2023-10-31", "2023-11-30", "2023-12-31"], "30 days", "2024-01-30"),
        (["2023-10-01", "2023-11-01", "2023-12-01"], "1 month", "2024-01-01"),
        (["2024-02-27", "2024-02-28", "2024-02-29"], "1 day", "2024-03-01"),
        (["31.12.2023", "01.01.2024", "02.01.2024"], "1 day", "03.01.2024"),
        (["2024-01-01 22:00", "2024-01-01 23:00", "2024-01-02 00:00"], "1 hour", "2024-01-02 01:00"),
        (["2024-01-01 22:00", "2024-01-01 22:15"], "15 minutes", "2024-01-01 22:30"),
        (["2023111", "2023112"], "1", "2023113"),
        (["2024-01-01T00:00:00", "2024-01-01T00:00:30"], "30 seconds", "2024-01-01T00:01:00"),
        (["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06"], "1 day", "2024-01-07"),
    ],
)
def test_the_time_after_the_last_is_written_as_the_others(times, step, following):
    form = form_of(times)
    assert form is not None
    clock = clock_of(form, [times])
    assert clock.told() == step
    assert clock.after(times[-1], 1) == following


def test_a_time_of_another_form_is_none():
    form = form_of(["2024-01-01", "2024-01-02"])
    assert form is not None
    with pytest.raises(ValueError, match="does not match"):
        clock_of(form, [["2024-01-01", "2024-01-02"]]).moment("01.02.2024")


def test_the_calendar_ends():
    clock = clock_of("%Y-%m-%d", [["9999-12-30", "9999-12-31"]])
    assert clock.after("9999-12-31", 2) == "9999-12-31 + 2"
