"""The admin: what machines own is read-only; what people may do goes through the public verbs."""

from django.contrib import admin

from rindle_django.admin.asset import AssetAdmin
from rindle_django.admin.attachment import AttachmentAdmin
from rindle_django.admin.history import ProcessingRunAdmin, TransitionAdmin
from rindle_django.admin.ledger import StoredObjectAdmin
from rindle_django.admin.session import UploadSessionAdmin
from rindle_django.admin.variant import FailedVariant, FailedVariantAdmin, VariantAdmin
from rindle_django.models import (
    Asset,
    Attachment,
    ProcessingRun,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)

admin.site.register(Asset, AssetAdmin)
admin.site.register(Attachment, AttachmentAdmin)
admin.site.register(FailedVariant, FailedVariantAdmin)
admin.site.register(ProcessingRun, ProcessingRunAdmin)
admin.site.register(StoredObject, StoredObjectAdmin)
admin.site.register(Transition, TransitionAdmin)
admin.site.register(UploadSession, UploadSessionAdmin)
admin.site.register(Variant, VariantAdmin)
