"""Has the library use the adapter of the distant storage."""

from __future__ import annotations

from django.apps import AppConfig

from rindle_django.storage import register_adapter


class ScalingConfig(AppConfig):
    name = "benchmarks.scaling"

    def ready(self) -> None:
        place = "benchmarks.scaling.distant"
        register_adapter(f"{place}.DistantStorage", f"{place}.DistantAdapter")
