"""Recipe changes, as one works with migrations: look at what a change means, then carry it out.

``plan`` only reads. What changes something: ``regenerate`` (variants), ``metadata`` (what is known
of originals) and ``temporary`` (what killed work left behind).
"""

from rindle_django.operations.recipes.metadata import BackfillReport, backfill_metadata
from rindle_django.operations.recipes.plan import RecipePlan, VariantPlan, plan_recipes
from rindle_django.operations.recipes.regenerate import RegenerateReport, regenerate_variants
from rindle_django.operations.recipes.temporary import SweepReport, sweep_temp_files

__all__ = [
    "BackfillReport",
    "RecipePlan",
    "RegenerateReport",
    "SweepReport",
    "VariantPlan",
    "backfill_metadata",
    "plan_recipes",
    "regenerate_variants",
    "sweep_temp_files",
]
