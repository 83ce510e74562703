"""Speaking to the upload views as a browser does."""

from __future__ import annotations

from typing import Any

from django.test import Client

from tests.kit import JPEG

FILE = {
    "profile": "photo",
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "byte_size": len(JPEG),
}


def post(client: Client, step: str, body: Any) -> Any:
    return client.post(f"/rindle/uploads/{step}", body, content_type="application/json")


def error(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message"}
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.json()["error"]["code"]


def put(client: Client, upload: dict[str, Any], body: bytes = JPEG, **changes: Any) -> Any:
    return client.put(
        upload["url"], body, content_type=upload["headers"]["Content-Type"], **changes
    )
