"""Settings of the benchmarks: those of the tests, and what is in production."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _INSTALLED_APPS

INSTALLED_APPS = [*_INSTALLED_APPS, "benchmarks"]
RINDLE: dict[str, object] = {}
