"""What a browser does for the gallery, over plain HTTP: cookies, CSRF, JSON, bytes."""

from __future__ import annotations

import json
import mimetypes
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

# By the kind of file; what is neither is sent as a photo, and refused as one.
PROFILES = {"video": "gallery-video", "audio": "gallery-sound"}
# Not every system knows these.
TYPES = {".avif": "image/avif", ".heic": "image/heic", ".m4a": "audio/mp4", ".webp": "image/webp"}


class Refused(RuntimeError):
    """The server said no; ``code`` is the library's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class Visitor:
    """One browser session. Every answer but success is raised as Refused."""

    site: str
    cookies: CookieJar = field(default_factory=CookieJar)

    def __post_init__(self) -> None:
        processor = urllib.request.HTTPCookieProcessor(self.cookies)
        # Loopback is never to be looked for behind a proxy.
        self.opener = urllib.request.build_opener(processor, urllib.request.ProxyHandler({}))

    def arrive(self) -> bytes:
        """Open the page, which hands out the token that later requests prove themselves by."""
        return self.fetch("/")

    def begin(self, photo: Path) -> dict[str, Any]:
        content, kind = photo.read_bytes(), content_type_of(photo)
        return self.post(
            "/rindle/uploads/",
            {
                "profile": PROFILES.get(kind.partition("/")[0], "gallery-photo"),
                "filename": photo.name,
                "content_type": kind,
                "byte_size": len(content),
                "sha256": sha256(content).hexdigest(),
            },
        )

    def put(self, upload: dict[str, Any], photo: Path) -> None:
        """The bytes, to wherever the signed URL leads."""
        self.send(upload["method"], upload["url"], photo.read_bytes(), upload["headers"])

    def verify(self, ticket: str) -> dict[str, Any]:
        return self.post("/rindle/uploads/verify/", {"ticket": ticket})["asset"]  # type: ignore[no-any-return]

    def keep(self, asset_id: str) -> None:
        self.post(f"/photos/{asset_id}/keep/")

    def remove(self, asset_id: str) -> None:
        self.post(f"/photos/{asset_id}/remove/")

    def progress(self, asset_id: str) -> dict[str, Any]:
        asset: dict[str, Any] = json.loads(self.fetch(f"/rindle/assets/{asset_id}/"))["asset"]
        return asset

    def fetch(self, url: str) -> bytes:
        return self.send("GET", url)[1]

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        token = next((each.value for each in self.cookies if each.name == "csrftoken"), "") or ""
        headers = {"X-CSRFToken": token, "Content-Type": "application/json"}
        _, answer = self.send("POST", path, json.dumps(body or {}).encode(), headers)
        return json.loads(answer) if answer else {}

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[str, bytes]:
        """The address that answered, after redirects, and its answer."""
        request = urllib.request.Request(
            urljoin(self.site, url), data=body, headers=headers or {}, method=method
        )
        try:
            with self.opener.open(request, timeout=60) as response:
                return response.url, response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read()) from None


def content_type_of(photo: Path) -> str:
    guessed, _ = mimetypes.guess_type(photo.name)
    return TYPES.get(photo.suffix.lower()) or guessed or "application/octet-stream"


def _refusal(status: int, body: bytes) -> Refused:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return Refused(status, "", f"The server answered {status}.")
    return Refused(status, error["code"], error["message"])
