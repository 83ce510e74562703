"""Those who use the project: they upload, begin uploads that they never end, and look.

``python -m tests.drill.people upload drill-photo`` prints what came of it as JSON.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen


def picture(width: int = 320, height: int = 240) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def upload(profile: str) -> str:
    import rindle_django

    file = io.BytesIO(picture())
    return str(rindle_django.upload(profile, file, filename="photo.jpg").pk)


def begin(count: str) -> list[str]:
    """Uploads that are left lying."""
    from rindle_django import initiate_upload, sign_upload
    from tests.drill.declared import PHOTO

    begun = []
    for number in range(int(count)):
        ticket = initiate_upload(
            PHOTO, filename=f"{number}.jpg", content_type="image/jpeg", byte_size=1000
        )
        sign_upload(ticket.ticket)
        begun.append(str(ticket.asset_id))
    return begun


def look(asset_id: str) -> dict[str, Any]:
    """The asset's state, and whether each variant is served, as an image and not the original."""
    from rindle_django.models import Asset

    asset = Asset.objects.filter(pk=asset_id).first()
    if asset is None:
        return {"state": "gone", "served": {}}
    served = {each.name: _served(asset, each.name) for each in asset.variants.order_by("name")}
    return {"state": asset.state, "served": served if asset.state == "ready" else {}}


def _served(asset: Any, variant: str) -> bool:
    """By the URL that a page would have of it."""
    from django.test import Client

    from rindle_django import variant_url

    row = asset.variants.get(name=variant)
    if row.state != "ready":
        return False
    url = variant_url(asset, variant)
    if url.startswith("http"):
        with urlopen(url, timeout=10) as answer:
            body = answer.read()
    else:
        response: Any = Client(SERVER_NAME="localhost").get(url)
        body = b"".join(response.streaming_content) if response.streaming else response.content
    return bool(len(body) == row.byte_size and body != picture())


def keys(asset_id: str) -> dict[str, str]:
    """Where its original and its variants are, within their storage."""
    from rindle_django.models import Asset

    asset = Asset.objects.select_related("original").get(pk=asset_id)
    found = {"original": asset.original.key} if asset.original else {}
    for each in asset.variants.select_related("object"):
        if each.object is not None:
            found[each.name] = each.object.key
    return found


ACTS: dict[str, Callable[..., Any]] = {
    "upload": upload,
    "begin": begin,
    "look": look,
    "keys": keys,
}


def main() -> None:
    import django

    django.setup()
    print(json.dumps(ACTS[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
