"""Assets with outputs of all sorts, and pages that are read as a browser reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.template import engines

from rindle_django import (
    AudioRecipe,
    HLSRecipe,
    ImageRecipe,
    PosterRecipe,
    Profile,
    StoryboardRecipe,
    VideoRecipe,
)
from rindle_django.models import Asset, Variant
from tests.stock import stock

LANDSCAPE = {"width": 1600, "height": 1200}


class Shop(Profile, abstract=True):
    """Of each format, in several widths."""

    name = "shop"
    variants = {
        f"{form}_{width}": ImageRecipe(width=width, format=form)
        for form in ("avif", "webp", "jpeg")
        for width in (400, 800, 1600)
    } | {"square": ImageRecipe(mode="fill", width=200, height=200)}


class Film(Profile, abstract=True):
    name = "film"
    content_types = ("video/mp4", "video/quicktime", "audio/mpeg")
    variants = {
        "small": VideoRecipe(resolution=480),
        "large": VideoRecipe(resolution=1080),
        "modern": VideoRecipe(resolution=1080, codec="av1"),
        "open": VideoRecipe(resolution=1080, codec="vp9"),
        "stream": HLSRecipe(),
        "poster": PosterRecipe(),
        "board": StoryboardRecipe(),
        "opus": AudioRecipe(format="opus"),
        "mp3": AudioRecipe(format="mp3"),
    }


OUTPUTS: dict[str, dict[str, Any]] = {
    f"{form}_{width}": {
        "content_type": f"image/{form}",
        "width": width,
        "height": width * 3 // 4,
    }
    for form in ("avif", "webp", "jpeg")
    for width in (400, 800, 1600)
} | {
    "square": {"content_type": "image/jpeg", "width": 200, "height": 200},
    "small": {
        "content_type": "video/mp4",
        "width": 854,
        "height": 480,
        "codecs": "avc1.64001f,mp4a.40.2",
    },
    "large": {
        "content_type": "video/mp4",
        "width": 1920,
        "height": 1080,
        "codecs": "avc1.640028,mp4a.40.2",
    },
    "modern": {
        "content_type": "video/webm",
        "width": 1920,
        "height": 1080,
        "codecs": "av01.0.08M.08,opus",
    },
    "open": {
        "content_type": "video/webm",
        "width": 1920,
        "height": 1080,
        "codecs": "vp09.00.40.08,opus",
    },
    "stream": {"content_type": "application/vnd.apple.mpegurl"},
    "poster": {"content_type": "image/jpeg", "width": 1280, "height": 720},
    "board": {"content_type": "text/vtt"},
    "opus": {"content_type": "audio/ogg", "codecs": "opus"},
    "mp3": {"content_type": "audio/mpeg"},
}


def exhibit(
    *names: str, profile: type[Profile] = Shop, count: int = 1, **fields: Any
) -> list[Asset]:
    """Assets of ``profile`` with these outputs ready, and nothing but rows."""
    assets = stock(count, profile=profile.name, names=names)
    if profile is Film:
        fields = {"kind": "video", "content_type": "video/mp4"} | fields
    Asset.objects.filter(pk__in=[each.pk for each in assets]).update(**LANDSCAPE | fields)
    for name in names:
        output = dict(OUTPUTS[name])
        codecs = output.pop("codecs", "")
        Variant.objects.filter(asset__in=assets, name=name).update(
            kind=profile.variants[name].kind,
            details={"codecs": codecs} if codecs else {},
            **output,
        )
    return list(Asset.objects.filter(pk__in=[each.pk for each in assets]).order_by("pk"))


# --- pages -------------------------------------------------------------------------------------

Attributes = dict[str, str | None]


@dataclass
class Element:
    tag: str
    attributes: Attributes
    children: list[Element] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        value = self.attributes[name]
        return "" if value is None else value

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.children if each.tag == tag]


class _Reader(HTMLParser):
    VOID = ("img", "source", "track")

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("page", {})
        self.open = [self.root]
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in {attrs}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data.strip())


def read(page: str) -> Element:
    """The page's only element."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root]
    (element,) = reader.root.children
    return element


def comments(page: str) -> list[str]:
    reader = _Reader()
    reader.feed(page)
    return reader.comments


def draw(template: str, **context: Any) -> str:
    """What Django makes of a template that has loaded our tags."""
    page = engines["django"].from_string("{% load rindle %}" + template)
    return str(page.render(context, context.pop("request", None)))


def shown(template: str, **context: Any) -> Element:
    return read(draw(template, **context))
