"""What the code declares against what the rows hold. ``rindle_plan`` counts it all, and exactly;
here is only looked whether there is anything, within bounds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from rindle_django.media.types import MEDIA_TYPES
from rindle_django.operations.doctor.diagnosis import Observation, error, warn
from rindle_django.operations.reading import ENOUGH, said, select
from rindle_django.profiles import Profile, registered
from rindle_django.states import VERIFIED_ASSET_STATES

KINDS = sorted({media_type.kind for media_type in MEDIA_TYPES.values()})
# Of how many of a profile's oldest and newest assets it is looked whether a variant is missing.
SAMPLE = 500

# One step of an index for each value that there is, however many rows have it.
_PROFILES = """
WITH RECURSIVE known AS (
    (SELECT profile FROM rindle_asset ORDER BY profile LIMIT 1)
    UNION ALL
    SELECT (SELECT profile FROM rindle_asset WHERE profile > known.profile
            ORDER BY profile LIMIT 1)
    FROM known WHERE known.profile IS NOT NULL)
SELECT profile FROM known WHERE profile IS NOT NULL LIMIT 1000
"""
_RECIPES = """
WITH RECURSIVE known AS (
    (SELECT name, published_digest FROM rindle_variant ORDER BY name, published_digest LIMIT 1)
    UNION ALL
    SELECT following.name, following.published_digest
    FROM known, LATERAL (
        SELECT name, published_digest FROM rindle_variant
        WHERE (name, published_digest) > (known.name, known.published_digest)
        ORDER BY name, published_digest LIMIT 1) following)
SELECT name, published_digest FROM known LIMIT 1000
"""
_OF_PROFILE = "SELECT count(*) FROM (SELECT FROM rindle_asset WHERE profile = %s LIMIT %s + 1) part"
_OF_RECIPE = """
SELECT count(*) FROM (SELECT FROM rindle_variant WHERE name = %s AND published_digest = %s
                      LIMIT %s + 1) part
"""


def unknown_profiles() -> Iterator[Observation]:
    names = {profile.name for profile in registered()}
    for (name,) in select(_PROFILES):
        if name not in names:
            ((count,),) = select(_OF_PROFILE, [name, ENOUGH])
            yield error(
                f"{said(count, 'asset')} of profile {name!r}, which is not registered: nothing can "
                "be made or delivered of them.",
                "Register it again under that name, or purge them.",
            )


def recipes() -> Iterator[Observation]:
    current = _digests()
    for name, count in _counted(lambda name, digest: digest not in current.get(name, {digest})):
        yield warn(
            f"{said(count, 'output')} of variant {name!r} made by a recipe that is no longer "
            "declared.",
            f"See rindle_plan; rindle_regenerate_variants --variant {name} --no-dry-run makes them "
            "anew.",
        )


def undeclared() -> Iterator[Observation]:
    current = _digests()
    for name, count in _counted(lambda name, _: name not in current):
        yield warn(
            f"{said(count, 'row')} of variant {name!r}, which no profile declares.",
            "See rindle_plan. They are kept and served until their assets are deleted.",
        )


def _digests() -> dict[str, set[str]]:
    """What is declared today, by variant; a recipe that was never published has no digest."""
    found: dict[str, set[str]] = defaultdict(lambda: {""})
    for profile in registered():
        for name, recipe in profile.variants.items():
            found[name] = found[name] | {recipe.digest()}
    return dict(found)


def _counted(wanted: Callable[[str, str], bool]) -> Iterator[tuple[str, int]]:
    counts: dict[str, int] = defaultdict(int)
    for name, digest in select(_RECIPES):
        if wanted(name, digest) and counts[name] <= ENOUGH:
            counts[name] += select(_OF_RECIPE, [name, digest, ENOUGH])[0][0]
    yield from counts.items()


_LACKING = """
SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM rindle_variant v WHERE v.asset_id = sample.id AND v.name = %(variant)s))
FROM ((SELECT id, kind FROM rindle_asset WHERE profile = %(profile)s AND state = ANY(%(states)s)
       ORDER BY created_at LIMIT %(sample)s)
      UNION
      (SELECT id, kind FROM rindle_asset WHERE profile = %(profile)s AND state = ANY(%(states)s)
       ORDER BY created_at DESC LIMIT %(sample)s)) sample
WHERE kind = ANY(%(kinds)s)
"""


def missing_variants() -> Iterator[Observation]:
    for profile in registered():
        for variant in profile.variants:
            looked, lacking = _lacking(profile, variant)
            if lacking:
                yield warn(
                    f"{lacking:,} of {said(looked, 'asset')} of profile {profile.name!r} (its "
                    f"oldest and newest) have no row of variant {variant!r}.",
                    f"See rindle_plan; rindle_regenerate_variants --profile {profile.name} --only "
                    "missing --no-dry-run makes them.",
                )


def _lacking(profile: type[Profile], variant: str) -> tuple[int, int]:
    recipe = profile.variants[variant]
    terms = {
        "profile": profile.name,
        "variant": variant,
        "states": sorted(VERIFIED_ASSET_STATES),
        "kinds": [kind for kind in KINDS if recipe.accepts(kind)],
        "sample": SAMPLE,
    }
    ((looked, lacking),) = select(_LACKING, terms)
    return looked, lacking
