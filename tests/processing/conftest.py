"""What the tests of processing share."""

from tests.storms import sky

__all__ = ["sky"]
