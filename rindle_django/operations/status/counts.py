"""How many rows are in which state, counted no further than is of interest."""

from __future__ import annotations

from collections.abc import Mapping

from rindle_django.operations.reading import ENOUGH, select
from rindle_django.states import ASSET, SESSION, VARIANT, Machine

_COUNTED: tuple[tuple[Machine, str, str], ...] = (
    (ASSET, "rindle_asset r", "r.profile = %(profile)s"),
    (
        VARIANT,
        "rindle_variant r",
        "EXISTS (SELECT FROM rindle_asset a WHERE a.id = r.asset_id AND a.profile = %(profile)s)",
    ),
    (SESSION, "rindle_uploadsession r", "r.profile = %(profile)s"),
)


def counts(profile: str | None) -> dict[str, Mapping[str, int]]:
    """By machine and state, up to ``ENOUGH``; one more stands for more. Without zeros."""
    found: dict[str, Mapping[str, int]] = {}
    for machine, rows, of_profile in _COUNTED:
        narrowed = f" AND {of_profile}" if profile is not None else ""
        query = " UNION ALL ".join(
            f"SELECT '{state}', (SELECT count(*) FROM (SELECT FROM {rows}"  # noqa: S608
            f" WHERE r.state = '{state}'{narrowed} LIMIT %(enough)s + 1) some_rows)"
            for state in machine.states
        )
        rows_of = select(query, {"enough": ENOUGH, "profile": profile})
        found[machine.name] = {state: count for state, count in rows_of if count}
    return found
