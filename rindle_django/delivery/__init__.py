"""Delivery: URLs of originals and variants, private and signed by default."""

from rindle_django.delivery.urls import url, variant_url

__all__ = ["url", "variant_url"]
