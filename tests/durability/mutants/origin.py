"""A pytest plugin: refuses to test another package than that of the folder it is run in."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    import rindle_django

    if not Path(rindle_django.__file__).resolve().is_relative_to(config.rootpath):
        raise pytest.UsageError(f"{rindle_django.__file__} is not in {config.rootpath}")
