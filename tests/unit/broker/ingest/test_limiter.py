"""A bucket per device."""

from __future__ import annotations

from broker.ingest.limiter import RateLimiter


def test_a_burst_passes_and_then_the_rate() -> None:
    limiter = RateLimiter(rate=2.0, burst=3)
    assert [limiter.allow("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [limiter.allow("a", 0.5), limiter.allow("a", 0.5)] == [True, False]


def test_one_key_does_not_spend_anothers_tokens() -> None:
    limiter = RateLimiter(rate=1.0, burst=1)
    assert limiter.allow("a", 0.0)
    assert not limiter.allow("a", 0.0)
    assert limiter.allow("b", 0.0)


def test_keys_that_fell_silent_are_forgotten_and_busy_ones_are_not() -> None:
    limiter = RateLimiter(rate=1.0, burst=2)
    for number in range(30_000):
        limiter.allow(number, number / 1000)
    assert len(limiter._buckets) < 15_000
    assert [limiter.allow("busy", 30.0) for _ in range(3)] == [True, True, False]
