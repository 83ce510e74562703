"""A little of everything that happens in a site's life, with names and people of its own."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from rindle_django import (
    abort_upload,
    attach,
    cancel_processing,
    claims,
    detach,
    discard,
    upload,
    url,
    variant_url,
)
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.processing import requeue_variants
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.jobs.queue import grace_passes
from tests.kit import arrive, fresh, named, picture, promise, run_out, settle
from tests.storms import Sky


def live_wide(sky: Sky) -> list[str]:
    """Every road that an asset can take; returns what must never become a label."""
    name = f"{uuid.uuid4().hex[:12]}.jpg"
    person = User.objects.create(username=name)
    browsed = _by_browser(person, name)
    served = _through_the_server(name)
    _refused(person)
    _quarantined(name)
    _during_outages(sky)
    _after_deaths()
    abort_upload(promise().ticket)
    run_out(promise())
    abort_incomplete_uploads()
    _given_up(sky, served)
    drain_jobs(early=True)
    cleanup_orphans(dry_run=False)
    _schedule()
    return [name, str(person.pk) + person.username, *map(str, (browsed, served.pk))]


def _by_browser(person: User, name: str) -> str:
    client, content = Client(), picture(64, 48)
    client.force_login(person)
    declared = {"profile": "photo", "filename": name, "content_type": "image/jpeg"}

    def post(path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/rindle/uploads/{path}", body, content_type="application/json")

    begun = post("", {**declared, "byte_size": len(content)}).json()
    post("sign/", {"ticket": begun["ticket"]})
    client.put(begun["upload"]["url"], content, content_type="image/jpeg")
    post("verify/", {"ticket": begun["ticket"]})
    drain_jobs()
    progress = client.get(f"/rindle/assets/{begun['asset_id']}/").json()
    for headers in ({}, {"Range": "bytes=0-9"}):
        response = client.get(progress["asset"]["variants"]["thumb"]["url"], headers=headers)
        b"".join(response.streaming_content)  # type: ignore[attr-defined]
    other = post("", {**declared, "byte_size": len(content)}).json()
    post("abort/", {"ticket": other["ticket"]})
    return str(begun["asset_id"])


def _through_the_server(name: str) -> Asset:
    asset = upload("photo", named(picture(64, 48), name))
    public = upload("open", named(picture(64, 48), name))
    drain_jobs()
    url(fresh(asset))
    variant_url(fresh(public), "thumb")
    return fresh(asset)


def _refused(person: User) -> None:
    client = Client()
    client.force_login(person)
    kind = "application/json"
    client.post("/rindle/uploads/", {"profile": uuid.uuid4().hex}, content_type=kind)
    client.post("/rindle/uploads/verify/", {"ticket": uuid.uuid4().hex}, content_type=kind)
    client.get(f"/rindle/assets/{uuid.uuid4()}/")
    client.get(f"/rindle/media/{uuid.uuid4().hex}/")
    client.get(f"/rindle/manifest/{uuid.uuid4().hex}/")


def _quarantined(name: str) -> None:
    arrive(b"GIF89a of a kind, " + name.encode())
    drain_jobs()
    asset = upload("photo", named(picture(64, 48), name))
    drain_jobs()
    with locked(asset.pk) as current:  # for a reason of the project's own
        transition(current, "quarantined", reason_code=f"reported by {name}")


def _during_outages(sky: Sky) -> None:
    asset = arrive(picture(64, 48))
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(early=True)
    sky.clear_up()
    requeue_variants(asset.pk)
    drain_jobs(early=True)
    later = arrive(picture(64, 48))
    sky.break_down("copy")
    drain_jobs(early=True, limit=1)
    sky.clear_up()
    drain_jobs(queues=["rindle_promote"], early=True)
    cancel_processing(later.pk)
    arrive(picture(64, 48))
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(early=True)  # in vain
    sky.clear_up()


def _after_deaths() -> None:
    """A worker died over a promotion, and one over a variant."""
    asset = arrive(picture(64, 48))
    with locked(asset.pk) as current:
        claims.take(current, "analyzing")
    Asset.objects.filter(pk=asset.pk).update(lease_until=Now() - timedelta(seconds=1))
    drain_jobs(queues=["rindle_promote"], early=True)
    with locked(asset.pk) as current:
        variant = current.variants.get(name="thumb")
        claims.take(variant, "processing")
    type(variant).objects.filter(pk=variant.pk).update(lease_until=Now() - timedelta(seconds=1))
    drain_jobs(early=True)


def _given_up(sky: Sky, asset: Asset) -> None:
    article = Article.objects.create()
    attach(article, "cover", asset)
    sky.break_down("delete")
    detach(article, "cover")
    drain_jobs(early=True)
    sky.clear_up()
    alone = upload("photo", named(picture(64, 48), "b.jpg"))
    drain_jobs(early=True)
    discard(alone.pk)
    for each in (asset, alone):
        settle(each.pk)
    drain_jobs(early=True)


def _schedule() -> None:
    """What a worker's schedule does: the maintenance tasks, and the traces of it in the queue."""
    from rindle_django import jobs

    grace_passes(0)
    for job in (jobs.RECONCILE, jobs.ABORT, jobs.CLEANUP):
        jobs.enqueue(job)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_periodic_defers"
                " (task_name, periodic_id, defer_timestamp)"
                " VALUES (%s, 'rindle', extract(epoch FROM now())::bigint) ON CONFLICT DO NOTHING",
                [job.name],
            )
    drain_jobs(early=True)
