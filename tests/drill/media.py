"""Found by its name, as ``admin.py`` is: what the project takes in, as its settings have it now."""

from __future__ import annotations

from django.conf import settings

from tests.drill.declared import declare

declare(**getattr(settings, "DRILL"))  # noqa: B009 (of the drill's settings alone)
