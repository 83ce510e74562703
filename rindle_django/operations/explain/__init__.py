"""The story of one asset in plain words: what happened, what is going on, what to do next."""

from rindle_django.operations.explain.story import Line, Story, explain

__all__ = ["Line", "Story", "explain"]
