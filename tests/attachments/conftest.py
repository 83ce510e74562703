"""What the tests of attachments share."""

from __future__ import annotations

import pytest

from tests.app.models import Article
from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture
def article() -> Article:
    return Article.objects.create(title="Herons")


@pytest.fixture
def other() -> Article:
    return Article.objects.create(title="Kestrels")
