"""Erasure: all that an owner has, seen before and taken away; what is shared stays."""

from rindle_django.operations.erasure.erase import erase_owner, erase_owners, preview_erasure
from rindle_django.operations.erasure.report import Bucket, ErasureReport, OwnerErasure

__all__ = [
    "Bucket",
    "ErasureReport",
    "OwnerErasure",
    "erase_owner",
    "erase_owners",
    "preview_erasure",
]
