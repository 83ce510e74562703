"""The admin: what machines own is read-only; what people may do goes through the public verbs."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import Model

from rindle_django.admin.asset import AssetAdmin
from rindle_django.admin.attachment import AttachmentAdmin
from rindle_django.admin.batch import BatchAdmin
from rindle_django.admin.history import ProcessingRunAdmin, TransitionAdmin
from rindle_django.admin.home import OverviewAdmin
from rindle_django.admin.ledger import SightingAdmin, StorageScanAdmin, StoredObjectAdmin
from rindle_django.admin.session import UploadSessionAdmin
from rindle_django.admin.variant import FailedVariant, FailedVariantAdmin, VariantAdmin
from rindle_django.models import (
    Asset,
    Attachment,
    Batch,
    Overview,
    ProcessingRun,
    Sighting,
    StorageScan,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)

PAGES: dict[type[Model], type[ModelAdmin]] = {
    Overview: OverviewAdmin,
    Asset: AssetAdmin,
    Attachment: AttachmentAdmin,
    Batch: BatchAdmin,
    FailedVariant: FailedVariantAdmin,
    ProcessingRun: ProcessingRunAdmin,
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


register_all(admin.site)
