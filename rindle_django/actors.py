"""Actors: how the one who asks is written down on a row."""

from __future__ import annotations

from typing import Any


def actor_id(actor: Any) -> str:
    """``app.model:pk`` of a model instance, a string as it is, empty for nobody.

    An ``AnonymousUser`` is nobody.
    """
    if actor is None or getattr(actor, "is_anonymous", False):
        return ""
    if isinstance(actor, str):
        return actor
    return f"{actor._meta.label_lower}:{actor.pk}"
