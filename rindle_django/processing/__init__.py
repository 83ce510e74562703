"""Processing: plan variants, claim them, render them in isolation, publish behind a fence."""

from rindle_django.processing.cancel import cancel_processing
from rindle_django.processing.process import process_variant
from rindle_django.processing.requeue import requeue_variants

__all__ = ["cancel_processing", "process_variant", "requeue_variants"]
