"""``python -m benchmarks.profile.imports COMMAND``: Django's command, and the megabytes that this
process grows by with the modules of each package, written to a file when it ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from pathlib import Path
from typing import Any

from benchmarks.processes import megabytes

OWN = "Python's own library"


class Account:
    """By package. What a module imports in its turn is not counted for it."""

    def __init__(self) -> None:
        self.packages: Counter[str] = Counter({"Python": 0})
        self.under_way: list[str] = []
        self.last = 0.0

    def settle(self) -> None:
        """What came since the last time belongs to the module that is being imported."""
        now = megabytes(os.getpid(), "smaps_rollup", "Rss:")
        if self.under_way:
            self.packages[self.under_way[-1]] += now - self.last  # type: ignore[assignment]
        self.last = now

    def around(self, load: Callable[..., Any], module: Callable[[Any], str]) -> Callable[..., Any]:
        def loading(loader: Any, about: Any) -> Any:
            self.settle()
            self.under_way.append(_package(module(about)))
            try:
                return load(loader, about)
            finally:
                self.settle()
                self.under_way.pop()

        return loading


def _package(module: str) -> str:
    top = module.partition(".")[0]
    return OWN if top in sys.stdlib_module_names else top


def keep(account: Account) -> None:
    """Enter in it whatever is imported from now on."""
    account.settle()
    account.packages["Python"] = account.last  # type: ignore[assignment]
    for kind in (SourceFileLoader, ExtensionFileLoader):
        kind.exec_module = account.around(kind.exec_module, lambda it: it.__name__)  # type: ignore[method-assign]
    ExtensionFileLoader.create_module = account.around(  # type: ignore[method-assign]
        ExtensionFileLoader.create_module, lambda spec: spec.name
    )


def main() -> None:
    account = Account()
    keep(account)
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    finally:
        Path(os.environ["BENCHMARK_IMPORTS"]).write_text(json.dumps(account.packages))


if __name__ == "__main__":
    main()
