"""The ledger of objects: a key is written down before its first byte, and struck off only when
the storage has confirmed its absence. Nothing is stored or deleted except through here.

An output of several files has a main object, and its parts: what is done to the main one of them
is done to all.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now

from rindle_django.conf import config, database
from rindle_django.models import Asset, Key, StoredObject, execute, insert, read
from rindle_django.moves import Along, Condition, as_array
from rindle_django.storage import PREFIXES


def expect(asset: Asset, purpose: str, *, settles_in: float, **about: Any) -> StoredObject:
    """``expect_all`` of one key, with what ``fresh`` takes."""
    [stored] = expect_all([fresh(asset, purpose, **about)], settles_in=settles_in)
    return stored


def expect_all(objects: Sequence[StoredObject], *, settles_in: float) -> list[StoredObject]:
    """Write down fresh keys. They have to be committed before anybody can write the objects.

    ``settles_in`` is the time in seconds after which no writer can be writing them any more; a
    worker that still does says so by ``still_writing``.
    """
    settles_at = ("statement_timestamp() + make_interval(secs => %s)", (settles_in,))
    # What a client sends is looked after by its session, what a worker makes by this.
    watched = [stored for stored in objects if stored.purpose != "staging"]
    insert(watched, settles_at=settles_at, wake_at=settles_at)
    insert([each for each in objects if each.purpose == "staging"], settles_at=settles_at)
    return list(objects)


def fresh(
    asset: Asset,
    purpose: str,
    *,
    extension: str = "",
    content_type: str = "",
    identity: uuid.UUID | None = None,
    part_of: StoredObject | None = None,
) -> StoredObject:
    """An object under a key that nobody has used, to be written down.

    Keys hold the asset's and the object's id and are never reused: who removes an object of its own
    can never remove another's (W1.8). ``identity`` is a fresh id for which its maker has a use
    already: the other files of an output call a ``part_of`` it by that name.
    """
    identity = identity or uuid.uuid4()
    return StoredObject(
        id=identity,
        asset=asset,
        purpose=purpose,
        part_of=part_of,
        storage=asset.storage,
        key=f"{PREFIXES[purpose]}/{str(asset.pk)[:2]}/{asset.pk}/{identity}{extension}",
        content_type=content_type,
    )


def still_writing(objects: Iterable[StoredObject], *, settles_in: float) -> int:
    """Put off the time after which nobody can be writing these, because their writer lives.

    Doomed ones too: a purge that deleted them now would be overtaken by the write (W1.4).
    """
    settles_at = Now() + timedelta(seconds=settles_in)
    rows = _with_parts(objects).filter(state__in=("expected", "doomed"))
    # Not sooner than it was: a former output may be kept for longer than its writer lives.
    later = Greatest(settles_at, F("settles_at"))
    return rows.update(settles_at=later, wake_at=later)


def confirm(stored: StoredObject, **found: Any) -> bool:
    """``confirm_all`` of one object; False if it was given up meanwhile."""
    return bool(confirm_all([Confirmed(stored, **found)]))


@dataclass(frozen=True)
class Confirmed:
    """An object that the storage has, by its own answer."""

    stored: StoredObject
    byte_size: int
    content_type: str = ""
    sha256: str = ""


_CONFIRM = """
WITH mine AS (
    SELECT id FROM rindle_storedobject
    WHERE id = ANY(%s::uuid[]) AND state = 'expected' ORDER BY id FOR UPDATE
)
UPDATE rindle_storedobject object
SET state = 'present', byte_size = found.byte_size, content_type = found.content_type,
    sha256 = found.sha256, settles_at = statement_timestamp(), wake_at = NULL,
    updated_at = statement_timestamp()
FROM mine JOIN unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[])
    AS found (id, byte_size, content_type, sha256) USING (id)
WHERE object.id = mine.id RETURNING object.id
"""


def confirm_all(found: Sequence[Confirmed]) -> set[Any]:
    """The storage has these objects, and nobody writes them any more; returns the ids of those that
    were not given up meanwhile."""
    keys = [each.stored.pk for each in found]
    columns = (
        [each.byte_size for each in found],
        [each.content_type for each in found],
        [each.sha256 for each in found],
    )
    moved = {pk for (pk,) in execute(_CONFIRM, (keys, keys, *columns))} if found else set()
    for each in found:
        if each.stored.pk in moved:
            each.stored.state = "present"
    return moved


def confirmation(
    stored: StoredObject, *, byte_size: int, content_type: str, writable_for: float
) -> Along:
    """``confirm`` as a part of a transition. ``writable_for`` is how many seconds longer somebody
    could write the key."""
    present = {
        "state": "present",
        "byte_size": byte_size,
        "content_type": content_type,
        "settles_at": Now() + timedelta(seconds=writable_for),
        "wake_at": None,
        "updated_at": Now(),
    }
    return Along(StoredObject, Condition("id = %s AND state = 'expected'", stored.pk), present)


def doom(objects: QuerySet[StoredObject] | Iterable[StoredObject], *, settled: bool = False) -> int:
    """Nobody needs these objects any more. Call it in the transaction that stops needing them.

    A queryset has to name the parts as well; with objects, their parts are meant, too.
    ``settled`` says that their writer is the caller and has stopped writing; it holds for those
    that somebody else has doomed meanwhile, too.
    """
    family = _with_parts(objects)
    rows = family.filter(state__in=("expected", "present"))
    settles_at = Now() if settled else F("settles_at")
    if settled:
        waiting = family.filter(state="doomed", settles_at__gt=Now())
        waiting.update(settles_at=Now(), wake_at=Now(), updated_at=Now())
    return rows.update(
        state="doomed",
        attempts=0,
        settles_at=settles_at,
        wake_at=Greatest(settles_at, Now()),
        updated_at=Now(),
    )


_DOOM_SUPERSEDED = """
UPDATE rindle_storedobject
SET state = 'doomed', attempts = 0, wake_at = greatest(settles_at, statement_timestamp()),
    updated_at = statement_timestamp()
