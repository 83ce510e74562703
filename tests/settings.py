"""Settings of the test suite."""

from __future__ import annotations

SECRET_KEY = "not-secret"
USE_TZ = True
INSTALLED_APPS: list[str] = []
