"""Which of an asset's variants a request is about."""

from __future__ import annotations

from collections.abc import Collection

from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Variant


def choose(
    asset: Asset, names: Collection[str] | None, states: Collection[str], *, refusal: str
) -> list[Variant]:
    """The variants of ``asset`` in one of ``states``, by name; ``names`` narrows to some.

    Raises RequestRefused: "unknown_variant" for a name that there is not, ``refusal`` for one that
    is in another state. Inside ``lifecycle.locked``.
    """
    by_name = {each.name: each for each in Variant.objects.filter(asset=asset)}
    for variant in by_name.values():
        variant.asset = asset
    if names is None:
        names = [name for name, variant in by_name.items() if variant.state in states]
    for name in names:
        if name not in by_name:
            raise RequestRefused("unknown_variant", profile=asset.profile, variant=name)
        if by_name[name].state not in states:
            raise RequestRefused(refusal, state=by_name[name].state)
    return [by_name[name] for name in sorted(set(names))]
