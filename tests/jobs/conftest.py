"""What the tests of jobs share."""

from tests.storms import sky

__all__ = ["sky"]
