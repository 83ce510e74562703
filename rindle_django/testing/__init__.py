"""For projects that test their own media: run the queued jobs, record the events."""

from rindle_django.testing.drain import JobOutcome, drain_jobs
from rindle_django.testing.recorder import Recorder, recorded_events

__all__ = ["JobOutcome", "Recorder", "drain_jobs", "recorded_events"]
