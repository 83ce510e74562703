"""Lives are short here: one small variant each."""

from __future__ import annotations

import pytest

from rindle_django import ImageRecipe
from tests.app.media import Photo


@pytest.fixture(autouse=True)
def _one_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Photo, "variants", {"thumb": ImageRecipe(width=20, format="png")})
