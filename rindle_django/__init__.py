"""Durable media for Django: uploads that survive, every step a row and a job in one transaction.

The public verbs are importable from here and load what they need when first used, so that the
package can be imported before Django's apps are ready.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from rindle_django.attachments import (
        MediaSlot as MediaSlot,
        MediaSlots as MediaSlots,
        attach as attach,
        attached as attached,
        attachments_of as attachments_of,
        detach as detach,
        for_page as for_page,
    )
    from rindle_django.delivery import (
        Playback as Playback,
        streaming_url as streaming_url,
        url as url,
        variant_url as variant_url,
    )
    from rindle_django.lifecycle import caused_by as caused_by
    from rindle_django.operations.doctor import diagnose as diagnose
    from rindle_django.operations.erasure import (
        erase_owner as erase_owner,
        erase_owners as erase_owners,
        preview_erasure as preview_erasure,
    )
    from rindle_django.operations.explain import explain as explain
    from rindle_django.operations.gauges import observe as observe
    from rindle_django.operations.repair import (
        reprobe as reprobe,
        unquarantine as unquarantine,
    )
    from rindle_django.operations.status import runtime_status as runtime_status
    from rindle_django.processing import (
        cancel_processing as cancel_processing,
        requeue_variants as requeue_variants,
    )
    from rindle_django.profiles import (
        AudioRecipe as AudioRecipe,
        Delivery as Delivery,
        HLSRecipe as HLSRecipe,
        ImageRecipe as ImageRecipe,
        PosterRecipe as PosterRecipe,
        PreviewRecipe as PreviewRecipe,
        Profile as Profile,
        Recipe as Recipe,
        StoryboardRecipe as StoryboardRecipe,
        VideoRecipe as VideoRecipe,
        WaveformRecipe as WaveformRecipe,
        preset as preset,
    )
    from rindle_django.purge import discard as discard
    from rindle_django.uploads import (
        UploadTicket as UploadTicket,
        abort_upload as abort_upload,
        initiate_upload as initiate_upload,
        sign_upload as sign_upload,
        upload as upload,
        verify_upload as verify_upload,
    )
    from rindle_django.views.actors import actor_of as actor_of

_ROOMS = {
    "attachments": "MediaSlot MediaSlots attach attached attachments_of detach for_page",
    "delivery": "Playback streaming_url url variant_url",
    "lifecycle": "caused_by",
    "operations.doctor": "diagnose",
    "operations.erasure": "erase_owner erase_owners preview_erasure",
    "operations.explain": "explain",
    "operations.repair": "reprobe unquarantine",
    "operations.status": "runtime_status",
    "processing": "cancel_processing requeue_variants",
    "profiles": (
        "AudioRecipe Delivery HLSRecipe ImageRecipe PosterRecipe PreviewRecipe Profile Recipe "
        "StoryboardRecipe VideoRecipe WaveformRecipe preset"
    ),
    "operations.gauges": "observe",
    "purge": "discard",
    "views.actors": "actor_of",
    "uploads": "UploadTicket abort_upload initiate_upload sign_upload upload verify_upload",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}
# As in Django, each verb that waits for the database or the storage has an ``a``-form.
_ASYNC = {
    f"a{name}": name
    for name in [
        "abort_upload",
        "attach",
        "attached",
        "cancel_processing",
        "detach",
        "diagnose",
        "discard",
        "erase_owner",
        "erase_owners",
        "explain",
        "initiate_upload",
        "preview_erasure",
        "reprobe",
        "requeue_variants",
        "runtime_status",
        "sign_upload",
        "streaming_url",
        "unquarantine",
        "upload",
        "url",
        "variant_url",
        "verify_upload",
    ]
}

__all__ = ["__version__", *sorted(_HOME), *sorted(_ASYNC)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _ASYNC:
        from asgiref.sync import sync_to_async

        return sync_to_async(__getattr__(_ASYNC[name]))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
