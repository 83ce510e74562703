"""URLs of originals and variants: authorised first, private and signed by default."""

from __future__ import annotations

from typing import Any

from rindle_django.delivery.issue import (
    Terms,
    authorised,
    issue,
    original_of,
    output_of,
    require_verified,
    variants_of,
)
from rindle_django.models import Asset, Variant


def url(
    asset: Asset,
    *,
    actor: Any = None,
    download: bool = False,
    filename: str | None = None,
    ttl: int | None = None,
) -> str:
    """A URL of the original.

    Signed unless the profile is public; valid for at least ``ttl`` seconds (the profile's own by
    default, which is also the most that can be asked for), and the same within a window so that
    browsers cache. What plays can be asked for by it for its own length longer, so that a film
    does not stop when its link ends. ``download`` has the browser save it, under ``filename`` or
    the name it was uploaded by. Raises RequestRefused: "not_allowed", "not_deliverable".
    """
    profile = authorised(asset, actor)
    require_verified(asset)
    terms = Terms(actor=actor, ttl=ttl, download=download, filename=filename)
    return issue(profile, original_of(asset), terms)


def variant_url(
    asset: Asset,
    name: str,
    *,
    actor: Any = None,
    download: bool = False,
    filename: str | None = None,
    ttl: int | None = None,
) -> str:
    """A URL of the variant ``name``, or of the original while there is no such output to show.

    What is served of a changed recipe until its new output is ready, ``Delivery.serve_stale``
    says. Of a stream or a storyboard it is the text that names the other files; on a private
    profile a view of ours serves it, with URLs of these in it. Raises RequestRefused:
    "not_allowed", "unknown_variant", "not_deliverable".
    """
    profile = authorised(asset, actor)
    profile.recipe(name)
    require_verified(asset)
    terms = Terms(actor=actor, ttl=ttl, download=download, filename=filename)
    output = output_of(profile, asset, _named(asset, name))
    return issue(profile, output or original_of(asset), terms)


def _named(asset: Asset, name: str) -> Variant | None:
    return next((each for each in variants_of(asset) if each.name == name), None)
