"""Holding the ledger against what the storages really keep, both ways.

``compare`` walks along the two, ``course`` remembers how far and what was seen, ``settle`` does
something about what was seen more than once, ``verify`` is the whole of it.
"""

from rindle_django.operations.verify.findings import FINDINGS, Rules
from rindle_django.operations.verify.report import VerifyReport
from rindle_django.operations.verify.verify import verify_storage

__all__ = ["FINDINGS", "Rules", "VerifyReport", "verify_storage"]