WHERE asset_id = %s::uuid AND id <> %s::uuid AND purpose <> 'variant'
    AND state IN ('expected', 'present')
"""


def doom_superseded(asset: Asset, *, by: StoredObject) -> None:
    """``doom`` what an asset was to be promoted from, once that is frozen as ``by``."""
    execute(_DOOM_SUPERSEDED, (asset.pk, by.pk))


# The ``retired`` ones among them are doomed already and lose what was left of their time.
_DOOM_OF_ASSETS = """
UPDATE rindle_storedobject
SET state = 'doomed',
    attempts = CASE WHEN state = 'doomed' THEN attempts ELSE 0 END,
    settles_at = CASE WHEN {output} THEN least(settles_at, statement_timestamp())
        ELSE settles_at END,
    wake_at = CASE WHEN {output} THEN statement_timestamp()
        ELSE greatest(settles_at, statement_timestamp()) END,
    updated_at = statement_timestamp()
WHERE asset_id = ANY(%s::uuid[]) AND (
    state IN ('expected', 'present')
    OR state = 'doomed' AND {output} AND settles_at > statement_timestamp()
)
""".format(output="(purpose = 'variant' AND byte_size IS NOT NULL)")


def doom_all_of(asset_ids: Collection[Key]) -> None:
    """``doom`` what there is of many assets, in one statement; what is ``retired``, at once."""
    with connections[database()].cursor() as cursor:
        cursor.execute(_DOOM_OF_ASSETS, [as_array(asset_ids)])


# By the columns of an object, in SQL.
_DELETABLE = (
    "(settles_at IS NULL OR settles_at <= statement_timestamp())"
    " AND (state = 'doomed' OR state = 'gone' AND wake_at IS NOT NULL)"
)
_LEFT_OF_ASSETS = f"""
SELECT asset_id, count(*) FILTER (WHERE state = 'doomed'), bool_or({_DELETABLE})
FROM (SELECT * FROM rindle_storedobject WHERE asset_id = ANY(%s::uuid[]) OFFSET 0) object
GROUP BY asset_id HAVING count(*) FILTER (WHERE state <> 'gone') > 0
"""  # noqa: S608  (of a constant)


def waiting_of(asset_ids: Collection[Key]) -> dict[UUID, int]:
    """Of many assets those that something is left of, but nothing that is ``deletable`` by now,
    with the number of their doomed objects."""
    with connections[database()].cursor() as cursor:
        cursor.execute(_LEFT_OF_ASSETS, [as_array(asset_ids)])
        found = cursor.fetchall()
    return {asset_id: doomed for asset_id, doomed, deletable in found if not deletable}


def retire(outputs: Collection[Key], *, keep_for: float) -> int:
    """``doom`` outputs that are served no more, but under URLs that were issued before: they stay
    for ``keep_for`` seconds, unless their asset is deleted first."""
    until = Now() + timedelta(seconds=keep_for)
    return (
        _family(outputs)
        .filter(state="present")
        .update(state="doomed", attempts=0, settles_at=until, wake_at=until, updated_at=Now())
    )


def retired() -> Q:
    """Which objects are kept for URLs that were issued before. Their writers are long done."""
    return Q(state="doomed", purpose="variant", byte_size__isnull=False, settles_at__gt=Now())


def adopt(storage: str, key: str, *, asset_id: Key, purpose: str) -> bool:
    """Write down an object that was found without a row, and doom it; False if it has one by now.

    The two are one: whoever would write the key down at this moment either was first, or finds it
    taken.
    """
    found = StoredObject(asset_id=asset_id, purpose=purpose, storage=storage, key=key)
    with transaction.atomic(using=database()):
        StoredObject.objects.bulk_create([found], ignore_conflicts=True)
        return bool(doom([found], settled=True))


def of_asset(asset_id: Key) -> QuerySet[StoredObject]:
    return StoredObject.objects.filter(asset_id=asset_id)


def original_of(asset: Asset) -> StoredObject:
    """The frozen bytes of an asset that was promoted."""
    rows = "rindle_storedobject stored WHERE stored.id = %s::uuid"
    [[original]] = read({"stored": StoredObject}, rows, [asset.original_id])
    return cast("StoredObject", original)


_DELETABLE_OF = f"rindle_storedobject stored WHERE stored.asset_id = %s::uuid AND {_DELETABLE}"


def deletable(asset_id: Key) -> list[StoredObject]:
    """Doomed objects that no writer can be writing any more, and gone ones that are to be deleted
    once more."""
    return [stored for (stored,) in read({"stored": StoredObject}, _DELETABLE_OF, [asset_id])]


def claim_along(
    own: Sequence[StoredObject], *, limit: int, put_off: float
) -> Sequence[StoredObject]:
    """Up to ``limit`` objects of other assets that are due to be deleted from the storage that
    ``own``, which are one asset's, are in, to go in the same call.

    All are put off by so many seconds, so that nobody else takes them along meanwhile. That is no
    promise to anybody: the purge of an asset does not heed it. What the storage has balked at
    before is left to that one, which counts its tries.
    """
    storage, asset_id = own[0].storage, own[0].asset_id
    due = StoredObject.objects.filter(Condition(_DELETABLE)).filter(
        storage=storage, attempts=0, wake_at__lte=Now()
    )
    rows = due.exclude(asset_id=asset_id).order_by("wake_at")
    with transaction.atomic(using=database()):
        hold(own)
        others = list(rows.select_for_update(skip_locked=True)[:limit])
        claimed = StoredObject.objects.filter(pk__in=[stored.pk for stored in (*own, *others)])
        claimed.filter(wake_at__lte=Now()).update(wake_at=Now() + timedelta(seconds=put_off))
    return others


def hold(objects: Iterable[StoredObject]) -> None:
    """Lock rows until the end of the transaction, in one order: two purges that were about the
    same objects must not wait for each other."""
    execute(_HOLD, ([stored.pk for stored in objects],))


_HOLD = "SELECT FROM rindle_storedobject WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"


def remaining(asset_id: Key) -> QuerySet[StoredObject]:
    """What the storage may still hold of an asset."""
    return of_asset(asset_id).exclude(state="gone")


def struck_off(objects: Iterable[StoredObject], *, confirmation: str) -> int:
    """The storage confirmed, in the way that is named, that these are absent. Their rows stay as
    receipts.

    They are deleted once more later: a writer that was given up for dead may have slept, and
    written when it woke. Returns how many are newly gone.
    """
    _deleted_once_more([stored for stored in objects if stored.state == "gone"])
    again, keys = config().DELETE_AGAIN_AFTER, [stored.pk for stored in objects]
    return len(execute(_STRIKE_OFF, (confirmation, again, again, keys)))


# Without a time for the second deletion the sum is null, and there is none.
_STRIKE_OFF = """
UPDATE rindle_storedobject
SET state = 'gone', gone_at = statement_timestamp(), confirmation = %s, reason_code = '',
    settles_at = statement_timestamp() + make_interval(secs => %s::float8),
    wake_at = statement_timestamp() + make_interval(secs => %s::float8),
    updated_at = statement_timestamp()
