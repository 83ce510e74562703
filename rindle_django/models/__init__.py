"""The rows: assets, variants, sessions, attachments, the ledger of objects, history, and scans."""

from rindle_django.models.asset import PROMOTE_TRIES, Asset
from rindle_django.models.attachment import Attachment
from rindle_django.models.audit import Erasure, Repair
from rindle_django.models.base import Claimable, Key, Row, Stateful
from rindle_django.models.batch import BATCH_MODELS, Batch
from rindle_django.models.checkpoint import Checkpoint
from rindle_django.models.constant import execute, insert, read
from rindle_django.models.history import Transition
from rindle_django.models.object import StoredObject
from rindle_django.models.proxies import FailedVariant, Overview
from rindle_django.models.scan import Sighting, StorageScan
from rindle_django.models.session import UploadSession
from rindle_django.models.variant import PROCESS_TRIES, ProcessingRun, Variant

__all__ = [
    "BATCH_MODELS",
    "PROCESS_TRIES",
    "PROMOTE_TRIES",
    "Asset",
    "Attachment",
    "Batch",
    "Checkpoint",
    "Claimable",
    "Erasure",
    "FailedVariant",
    "Key",
    "Overview",
    "ProcessingRun",
    "Repair",
    "Row",
    "Sighting",
    "Stateful",
    "StorageScan",
    "StoredObject",
    "Transition",
    "UploadSession",
    "Variant",
    "execute",
    "insert",
    "read",
]
