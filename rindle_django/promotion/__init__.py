"""Promotion: freeze the bytes, verify the frozen copy, publish it and plan its variants."""

from rindle_django.promotion.promote import promote

__all__ = ["promote"]
