"""The admin: what machines own is read-only; what people may do goes through the public verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.db.models import Model
from procrastinate.contrib.django.models import ProcrastinateJob

from rindle_django.admin.asset import AssetAdmin
from rindle_django.admin.attachment import AttachmentAdmin
from rindle_django.admin.audit import ErasureAdmin, RepairAdmin
from rindle_django.admin.batch import BatchAdmin
from rindle_django.admin.history import ProcessingRunAdmin, TransitionAdmin
from rindle_django.admin.home import OverviewAdmin
from rindle_django.admin.job import JobAdmin
from rindle_django.admin.ledger import SightingAdmin, StorageScanAdmin, StoredObjectAdmin
from rindle_django.admin.session import UploadSessionAdmin
from rindle_django.admin.variant import FailedVariant, FailedVariantAdmin, VariantAdmin
from rindle_django.conf import config
from rindle_django.models import (
    Asset,
    Attachment,
    Batch,
    Erasure,
    Overview,
    ProcessingRun,
    Repair,
    Sighting,
    StorageScan,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)

PAGES: dict[type[Model], type[Any]] = {
    Overview: OverviewAdmin,
    Asset: AssetAdmin,
    Attachment: AttachmentAdmin,
    Batch: BatchAdmin,
    Erasure: ErasureAdmin,
    FailedVariant: FailedVariantAdmin,
    ProcessingRun: ProcessingRunAdmin,
    Repair: RepairAdmin,
    Sighting: SightingAdmin,
    StorageScan: StorageScanAdmin,
    StoredObject: StoredObjectAdmin,
    Transition: TransitionAdmin,
    UploadSession: UploadSessionAdmin,
    Variant: VariantAdmin,
}


def register_all(site: AdminSite) -> None:
    """Register the media pages on ``site``; links on them stay on it."""
    for model, page in PAGES.items():
        site.register(model, page)


def guard_queue(site: AdminSite) -> None:
    """Replace Procrastinate's page of jobs, if ``site`` has it, by one that asks for permissions.

    It lets staff who may only view jobs retry, cancel and abort them, running ones too.
    """
    if site.is_registered(ProcrastinateJob):
        site.unregister(ProcrastinateJob)
        site.register(ProcrastinateJob, JobAdmin)


register_all(admin.site)
if config().GUARD_QUEUE_ADMIN:
    guard_queue(admin.site)
