"""Outputs that are served no more: kept while URLs of them may live, then purged."""

from __future__ import annotations

from collections.abc import Collection

from rindle_django import jobs, ledger
from rindle_django.conf import config
from rindle_django.models import Key, StoredObject
from rindle_django.profiles import Profile
from rindle_django.purge import enqueue_purges
from rindle_django.storage.window import longest_life

# Pages that hold lasting URLs are cached by others, for nobody knows how long.
PUBLIC_GRACE = 86_400.0


def retire(profile: type[Profile], objects: Collection[Key]) -> None:
    """Doom outputs of assets of ``profile``, to be deleted after its grace. Inside ``locked`` or
    ``locked_all``, in the transaction that stops serving them."""
    rows = StoredObject.objects.filter(pk__in=objects).order_by("asset_id")
    lengths = dict(rows.values_list("asset_id", "asset__duration_ms"))
    grace = grace_of(profile, max((each or 0 for each in lengths.values()), default=0))
    ledger.retire(objects, keep_for=grace)
    # Behind the purges that somebody waits for.
    enqueue_purges(list(lengths), profile.name, delay=grace, priority=jobs.BEHIND)


def grace_of(profile: type[Profile], duration_ms: int = 0) -> float:
    """Seconds for which a former output of ``profile`` is kept: whoever watches it may go on."""
    if (grace := config().SUPERSEDED_GRACE) is not None:
        return grace
    delivery = profile.delivery
    return PUBLIC_GRACE if delivery.public else longest_life(delivery.life(duration_ms=duration_ms))
