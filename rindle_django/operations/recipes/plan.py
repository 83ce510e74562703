"""What today's recipes make of the rows: which outputs are current, and which are not and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import Avg, BigIntegerField, Count, F
from django.db.models.functions import Cast

from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Variant
from rindle_django.operations.recipes.cost import Estimate, estimate
from rindle_django.processing.plan import IMAGE_KINDS
from rindle_django.profiles import Profile, chosen
from rindle_django.states import VERIFIED_ASSET_STATES

# What a declared variant's state says of it. "ready" is for its digest to say.
_COUNTED_AS = {
    "planned": "waiting",
    "queued": "waiting",
    "processing": "waiting",
    "stale": "stale",
    "missing": "missing",
    "failed": "failed",
    "cancelled": "cancelled",
}


@dataclass
class VariantPlan:
    """One variant of one profile, counted over all verified assets.

    ``stale``: made by another recipe than today's. ``missing``: lost from the storage, or, those
    ``without_row``, never asked for because the variant is newer than its assets. ``superfluous``:
    of a name that the profile does not declare any more, or not for files of that kind.
    ``waiting`` are being made. The estimate is for all that is stale or missing.
    """

    profile: str
    variant: str
    declared: bool
    current: int = 0
    stale: int = 0
    missing: int = 0
    without_row: int = 0
    superfluous: int = 0
    failed: int = 0
    waiting: int = 0
    cancelled: int = 0
    cpu_seconds: float | None = None
    output_bytes: int | None = None
    basis: str = ""
    runs: int = 0

    @property
    def to_make(self) -> int:
        return self.stale + self.missing

    @property
    def changed(self) -> bool:
        return bool(self.to_make or self.superfluous)


@dataclass
class RecipePlan:
    """All of it, by profile and variant."""

    rows: list[VariantPlan] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether rows and recipes differ."""
        return any(row.changed for row in self.rows)

    def total(self, name: str) -> int:
        """Of one of the counts."""
        return sum(int(getattr(row, name)) for row in self.rows)

    @property
    def cpu_seconds(self) -> float | None:
        """For all rows; None as soon as one of them has no past runs."""
        costs = [row.cpu_seconds for row in self.rows if row.to_make]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


# The kind of an asset, and whether it has sound: None for what that is not known of.
_Sort = tuple[str, bool | None]


@dataclass(frozen=True)
class _Sources:
    count: int
    mean_pixels: float | None


def plan_recipes(
    *, profile: str | Collection[str] | None = None, variant: str | None = None
) -> RecipePlan:
    """Compare what the profiles declare with what is there, in two passes of the database.

    ``profile`` and ``variant`` narrow. Raises RequestRefused: "unknown_profile", "unknown_variant"
    (neither declared nor to be found).
    """
    profiles = chosen(profile)
    sources = _count_sources([each.name for each in profiles])
    rows = {
        (each.name, name): VariantPlan(each.name, name, declared=True)
        for each in profiles
        for name in each.variants
        if variant in (None, name)
    }
    _count_variants(profiles, variant, rows)
    if variant is not None and not rows:
        names = ", ".join(each.name for each in profiles)
        raise RequestRefused("unknown_variant", profile=names, variant=variant)
    for each in profiles:
        for name in each.variants:
            if (row := rows.get((each.name, name))) is not None:
                _complete(row, each, sources[each.name])
    return RecipePlan([rows[key] for key in sorted(rows)])


def _count_sources(profiles: Collection[str]) -> dict[str, dict[_Sort, _Sources]]:
    """Verified assets of each profile by what they are."""
    pixels = Cast(F("width"), BigIntegerField()) * F("height")
    found = (
        Asset.objects.filter(profile__in=profiles, state__in=VERIFIED_ASSET_STATES)
        .values_list("profile", "kind", "has_audio")
        .annotate(count=Count("pk"), mean=Avg(pixels))
        .order_by()
    )
    sources: dict[str, dict[_Sort, _Sources]] = {name: {} for name in profiles}
    for profile, kind, has_audio, count, mean in found:
        sources[profile][kind, has_audio] = _Sources(count, None if mean is None else float(mean))
    return sources


def _count_variants(
    profiles: Collection[type[Profile]],
    variant: str | None,
    rows: dict[tuple[str, str], VariantPlan],
) -> None:
    by_name = {each.name: each for each in profiles}
    digests = {
        (each.name, name): recipe.digest()
        for each in profiles
        for name, recipe in each.variants.items()
    }
    counted = Variant.objects.exclude(state="purged").filter(
        asset__profile__in=list(by_name), asset__state__in=VERIFIED_ASSET_STATES
    )
    if variant is not None:
        counted = counted.filter(name=variant)
    groups = (
        counted.values_list(
            *("asset__profile", "asset__kind", "asset__has_audio"),
            *("name", "state", "published_digest"),
        )
        .annotate(Count("pk"))
        .order_by()
    )
    for profile, kind, has_audio, name, state, published, count in groups:
        key = profile, name
        if key not in rows:
            rows[key] = VariantPlan(profile, name, declared=False)
        if name not in by_name[profile].variants_for(kind, has_audio=has_audio):
            what = "superfluous"
        elif state == "ready":
            what = "current" if published == digests[key] else "stale"
        else:
            what = _COUNTED_AS[state]
        setattr(rows[key], what, getattr(rows[key], what) + count)


def _complete(row: VariantPlan, profile: type[Profile], sources: dict[_Sort, _Sources]) -> None:
    """Add what has no row yet, and what all that is to be made will cost."""
    recipe = profile.recipe(row.variant)
    fitting = [
        each
        for (kind, has_audio), each in sources.items()
        if recipe.accepts(kind, has_audio=has_audio)
    ]
    there = row.current + row.stale + row.missing + row.failed + row.waiting + row.cancelled
    row.without_row = sum(each.count for each in fitting) - there
    row.missing += row.without_row
    if row.to_make:
        # What is made of sound and moving pictures costs by their length, not by their size.
        pixels = _mean_pixels(fitting) if recipe.kind in IMAGE_KINDS else None
        _add_cost(row, estimate(row.profile, row.variant, row.to_make, pixels))


def _mean_pixels(sources: Collection[_Sources]) -> float | None:
    sized = [(each.mean_pixels, each.count) for each in sources if each.mean_pixels is not None]
    count = sum(each for _, each in sized)
    return sum(mean * each for mean, each in sized) / count if count else None


def _add_cost(row: VariantPlan, cost: Estimate) -> None:
    row.cpu_seconds, row.output_bytes = cost.cpu_seconds, cost.output_bytes
    row.basis, row.runs = cost.basis, cost.runs
