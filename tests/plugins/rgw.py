"""Tests marked ``rgw`` need Ceph's S3 gateway. Where it is not installed they are left out, and
the header says so; with CI=true or RINDLE_TEST_RGW=1 they fail instead, saying what to install.
"""

from __future__ import annotations

import os

import pytest

from tests.servers.rgw import explain_missing


def left_out() -> bool:
    required = os.environ.get("RINDLE_TEST_RGW") == "1" or os.environ.get("CI") == "true"
    return explain_missing() is not None and not required


def pytest_report_header() -> str:
    if left_out():
        return f"rgw: tests LEFT OUT. {explain_missing()} (RINDLE_TEST_RGW=1 makes them fail.)"
    return "rgw: tests included"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not left_out():
        return
    marked = [item for item in items if item.get_closest_marker("rgw")]
    items[:] = [item for item in items if item not in marked]
    config.hook.pytest_deselected(items=marked)
