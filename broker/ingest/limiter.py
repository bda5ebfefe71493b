"""A token bucket per device, so that one device cannot starve another. Pure: the time is handed in."""

from __future__ import annotations

_SWEEP_EVERY = 10_000


class RateLimiter:
    """Allows `rate` messages a second for each key, and `burst` at once after a silence."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: dict[object, tuple[float, float]] = {}
        self._until_sweep = _SWEEP_EVERY

    def allow(self, key: object, now: float) -> bool:
        """True if `key` may send one more message at `now` (seconds of a monotonic clock)."""
        tokens, at = self._buckets.get(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._sweep(now)
        return allowed

    def left(self, key: object, now: float) -> int:
        """How many more messages `key` could send at `now`."""
        tokens, at = self._buckets.get(key, (self._burst, now))
        return int(min(self._burst, tokens + (now - at) * self._rate))

    def put(self, key: object, tokens: float, now: float) -> None:
        """Say what `key` has left at `now`, where others use of it too; negative is owed."""
        self._buckets[key] = (tokens, now)

    def _sweep(self, now: float) -> None:
        """Forget full buckets, which are as good as none: memory stays bounded by the devices that speak."""
        full_after = self._burst / self._rate
        self._buckets = {
            key: (tokens, at)
            for key, (tokens, at) in self._buckets.items()
            if tokens + (now - at) * self._rate < self._burst and now - at < full_after
        }
        self._until_sweep = max(_SWEEP_EVERY, len(self._buckets))
