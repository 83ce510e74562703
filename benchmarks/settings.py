"""Settings of the benchmarks: those of the tests, but patient as in production."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _INSTALLED_APPS, RINDLE as _RINDLE

INSTALLED_APPS = [*_INSTALLED_APPS, "benchmarks"]
RINDLE = {**_RINDLE, "BACKOFF_BASE": 2.0, "SUPERSEDED_GRACE": 900}
