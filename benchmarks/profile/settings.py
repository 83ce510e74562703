"""Settings of the run: those of the photos, with the bare task of `verify`. A process writes down
its stacks and its spans if it is told where.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.images.settings import *  # noqa: F403
from benchmarks.images.settings import INSTALLED_APPS as _INSTALLED_APPS
from benchmarks.profile import sampling

INSTALLED_APPS = [*_INSTALLED_APPS, "benchmarks.upkeep"]

if place := os.environ.get("BENCHMARK_STACKS"):
    sampling.ready(Path(place))
if place := os.environ.get("BENCHMARK_SPANS"):
    from benchmarks.profile.spans import write_spans

    write_spans(Path(place))
