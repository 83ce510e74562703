"""Leaves out tests whose programs this machine lacks. With CI=true nothing is left out."""

from __future__ import annotations

import os
import shutil

import pytest

PROGRAMS = {
    "browser": ("chromium",),
    "faketime": ("faketime",),
    "nginx": ("nginx",),
    "rgw": ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin"),
}


def missing(marker: str) -> list[str]:
    """The programs that tests with this marker need and the machine lacks."""
    if os.environ.get("CI"):
        return []
    return [program for program in PROGRAMS[marker] if shutil.which(program) is None]


def pytest_report_header() -> list[str]:
    return [
        f"LEFT OUT: all tests marked {marker!r}; install {', '.join(missing(marker))} to run them"
        for marker in PROGRAMS
        if missing(marker)
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = [marker for marker in PROGRAMS if missing(marker)]
    left_out = [item for item in items if any(map(item.get_closest_marker, absent))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
