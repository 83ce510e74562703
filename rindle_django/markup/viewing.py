"""An asset before somebody's eyes: one decision for all that a tag shows of it, and each URL issued
once, however often it is named (W5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from rindle_django.delivery.issue import (
    Source,
    Terms,
    authorised,
    issue,
    original_of,
    output_of,
    require_verified,
    variants_of,
)
from rindle_django.errors import RequestRefused
from rindle_django.markup.manners import complain
from rindle_django.models import Asset, Attachment
from rindle_django.profiles import Profile, profile_of_row
from rindle_django.views.actors import actor_of

ASK_THE_REQUEST = object()
"""For ``actor``: whoever the page is made for."""


class Viewing:
    """Raises RequestRefused("not_allowed", "not_deliverable") before anything is disclosed."""

    def __init__(self, asset: Asset, *, request: Any, actor: Any, ttl: int | None) -> None:
        self.asset = asset
        if actor is ASK_THE_REQUEST:
            actor = _viewer(profile_of_row(asset.profile), request)
        self.profile = authorised(asset, actor)
        require_verified(asset)
        self._terms = Terms(actor=actor, ttl=ttl)
        self._issued: dict[UUID, str] = {}

    @cached_property
    def outputs(self) -> Mapping[str, Source]:
        """What there is to show of the variants, by their names."""
        found = {
            variant.name: output_of(self.profile, self.asset, variant)
            for variant in variants_of(self.asset)
        }
        return {name: source for name, source in found.items() if source is not None}

    @property
    def original(self) -> Source | None:
        return original_of(self.asset) if self.asset.original is not None else None

    def named(self, names: Iterable[str], *, kinds: Iterable[str]) -> list[Source]:
        """The outputs of these names, or of all variants of ``kinds`` where none is named.

        Complains of names that the profile does not have.
        """
        wanted = [name for name in names if self._knows(name)]
        if wanted or names:
            return [self.outputs[name] for name in wanted if name in self.outputs]
        return self.of_kinds(*kinds)

    def of_kinds(self, *kinds: str) -> list[Source]:
        return [each for each in self.outputs.values() if _kind(each) in kinds]

    def url(self, source: Source) -> str:
        key = source.stored.pk
        if key not in self._issued:
            self._issued[key] = issue(self.profile, source, self._terms)
        return self._issued[key]

    def _knows(self, name: str) -> bool:
        try:
            self.profile.recipe(name)
        except (RequestRefused, TypeError):
            complain(f"The profile {self.profile.name!r} has no variant {name!r}.")
            return False
        return True


def asset_of(given: Any) -> Asset | None:
    """The asset itself, or what is attached; None for an empty slot or variable."""
    if isinstance(given, Attachment):
        return given.asset
    if isinstance(given, Asset):
        return given
    if given:
        complain(f"An asset or an attachment can be shown, not a {type(given).__name__}.")
    return None


def _viewer(profile: type[Profile], request: Any) -> Any:
    """Not asked for where nothing depends on it: pages that vary by session are not cached."""
    if request is None or (profile.delivery.public and profile.authorizer is None):
        return None
    return actor_of(request)


def _kind(source: Source) -> str:
    return source.variant.kind if source.variant is not None else ""
