"""Fixtures of the tests about uploads."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _mounted(media_folder: Path) -> None:
    """A folder that does not exist is a volume that is not mounted, not an empty storage."""
    media_folder.mkdir()


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def browser(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client
