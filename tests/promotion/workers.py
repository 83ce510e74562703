"""Workers that die, and what they leave to be worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from rindle_django.models import Asset
from rindle_django.testing import drain_jobs
from tests.kit import (
    JPEG,
    arrive,
    fresh,
)


class Killed(BaseException):
    """SIGKILL, as far as code in the same process can know it."""


def die() -> None:
    raise Killed


@contextmanager
def killed() -> Iterator[None]:
    with pytest.raises(Killed):
        yield


def lease_over(model: Any) -> None:
    """Let the silence of whoever claimed rows last longer than the lease."""
    model.objects.filter(lease_until__isnull=False).update(
        lease_until=Now() - timedelta(seconds=1), wake_at=Now() - timedelta(seconds=1)
    )


def waiting(content: bytes = JPEG, profile: str = "photo") -> Asset:
    return arrive(content, profile=profile)


def promoted(profile: str = "guarded") -> Asset:
    """An asset whose variants wait to be made."""
    asset = arrive(JPEG, profile=profile, actor="someone")
    drain_jobs(queues=["rindle_promote"])
    assert fresh(asset).state == "processing"
    return fresh(asset)
