"""Delivery: URLs of originals and variants, private and signed by default."""

from rindle_django.delivery.playback import Playback, streaming_url
from rindle_django.delivery.urls import url, variant_url

__all__ = ["Playback", "streaming_url", "url", "variant_url"]
