"""Fill a database with a lot of rows.

    python -m benchmarks.seed --assets 1000000 --variants-each 3

What was in the library's tables is replaced. Needs a superuser: the rows are written past the
guards, which would want each to be moved to its state edge by edge.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import seeding
from benchmarks.ground import add_place, django_up

TABLES = (
    *("rindle_attachment", "rindle_uploadsession", "rindle_processingrun", "rindle_transition"),
    *("rindle_variant", "rindle_storedobject", "rindle_asset", "rindle_checkpoint"),
    "procrastinate_jobs",
)


def seed(assets: int, tell: Callable[[str], object] = print) -> None:
    """Replace all rows by those of ``assets`` assets."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        # In one transaction: one that is killed must not leave a database without indexes.
        with transaction.atomic():
            _replace_all(cursor, assets, tell)
        began = time.monotonic()
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        tell(f"{'vacuum':28} {'':>12}      {time.monotonic() - began:>8.1f} s")


def _replace_all(cursor: Any, assets: int, tell: Callable[[str], object]) -> None:
    cursor.execute("SET LOCAL session_replication_role = replica")
    cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
    cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    indexes = _drop_indexes(cursor)
    for what, statement, parameters in _statements():
        began = time.monotonic()
        cursor.execute(statement, {"assets": assets, **parameters})
        tell(f"{what:28} {cursor.rowcount:>12,} rows {time.monotonic() - began:>8.1f} s")
    began = time.monotonic()
    for definition in indexes:
        cursor.execute(definition)
    tell(f"{'indexes':28} {len(indexes):>12,}      {time.monotonic() - began:>8.1f} s")


def _drop_indexes(cursor: Any) -> list[str]:
    """Made again at the end, they cost a third."""
    cursor.execute(seeding.INDEXES, {})
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _statements() -> Iterator[tuple[str, str, dict[str, Any]]]:
    from django.contrib.contenttypes.models import ContentType

    from benchmarks.media import RECIPES
    from tests.app.models import Article

    yield "assets", seeding.ASSETS, {}
    for purpose in ("original", "staging"):
        yield f"objects: {purpose}", seeding.OBJECTS, {"purpose": purpose, "label": purpose}
    for number, (label, recipe) in enumerate(RECIPES.items()):
        yield f"objects: {label}", seeding.OBJECTS, {"purpose": "variant", "label": label}
        terms = {"label": label, "digest": recipe.digest(), "changed": number == 1}
        yield f"variants: {label}", seeding.VARIANTS, terms
        yield f"runs: {label}", seeding.RUNS, {"label": label}
        told = {"subject": "variant", "prefix": f"v{label}"}
        yield f"history: {label}", seeding.TRANSITIONS, told
    yield "history: assets", seeding.TRANSITIONS, {"subject": "asset", "prefix": "a"}
    yield "sessions", seeding.SESSIONS, {}
    owner_type = ContentType.objects.get_for_model(Article).pk
    yield "attachments", seeding.ATTACHMENTS, {"owner_type": owner_type}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1_000_000)
    add_place(parser)
    options = parser.parse_args()
    with django_up(options):
        seed(options.assets, lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
