"""Fixtures of the tests about live progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from rindle_django.models import Asset
from tests.live.server import Page, page_of, served
from tests.rows import asset_in


@pytest.fixture
def port(transactional_db: None, media_folder: Path) -> Iterator[int]:
    media_folder.mkdir(exist_ok=True)
    with served() as port:
        yield port


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def page(port: int, alice: User) -> Page:
    return page_of(alice, port)


@pytest.fixture
def page_of_bob(port: int) -> Page:
    return page_of(User.objects.create_user("bob"), port)


@pytest.fixture
def asset(alice: User) -> Asset:
    """Alice's, on its way: no job of it will ever run."""
    return asset_in("transcoding", actor=f"auth.user:{alice.pk}", filename="clip.mp4", kind="video")
