"""The outside world of bytes: one adapter for each storage alias, and what it can promise.

Knows nothing of assets or rows; keys come from the ledger.
"""

from rindle_django.storage.base import (
    EXAMINED,
    Adapter,
    Capabilities,
    Deletion,
    ObjectStat,
    Remark,
    SignedRequest,
    SignedURL,
    outside_transactions,
    refuse_inside_transaction,
)
from rindle_django.storage.disposition import content_disposition
from rindle_django.storage.listing import PREFIXES, Listed
from rindle_django.storage.registry import adapter_for, register_adapter

__all__ = [
    "EXAMINED",
    "PREFIXES",
    "Adapter",
    "Capabilities",
    "Deletion",
    "Listed",
    "ObjectStat",
    "Remark",
    "SignedRequest",
    "SignedURL",
    "adapter_for",
    "content_disposition",
    "outside_transactions",
    "refuse_inside_transaction",
    "register_adapter",
]
