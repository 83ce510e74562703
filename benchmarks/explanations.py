"""Why a target is missed, where it is: by the figure's key, a sentence or two for the reader."""

from __future__ import annotations

WHY_MISSED: dict[str, str] = {}
