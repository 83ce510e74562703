"""What the tests of delivery share."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from rindle_django.models import Asset
from tests.stock import filled, stock
from tests.storms import sky

__all__ = ["sky"]


class Reader(Client):
    """A client that reads what it is sent to the end, as browsers do; it is in ``body``."""

    def request(self, **request: Any) -> Any:
        response: Any = super().request(**request)
        streaming = getattr(response, "streaming_content", None)
        response.body = response.content if streaming is None else b"".join(streaming)
        return response


@pytest.fixture
def client() -> Client:
    return Reader()


@pytest.fixture
def asset() -> Asset:
    """Its bytes are no picture: delivery does not look at them."""
    return filled(stock(1))[0]
