"""Every test ends with what is always true, asked of rows and storage."""

from __future__ import annotations

from tests.storms import sky

__all__ = ["sky"]
