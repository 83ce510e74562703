"""One door for states, one for jobs: what the package's own source may not do elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rindle_django

PACKAGE = Path(rindle_django.__file__).parent
STATEFUL = {"Asset", "Variant", "UploadSession", "StoredObject", "FailedVariant"}
WRITERS = {"update", "create", "get_or_create", "update_or_create", "bulk_update", "bulk_create"}
DEFERRERS = {"defer", "batch_defer", "defer_async", "batch_defer_async"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith("migrations/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def assigns_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(each, ast.Attribute) and each.attr == "state" for each in targets)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "set state" in " ".join(node.value.lower().split())
    return isinstance(node, ast.Call) and (_writes_state(node) or _sets_attribute(node))


def _writes_state(call: ast.Call) -> bool:
    name = _called(call)
    spelled = {each.arg for each in call.keywords} | {
        key.value
        for each in call.keywords
        if each.arg is None and isinstance(each.value, ast.Dict)
        for key in each.value.keys
        if isinstance(key, ast.Constant)
    }
    in_defaults = any(
        isinstance(each, ast.Constant) and each.value == "state"
        for keyword in call.keywords
        if keyword.arg in ("defaults", "fields", "update_fields")
        for each in ast.walk(keyword.value)
    )
    return name in WRITERS | STATEFUL and ("state" in spelled or in_defaults)


def _sets_attribute(call: ast.Call) -> bool:
    second = call.args[1] if len(call.args) > 1 else None
    return (
        _called(call) == "setattr"
        and isinstance(second, ast.Constant)
        and (second.value == "state")
    )


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def defers(node: ast.AST) -> bool:
    # ``QuerySet.defer("column")`` is Django's and takes positional names only.
    return isinstance(node, ast.Attribute) and node.attr in DEFERRERS


def files_where(found: Callable[[ast.AST], bool]) -> set[str]:
    return {name for name, tree in sources() if any(found(node) for node in ast.walk(tree))}


def test_only_the_primitives_and_the_ledger_assign_states():
    assert files_where(assigns_state) <= {"lifecycle.py", "moves.py", "ledger.py"}
    assert "ledger.py" in files_where(assigns_state)


def test_only_the_jobs_module_enqueues():
    assert files_where(defers) == {"jobs.py"}


@pytest.mark.parametrize(
    "line",
    [
        "asset.state = 'ready'",
        "rows.update(state='ready', wake_at=None)",
        "rows.update(**{'state': 'ready'})",
        "Variant(asset=asset, state='ready')",
        "Asset.objects.create(state='ready')",
        "Asset.objects.update_or_create(pk=1, defaults={'state': 'ready'})",
        "rows.bulk_update(found, fields=['state'])",
        "setattr(asset, 'state', 'ready')",
        "cursor.execute('UPDATE rindle_asset  SET state = 1')",
    ],
)
def test_the_search_for_assignments_finds(line: str):
    assert any(assigns_state(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize("line", ["task.defer(x=1)", "d.batch_defer(*all)", "f = task.defer_async"])
def test_the_search_for_enqueueing_finds(line: str):
    assert any(defers(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["rows.filter(state='ready')", "RequestRefused('ticket_used', state=row.state)"]
)
def test_reading_a_state_is_free(line: str):
    assert not any(assigns_state(node) for node in ast.walk(ast.parse(line)))
