"""What the tests of status are told in: findings by kind, and rows as time leaves them."""

from __future__ import annotations

from typing import Any

from rindle_django.models import Stateful
from rindle_django.operations.status import Finding, runtime_status
from tests.durability.test_invariants import by_force

TABLES = {
    "Asset": "rindle_asset",
    "Variant": "rindle_variant",
    "UploadSession": "rindle_uploadsession",
    "StoredObject": "rindle_storedobject",
}


def found(kind: str, **filters: Any) -> list[Finding]:
    return [each for each in runtime_status(**filters).findings if each.kind == kind]


def the(kind: str, **filters: Any) -> Finding:
    """The only finding of this kind."""
    (finding,) = found(kind, **filters)
    return finding


def kinds(**filters: Any) -> set[tuple[str, str]]:
    return {(each.kind, each.subject) for each in runtime_status(**filters).findings}


def aged(row: Stateful, seconds: float = 86_400, **columns: str) -> None:
    """A row that nothing has happened to for so long; ``columns`` are set to SQL expressions."""
    past = f"now() - {seconds} * interval '1 second'"
    changes = {"created_at": past, "updated_at": past, **columns}
    written = ", ".join(f"{name} = {value}" for name, value in changes.items())
    by_force(f"UPDATE {TABLES[type(row).__name__]} SET {written} WHERE id = '{row.pk}'")


def past(seconds: float) -> str:
    return f"now() - {seconds} * interval '1 second'"


def ahead(seconds: float) -> str:
    return f"now() + {seconds} * interval '1 second'"
