"""What the tests of verification are told in: strays, losses, and runs without waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps

from rindle_django.models import Asset, Sighting, StoredObject, Variant
from rindle_django.operations.invariants import Violation, violations
from rindle_django.operations.verify import Rules, VerifyReport, verify_storage
from rindle_django.storage import adapter_for
from tests.stock import filled, stock

AT_ONCE = Rules(min_age=0, apart=0)
BETWEEN_ROWS_AND_STORAGE = {
    "all_in_ledger",
    "attached_lives",
    "present_exists",
    "ready_has_object",
}
STRAY = b"nobody wrote this down"


def verify(alias: str = "default", *, dry_run: bool = False, **options: Any) -> VerifyReport:
    """One run; an object is old enough at once, and two runs are far enough apart."""
    rules = replace(AT_ONCE, **options.pop("rules", {}))
    return verify_storage(dry_run=dry_run, storage=alias, rules=rules, **options)


def key_of_ours(prefix: str = "variants", asset_id: UUID | None = None) -> str:
    asset = str(asset_id or uuid4())
    return f"{prefix}/{asset[:2]}/{asset}/{uuid4()}.webp"


def stray(key: str | None = None, *, alias: str = "default") -> str:
    """An object of which the ledger knows nothing; returns its key."""
    name = key or key_of_ours()
    adapter_for(alias).put_stream(
        name, [STRAY], length=len(STRAY), content_type="image/webp", limit=len(STRAY)
    )
    return name


def lost(stored: StoredObject | None) -> StoredObject:
    """An object that vanishes behind the ledger's back."""
    assert stored is not None
    assert adapter_for(stored.storage).delete([stored.key]).confirmed
    return stored


def gallery(count: int = 1) -> list[Asset]:
    """Ready assets with four objects each, so that ledger and storage have begun."""
    assets = stock(count)
    filled(assets)
    StoredObject.objects.filter(asset__in=assets).update(byte_size=len(b"bytes"))
    return assets


def variant(asset: Asset, name: str = "thumb") -> Variant:
    return Variant.objects.select_related("object", "asset").get(asset=asset, name=name)


def keys_in(alias: str = "default") -> set[str]:
    return {found.key for found in adapter_for(alias).list_objects()}


def sighted(*findings: str) -> set[str]:
    rows = Sighting.objects.filter(finding__in=findings) if findings else Sighting.objects.all()
    return set(rows.values_list("key", flat=True))


def planned(**options: Any) -> dict[str, tuple[str, str]]:
    """Finding and action of each key in the plan of a run."""
    plan = StringIO()
    verify(plan=plan, **options)
    lines = [json.loads(line) for line in plan.getvalue().splitlines()]
    return {line["key"]: (line["finding"], line["action"]) for line in lines}


def all_rows() -> dict[str, Any]:
    """Every row of every table of ours."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("rindle").get_models()
        if not model._meta.proxy
    }


@contextmanager
def unchanged() -> Iterator[None]:
    """No row of ours comes, goes or changes while the block lasts."""
    before = all_rows()
    yield
    assert all_rows() == before


def at_odds() -> list[Violation]:
    """Where rows and storage contradict each other."""
    return [each for each in violations() if each.invariant in BETWEEN_ROWS_AND_STORAGE]
