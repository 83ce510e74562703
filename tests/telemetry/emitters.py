"""Which events the library's code can emit, read from its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import rindle_django

PACKAGE = Path(rindle_django.__file__).parent
# Where names are only declared.
DECLARING = {PACKAGE / "events.py", PACKAGE / "telemetry" / "names.py"}


def patterns() -> Iterator[tuple[Path, str]]:
    """Every text in the code that begins as an event's name does, as a pattern of its values."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path not in DECLARING:
            for node in ast.walk(ast.parse(path.read_text())):
                if (pattern := _pattern_of(node)) is not None:
                    yield path.relative_to(PACKAGE), pattern


def _pattern_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value) if node.value.startswith("rindle.") else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z_.]+"
        for part in node.values
    ]
    return "".join(parts) if parts and parts[0].startswith(r"rindle\.") else None


def named_in(event: str) -> list[Path]:
    """The files that name an event, be it composed."""
    return [path for path, pattern in patterns() if re.fullmatch(pattern, event)]
