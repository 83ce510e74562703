"""Recording what was emitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rindle_django.events import Event, Measurements, Metadata, subscribe, unsubscribe


@dataclass(eq=False)  # two recorders are two subscribers, even while both are empty
class Recorder:
    """The events that were emitted, in order, as (name, measurements, metadata)."""

    emitted: list[tuple[str, dict[str, int | float], dict[str, object]]] = field(
        default_factory=list
    )

    def __call__(self, event: Event, measurements: Measurements, metadata: Metadata) -> None:
        self.emitted.append((event.name, dict(measurements), dict(metadata)))

    def named(self, name: str) -> list[dict[str, object]]:
        """The metadata of each event of one name."""
        return [metadata for emitted, _, metadata in self.emitted if emitted == name]


@contextmanager
def recorded_events() -> Iterator[Recorder]:
    recorder = Recorder()
    subscribe(recorder)
    try:
        yield recorder
    finally:
        unsubscribe(recorder)
