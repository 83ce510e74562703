"""The filters of a status report; a bad one is refused, and told of, before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rindle_django import events
from rindle_django.errors import RequestRefused
from rindle_django.profiles import get_profile

SURFACE = "runtime_status"
MODES = ("python", "text", "json")
MOST = 1_000
# Ten years, in seconds: beyond that it is a slip of the hand, or a time instead of an age.
LONGEST = 315_360_000.0


@dataclass(frozen=True)
class Filters:
    profile: str | None
    older_than: float | None
    limit: int


def checked(profile: object, older_than: object, limit: object, mode: object) -> Filters:
    """Raises RequestRefused("unknown_profile" | "filter_invalid")."""
    with _told(mode):
        if mode not in MODES:
            raise _invalid("format", f"it must be one of {', '.join(MODES[1:])}")
        return Filters(_profile(profile), _age(older_than), _limit(limit))


@contextmanager
def _told(mode: object) -> Iterator[None]:
    try:
        yield
    except RequestRefused as refusal:
        events.emit(
            "rindle.runtime.refusal",
            {
                "surface": SURFACE,
                "reason": refusal.code,
                "mode": mode if mode in MODES else "other",
            },
        )
        raise


def _invalid(name: str, why: str) -> RequestRefused:
    return RequestRefused("filter_invalid", name=name, why=why)


def _profile(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise RequestRefused("unknown_profile", profile=value)
    return get_profile(value).name


def _age(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise _invalid("older_than", "it must be a number of seconds, from 0 to ten years")
    return float(value)


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise _invalid("limit", f"it must be a whole number from 1 to {MOST:,}")
    return value
