"""Attachments: an asset in a slot of any owner; attach, replace, detach, read."""

from rindle_django.attachments.changes import attach, detach, detach_owner
from rindle_django.attachments.read import attached, attachments_of, for_page
from rindle_django.attachments.slots import MediaSlot, MediaSlots

__all__ = [
    "MediaSlot",
    "MediaSlots",
    "attach",
    "attached",
    "attachments_of",
    "detach",
    "detach_owner",
    "for_page",
]
