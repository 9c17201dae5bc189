"""Rate limits as the server counts them in Redis: per key, token, client or address."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_calcom.sandbox.responses import ApiError

TOO_MANY = "CustomThrottlerGuard - Too many requests. Please try again later."


@dataclass(frozen=True)
class Limit:
    """A rate limit: `calls` in `window` seconds; the call after them blocks for `block` seconds."""

    calls: int
    window: float = 60
    block: float = 60
    name: str = "default"


@dataclass
class Window:
    """The calls of one tracker in its current window, and until when it is blocked."""

    ends: datetime
    hits: int = 0
    blocked_until: datetime | None = None


class Throttle:
    """Counters of calls, which start over when their window ends."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, str], Window] = {}

    def hit(self, tracker: str, limits: tuple[Limit, ...], now: datetime, headers: dict[str, str]) -> None:
        """Count one call and add its rate limit headers; raise 429 if *every* limit is exceeded."""
        left = [self._count(tracker, limit, now, headers) for limit in limits]
        if not any(left):
            raise ApiError(429, TOO_MANY, "ThrottlerException", TOO_MANY)

    def _count(self, tracker: str, limit: Limit, now: datetime, headers: dict[str, str]) -> bool:
        window = self.windows.get((tracker, limit.name))
        if window is None or window.ends <= now:
            blocked = window.blocked_until if window else None
            window = Window(now + timedelta(seconds=limit.window), blocked_until=blocked)
            self.windows[tracker, limit.name] = window
        window.hits += 1
        if window.blocked_until is not None and window.blocked_until <= now:
            window.blocked_until = None
        if window.blocked_until is None and window.hits > limit.calls:
            window.blocked_until = now + timedelta(seconds=limit.block)
        reset = window.blocked_until or window.ends
        remaining = 0 if window.blocked_until else max(0, limit.calls - window.hits)
        suffix = limit.name[:1].upper() + limit.name[1:]
        headers[f"X-RateLimit-Limit-{suffix}"] = str(limit.calls)
        headers[f"X-RateLimit-Remaining-{suffix}"] = str(remaining)
        headers[f"X-RateLimit-Reset-{suffix}"] = str(math.ceil((reset - now).total_seconds()))
        return window.blocked_until is None
