"""The run's own app: it brings the weather, and takes down every event that is told."""

from __future__ import annotations

from django.apps import AppConfig

# Here no death is ever the fault of the file that was worked on, however many there are in a row.
TRIES = 50


class ChaosConfig(AppConfig):
    name = "tests.durability.chaos"
    label = "chaos"

    def ready(self) -> None:
        from rindle_django import events
        from rindle_django.processing import plan
        from rindle_django.storage import register_adapter
        from rindle_django.uploads import initiate
        from tests.durability.chaos import journal, weather

        here = weather.__name__
        register_adapter(f"{here}.WeatheredStorage", f"{here}.WeatheredAdapter")
        events.subscribe(journal.take_down)
        for module, tries in ((initiate, "PROMOTE_TRIES"), (plan, "PROCESS_TRIES")):
            assert hasattr(module, tries)
            setattr(module, tries, TRIES)
