"""Carrying a change of recipes out: mark, queue, plan what is new, purge what is not declared.

In batches of one transaction each, under the locks of their assets. Whatever stops it, what is
committed is done, and the next run finds only the rest.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from rindle_django import claims, jobs
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked_all, record_births, transition_all
from rindle_django.media.types import MEDIA_TYPES
from rindle_django.models import PROCESS_TRIES, Asset, Key, ProcessingRun, Variant
from rindle_django.moves import Condition
from rindle_django.operations.recipes.batches import Budget, newest_first
from rindle_django.operations.recipes.plan import RecipePlan, plan_recipes
from rindle_django.processing.aggregate import settle_assets
from rindle_django.processing.plan import queue
from rindle_django.processing.retire import retire
from rindle_django.profiles import Profile, Recipe, chosen, get_profile
from rindle_django.progress import advanced
from rindle_django.states import VARIANT, VERIFIED_ASSET_STATES

# Which states are made again. A cancelled variant was cancelled by somebody: it stays.
ONLY: dict[str, frozenset[str]] = {
    "stale": frozenset({"stale"}),
    "missing": frozenset({"missing"}),
    "failed": frozenset({"failed"}),
    "all": frozenset({"stale", "missing", "failed"}),
}
KINDS = frozenset(each.kind for each in MEDIA_TYPES.values())


@dataclass
class RegenerateReport:
    """``found`` is what there was to make, ``waiting`` what was being made already. ``planned`` of
    the ``queued`` ones had no row before. ``superfluous`` ones were found, ``purged`` removed."""

    dry_run: bool
    only: str
    found: int = 0
    waiting: int = 0
    marked_stale: int = 0
    queued: int = 0
    planned: int = 0
    superfluous: int = 0
    purged: int = 0


@dataclass(frozen=True)
class _Target:
    """A declared variant of a profile, and where its rows are."""

    profile: type[Profile]
    name: str
    recipe: Recipe
    digest: str

    def rows(self, state: str) -> QuerySet[Variant]:
        return Variant.objects.filter(
            asset__profile=self.profile.name,
            asset__state__in=VERIFIED_ASSET_STATES,
            asset__kind__in=self.kinds,
            name=self.name,
            state=state,
        ).exclude(_silent("asset__has_audio", self.recipe))

    @property
    def kinds(self) -> list[str]:
        return sorted(kind for kind in KINDS if self.recipe.accepts(kind))

    def assets_without(self) -> QuerySet[Asset]:
        mine = Variant.objects.filter(asset=OuterRef("pk"), name=self.name).exclude(state="purged")
        return Asset.objects.filter(
            ~Exists(mine),
            profile=self.profile.name,
            state__in=VERIFIED_ASSET_STATES,
            kind__in=self.kinds,
        ).exclude(_silent("has_audio", self.recipe))


def _silent(field: str, recipe: Recipe) -> Q:
    """What has no sound, if ``recipe`` needs some."""
    return Q(**{field: False}) if recipe.needs_audio else Q(pk__in=[])


def regenerate_variants(
    *,
    profile: str | Collection[str] | None = None,
    variant: str | None = None,
    only: str = "all",
    dry_run: bool = True,
    limit: int | None = None,
    purge_superfluous: bool = False,
) -> RegenerateReport:
    """Queue what today's recipes make differently, what is missing, and what failed.

    ``only`` is "stale", "missing", "failed" or "all"; "missing" includes variants that are newer
    than their assets. The jobs wait behind those of fresh uploads, and what is served stays served
    until its successor is ready. ``limit`` bounds how many are queued and how many purged.
    ``purge_superfluous`` removes the outputs of variants that are not declared any more.

    Raises RequestRefused: "unknown_profile", "unknown_variant", "request_invalid".
    """
    _check(only, limit)
    plan = plan_recipes(profile=profile, variant=variant)
    report = RegenerateReport(
        dry_run,
        only,
        found=_to_make(plan, only),
        waiting=plan.total("waiting"),
        superfluous=plan.total("superfluous"),
    )
    if dry_run:
        return report
    advanced(0, of=_of(report, limit, purge_superfluous=purge_superfluous))
    budget = Budget(limit)
    for target, without_row in _targets(plan):
        _make(target, only, without_row, budget, report)
    if purge_superfluous and report.superfluous:
        for each in chosen(profile):
            _purge_superfluous(each, variant, Budget(limit), report)
    return report


def _check(only: str, limit: int | None) -> None:
    if only not in ONLY:
        raise RequestRefused("request_invalid", why=f"only is one of {', '.join(ONLY)}")
    if limit is not None and limit < 1:
        raise RequestRefused("request_invalid", why="limit must be at least 1")


def _to_make(plan: RecipePlan, only: str) -> int:
    return sum(plan.total(name) for name in ONLY[only])


def _of(report: RegenerateReport, limit: int | None, *, purge_superfluous: bool) -> int:
    of = report.found + (report.superfluous if purge_superfluous else 0)
    return of if limit is None else min(of, limit)


def _targets(plan: RecipePlan) -> list[tuple[_Target, int]]:
    found = []
    for row in plan.rows:
        if row.declared:
            profile = get_profile(row.profile)
            recipe = profile.recipe(row.variant)
            target = _Target(profile, row.variant, recipe, recipe.digest())
            found.append((target, row.without_row))
    return found


def _make(
    target: _Target, only: str, without_row: int, budget: Budget, report: RegenerateReport
) -> None:
    """What is marked already goes first, so that a limit leaves as little as may be half done."""
    _queue_all(target, ONLY[only], budget, report)
    if "stale" in ONLY[only]:
        _mark_stale(target, Budget(budget.left), report)
        _queue_all(target, ONLY["stale"], budget, report)
    if "missing" in ONLY[only] and without_row:
        _plan_new(target, budget, report)


# --- stale -------------------------------------------------------------------------------------


def _mark_stale(target: _Target, budget: Budget, report: RegenerateReport) -> None:
    outdated = target.rows("ready").exclude(published_digest=target.digest)
    for keys, asset_ids in newest_first(outdated, budget, "asset_id"):
        with locked_all(asset_ids) as assets:
            # One whose asset is gone or given up meanwhile has nothing to be made of.
            variants = _of_verified(assets, keys)
            marked = transition_all(
                variants,
                "stale",
                only_from={"ready"},
                where=Condition("published_digest <> %s", target.digest),
                recipe_digest=target.digest,
            )
        report.marked_stale += budget.spend(len(marked))


def _queue_all(
    target: _Target, states: Collection[str], budget: Budget, report: RegenerateReport
) -> None:
    for state in sorted(states):  # one after the other: each is a range of an index
        for keys, asset_ids in newest_first(target.rows(state), budget, "asset_id"):
            with locked_all(asset_ids) as assets:
                queued = _queue(_of_verified(assets, keys, states), target)
                settle_assets(assets)
            report.queued += budget.spend(queued)
            advanced(queued)


def _queue(variants: list[Variant], target: _Target) -> int:
    """Behind whatever is fresh, and for the recipe of today."""
    queued = queue(
        variants,
        priority=jobs.BEHIND,
        recipe_digest=target.digest,
        attempts=0,
        max_attempts=PROCESS_TRIES,
        reason_code="",
        reason="",
    )
    return len(queued)


def _of_verified(
    assets: Collection[Asset], keys: Collection[Key], states: Collection[str] | None = None
) -> list[Variant]:
    """Those of ``keys`` whose locked asset is still verified, and that are in one of ``states``."""
    verified = {asset.pk: asset for asset in assets if asset.state in VERIFIED_ASSET_STATES}
    rows = Variant.objects.filter(pk__in=keys, asset__in=list(verified)).order_by("pk")
    found = list(rows if states is None else rows.filter(state__in=states))
    for variant in found:
        variant.asset = verified[variant.asset_id]
    return found


# --- new ---------------------------------------------------------------------------------------


def _plan_new(target: _Target, budget: Budget, report: RegenerateReport) -> None:
    for _, asset_ids in newest_first(target.assets_without(), budget, "pk"):
        with locked_all(asset_ids) as assets:
            new = _born(assets, target)
            queued = _queue(new, target)
            settle_assets(assets)
        report.planned += len(new)
        report.queued += budget.spend(queued)
        advanced(queued)


def _born(assets: Collection[Asset], target: _Target) -> list[Variant]:
    """Rows of the variant for those of the locked assets that have none yet."""
    rows = Variant.objects.filter(asset__in=assets, name=target.name)
    taken = set(rows.values_list("asset_id", flat=True))
    variants = [
        Variant(
            asset=asset,
            name=target.name,
            kind=target.recipe.kind,
            recipe_digest=target.digest,
            max_attempts=PROCESS_TRIES,
        )
        for asset in assets
        if asset.pk not in taken and asset.state in VERIFIED_ASSET_STATES
    ]
    Variant.objects.bulk_create(variants)
    record_births(variants)
    return variants


# --- superfluous -------------------------------------------------------------------------------


def _purge_superfluous(
    profile: type[Profile], variant: str | None, budget: Budget, report: RegenerateReport
) -> None:
    for keys, asset_ids in newest_first(_undeclared(profile, variant), budget, "asset_id"):
        with locked_all(asset_ids) as assets:
            purged = _purge(profile, assets, _of_verified(assets, keys))
        report.purged += budget.spend(purged)
        advanced(purged)


def _undeclared(profile: type[Profile], variant: str | None) -> QuerySet[Variant]:
    wanted = Q(pk__in=[])
    for kind in KINDS:
        of_kind = Q(asset__kind=kind)
        silent = list(profile.variants_for(kind, has_audio=False))
        wanted |= of_kind & Q(name__in=silent)
        sounding = profile.variants_for(kind).keys() - silent
        # Of assets that are not known to be silent.
        wanted |= of_kind & ~Q(asset__has_audio=False) & Q(name__in=sounding)
    rows = Variant.objects.exclude(state="purged").filter(
        ~wanted, asset__profile=profile.name, asset__state__in=VERIFIED_ASSET_STATES
    )
    return rows if variant is None else rows.filter(name=variant)


def _purge(profile: type[Profile], assets: list[Asset], variants: list[Variant]) -> int:
    """Give up outputs and rows. What a worker is at meanwhile finds its claim gone."""
    objects = [variant.object_id for variant in variants if variant.object_id is not None]
    purged = transition_all(
        variants,
        "purged",
        only_from=VARIANT.sources_of("purged"),
        fence=F("fence") + 1,
        **claims.AT_REST,
    )
    keys = [variant.pk for variant in purged]
    runs = ProcessingRun.objects.filter(variant_id__in=keys, outcome="running")
    runs.update(outcome="superseded", finished_at=Now())
    # The row goes, so that the name can be declared again; the ledger keeps the objects in mind.
    Variant.objects.filter(pk__in=keys).delete()
    retire(profile, objects)
    settle_assets(assets)
    return len(purged)