WHERE id = ANY(%s::uuid[]) AND state = 'doomed' RETURNING id
"""


def _deleted_once_more(objects: Sequence[StoredObject]) -> None:
    """These were gone when the deletion began. Not what another purge struck off meanwhile, and
    not what was ``suspected`` since, which has settled later than all that could be read."""
    if objects:
        newest = max(stored.settles_at for stored in objects if stored.settles_at is not None)
        rows = StoredObject.objects.filter(pk__in=[stored.pk for stored in objects], state="gone")
        rows.filter(settles_at__lte=newest).update(wake_at=None)


def suspected(stored: StoredObject) -> bool:
    """Somebody may have written an object that is held for gone: have it deleted once more."""
    rows = _family([stored.pk]).filter(state="gone")
    return bool(rows.update(settles_at=Now(), wake_at=Now(), updated_at=Now()))


def forget(stored: StoredObject) -> bool:
    """Drop the receipt of a trial that its only writer has ended, and whose absence is confirmed:
    there is nobody's data to account for, and no late writer to delete after."""
    return bool(StoredObject.objects.filter(pk=stored.pk, state="gone").delete()[0])


def kept(stored: StoredObject, *, reason_code: str, retry_in: float) -> None:
    """The storage did not confirm a deletion: the row stays and is tried again."""
    StoredObject.objects.filter(pk=stored.pk, state__in=("doomed", "gone")).update(
        attempts=stored.attempts + 1,
        reason_code=reason_code,
        wake_at=Now() + timedelta(seconds=retry_in),
        updated_at=Now(),
    )


def _with_parts(
    objects: QuerySet[StoredObject] | Iterable[StoredObject],
) -> QuerySet[StoredObject]:
    if isinstance(objects, QuerySet):
        return objects
    return _family([stored.pk for stored in objects])


def _family(outputs: Collection[Key]) -> QuerySet[StoredObject]:
    """Objects by their ids, with their parts."""
    return StoredObject.objects.filter(Q(pk__in=outputs) | Q(part_of__in=outputs))
