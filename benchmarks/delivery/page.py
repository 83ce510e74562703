"""The page: its rows, and its HTML by the template tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connection
from django.db.models import Model
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from benchmarks.gallery.media import WIDTHS, Wall
from benchmarks.gallery.models import Painter, Picture
from rindle_django import attach, for_page, variant_url
from rindle_django.models import Variant
from tests.stock import stock

M = TypeVar("M", bound=Model)

OBJECTS = 100
NAMES = tuple(Wall.variants)
HTML = Template(
    "{% load rindle %}{% for each in owners %}{% picture each.photo alt='' %}{% endfor %}"
)


def hang() -> None:
    """A hundred pictures and a hundred painters, with a photo each; no bytes."""
    assets = stock(2 * OBJECTS, profile=Wall.name, names=NAMES)
    for width in WIDTHS:
        sizes = {"width": width, "height": width * 3 // 4}
        Variant.objects.filter(name=f"w{width}").update(**sizes)
    for number, asset in enumerate(assets):
        title = f"number {number}"
        owner: Model = (
            Picture._default_manager.create(title=title)
            if number < OBJECTS
            else Painter._default_manager.create(name=title)
        )
        attach(owner, "photo", asset)


def of_pictures() -> Sequence[Picture]:
    return for_page(Picture._default_manager.order_by("pk"), "photo")


def of_two_kinds() -> Sequence[Picture | Painter]:
    """Half of the one kind, half of the other, in two lists as they come from the database."""
    kinds: tuple[type[Picture | Painter], ...] = (Picture, Painter)
    rows = [row for kind in kinds for row in kind._default_manager.order_by("pk")[: OBJECTS // 2]]
    return for_page(rows, "photo")


def html(owners: Sequence[Picture | Painter]) -> str:
    drawn: str = HTML.render(Context({"owners": owners}))
    assert drawn.count("<picture>") == OBJECTS, drawn[:500]
    assert drawn.count("X-Amz-Signature") >= OBJECTS * len(NAMES), drawn[:500]
    return drawn


def urls(owners: Sequence[Picture | Painter]) -> list[str]:
    """The five of each, as a page of one's own asks for them."""
    return [
        variant_url(owner.photo.asset, name) for owner in owners if owner.photo for name in NAMES
    ]


def queries_of(fetch: Callable[[], Sequence[Picture | Painter]], own: int) -> int:
    """How many queries the page costs beyond ``own``, which get the owners themselves."""
    with CaptureQueriesContext(connection) as captured:
        html(fetch())
    return len(captured) - own
