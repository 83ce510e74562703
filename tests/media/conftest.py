"""Fixtures of the media room: every test of rendering runs on both decoder libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from rindle_django.media import sandbox
from rindle_django.media.images import Limits, Rendered, render_image
from rindle_django.profiles.recipes import ImageRecipe

Render = Callable[..., tuple[ImageFile.ImageFile, Rendered]]


@pytest.fixture(params=["vips", "pillow"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def render(backend: str, tmp_path: Path) -> Render:
    """Render and open the result, checked to be what the outcome says it is."""
    numbers = iter(range(1000))

    def _render(
        source: Path, mime: str = "image/jpeg", limits: Limits | None = None, **recipe: object
    ) -> tuple[ImageFile.ImageFile, Rendered]:
        target = tmp_path / f"output-{next(numbers)}"
        wanted = ImageRecipe(**recipe)  # type: ignore[arg-type]
        rendered = render_image(source, mime, wanted, target, limits, backend=backend)
        image = Image.open(target)
        assert image.size == (rendered.width, rendered.height)
        assert Image.MIME[image.format or ""] == rendered.content_type
        assert target.stat().st_size == rendered.byte_size
        image.load()
        return image, rendered

    return _render


@pytest.fixture
def cold() -> Iterator[None]:
    """No decoder is running when the test begins, and none it started stays."""
    sandbox.close_all()
    yield
    sandbox.close_all()
