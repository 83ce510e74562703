"""Actors: how the one who asks is written down on a row."""

from __future__ import annotations

from typing import Any

NOBODY = "anonymous"
MAX_SUBJECT = 150


def actor_subject(actor: Any) -> str:
    """How a link and telemetry name the one whom it was issued to: as on a row, or by its ``id``.

    An authorizer may be asked about any object, so any is named, be it by its class alone.
    """
    if actor is None or isinstance(actor, str) or hasattr(actor, "_meta"):
        name = actor_id(actor)
    else:
        kind, identity = type(actor).__name__, getattr(actor, "id", "")
        name = "" if getattr(actor, "is_anonymous", False) else f"{kind}:{identity}".rstrip(":")
    return name[:MAX_SUBJECT] or NOBODY


def actor_id(actor: Any) -> str:
    """``app.model:pk`` of a model instance, a string as it is, empty for nobody.

    An ``AnonymousUser`` is nobody.
    """
    if actor is None or getattr(actor, "is_anonymous", False):
        return ""
    if isinstance(actor, str):
        return actor
    return f"{actor._meta.label_lower}:{actor.pk}"
