"""Many threads call a session in every way at once, on a device that fails now and then: a few seconds of it."""

from session import run, toy


def test_no_answer_is_lost_or_wrong() -> None:
    ends = run(*toy(), requests=6_000, threads=32, seed=7)
    for end in ("inferred", "submitted", "cancelled", "out of time", "in time", "many", "streamed", "awaited"):
        assert ends[end] > 50, ends
    assert ends["recoveries"] > 0, ends
