"""No query that runs on a schedule or a request reads a whole table, by Postgres' own plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rindle_django import attachments_of, detach, ledger, requeue_variants, variant_url
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, UploadSession
from rindle_django.operations import gauges
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.erasure import erase_owner, preview_erasure
from rindle_django.operations.explain import explain as tell
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.repair import cancel, requeue
from rindle_django.operations.retention import count_old_history, prune_history
from rindle_django.purge import purge
from rindle_django.uploads.tickets import issue, redeem
from tests.app.models import Article

ROWS = 100_000
TABLES = (
    "rindle_asset",
    "rindle_variant",
    "rindle_uploadsession",
    "rindle_storedobject",
    "rindle_attachment",
    "rindle_transition",
    "rindle_processingrun",
)
# These hold only what is due, unsent or failed; reading one to its end is what they are for.
PARTIAL = (
    "rindle_asset_due",
    "rindle_variant_due",
    "rindle_object_due",
    "rindle_transition_unsent",
    "rindle_variant_failed",
    "rindle_object_kept",
    "rindle_object_part",
    "rindle_object_not_present",
    "rindle_run_not_succeeded",
    "rindle_variant_reason",
    "rindle_batch_due",
    "rindle_asset_unsettled",
    "rindle_variant_unsettled",
)
# A site that has run for a while: nearly all is at rest, a little of everything is due.
FILL = """
SET session_replication_role = replica;
INSERT INTO rindle_storedobject (id, state, purpose, storage, key, asset_id, reason_code, reason,
                                 sha256, confirmation, content_type, attempts, wake_at,
                                 settles_at, created_at)
SELECT md5('o' || i)::uuid, CASE WHEN i %% 500 = 0 THEN 'doomed' ELSE 'present' END,
       'original', 'default', 'originals/' || i, md5('a' || i)::uuid, '', '', '', '', 'image/jpeg',
       0,
       CASE WHEN i %% 1000 = 0 THEN now() - interval '1 hour' END, now() - interval '1 day',
       now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_asset (id, state, profile, storage, actor, kind, filename, content_type, sha256,
                          metadata, traceparent, reason_code, reason, fence, attempts,
                          max_attempts, original_id, wake_at, created_at)
SELECT md5('a' || i)::uuid,
       CASE i %% 2000 WHEN 0 THEN 'staged' WHEN 1 THEN 'quarantined' WHEN 2 THEN 'deleted'
                      WHEN 3 THEN 'validating' ELSE 'ready' END,
       CASE WHEN i %% 3 = 0 THEN 'plain' ELSE 'photo' END, 'default', 'auth.user:' || i %% 5000,
       'image', 'a.jpg', 'image/jpeg', '', '{{}}', '', '', '', 1, 0, 3, md5('o' || i)::uuid,
       CASE WHEN i %% 2000 = 3 THEN now() - interval '1 minute' END,
       now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_variant (id, state, name, kind, recipe_digest, published_digest, content_type,
                            asset_id, reason_code, reason, fence, attempts, max_attempts, wake_at,
                            created_at)
SELECT md5('v' || i)::uuid,
       CASE i %% 2000 WHEN 1 THEN 'failed' WHEN 2 THEN 'queued' ELSE 'stale' END,
       'thumb', 'image', 'd', 'd', 'image/jpeg', md5('a' || i)::uuid, '', '', 1, 0, 5,
       CASE WHEN i %% 2000 = 2 THEN now() - interval '1 minute' END,
       now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_uploadsession (id, state, profile, actor, filename, content_type, byte_size,
                                  sha256, asset_id, staging_id, reason_code, reason, expires_at,
                                  created_at)
SELECT md5('s' || i)::uuid,
       CASE i %% 2000 WHEN 0 THEN 'expired' WHEN 4 THEN 'signed' ELSE 'completed' END,
       CASE WHEN i %% 3 = 0 THEN 'plain' ELSE 'photo' END, 'auth.user:' || i %% 5000, 'a.jpg',
       'image/jpeg', 10, '', md5('a' || i)::uuid, md5('o' || i)::uuid, '', '',
       now() - i * interval '1 second', now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_attachment (id, asset_id, owner_type_id, owner_id, slot, position, created_at)
SELECT md5('t' || i)::uuid, md5('a' || i)::uuid,
       (SELECT id FROM django_content_type WHERE app_label = 'app' AND model = 'article'),
       i::text, 'cover', 0, now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_transition (subject, subject_id, asset_id, from_state, to_state, profile,
                               adapter, reason_code, cause, metadata, at, emitted_at)
SELECT 'asset', md5('a' || i)::uuid, md5('a' || i)::uuid, 'processing', 'ready',
       CASE WHEN i %% 3 = 0 THEN 'plain' ELSE 'photo' END, 'filesystem', '', '{{}}', '{{}}',
       now() - i * interval '1 minute', CASE WHEN i %% 2000 <> 0 THEN now() END
FROM generate_series(1, {rows}) i;
INSERT INTO rindle_processingrun (id, asset_id, variant_id, variant_name, attempt, fence, worker,
                                  outcome, reason_code, reason, started_at)
SELECT md5('r' || i)::uuid, md5('a' || i)::uuid, md5('v' || i)::uuid, 'thumb', 1, i, '',
       'succeeded', '', '', now() - i * interval '1 minute'
FROM generate_series(1, {rows}) i;
SET session_replication_role = origin;
"""


@pytest.fixture(scope="module")
def archive(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A hundred thousand rows in every table, analysed, for all tests of this module."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(FILL.replace("{rows}", str(ROWS)).replace("{{}}", "{}").replace("%%", "%"))
        cursor.execute("; ".join(f"ANALYZE {table}" for table in TABLES))
        try:
            yield
        finally:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
            cursor.execute("; ".join(f"ANALYZE {table}" for table in TABLES))


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("archive")]


def key_of(kind: str, number: int) -> UUID:
    return UUID(hashlib.md5(f"{kind}{number}".encode()).hexdigest())


Plan = dict[str, Any]
BOUNDED = ("Bitmap Heap Scan", "Sample Scan")


def plans_of(action: Callable[[], object]) -> list[tuple[str, Plan]]:
    """Every query of ours that ``action`` sends, with its plan."""
    with CaptureQueriesContext(connection) as captured:
        action()
    return [
        (query["sql"], explain(query["sql"]))
        for query in captured.captured_queries
        if "rindle_" in query["sql"]
        and query["sql"].split()[0] in ("SELECT", "UPDATE", "DELETE", "WITH")
    ]


def explain(statement: str) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement.replace("%", "%%"), [])
        found = cursor.fetchone()[0]
    plan: Plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """All steps of a plan, but not those that a LIMIT stops once a page is full."""
    yield plan
    for below in plan.get("Plans", ()):
        if not (plan["Node Type"] == "Limit" and _stops_early(plan, below)):
            yield from nodes(below)


def _stops_early(limit: Plan, below: Plan) -> bool:
    """Whether Postgres expects to read a small part: the order fits, and little is thrown away."""
    return bool(limit["Total Cost"] < below["Total Cost"] / 5)


def whole_tables(plan: Plan) -> list[str]:
    """The tables of ours that a plan reads from one end to the other."""
    return [
        node["Relation Name"]
        for node in nodes(plan)
        if node.get("Relation Name") in TABLES and _reads_all(node)
    ]


def _reads_all(node: Plan) -> bool:
    # A bitmap's heap scan is fed by an index scan, which is judged in its stead.
    # A sample is of so many rows, however many there are.
    scans = node["Node Type"].endswith("Scan") and node["Node Type"] not in BOUNDED
    return scans and "Index Cond" not in node and node.get("Index Name") not in PARTIAL


def slow(action: Callable[[], object]) -> list[str]:
    """Queries that read a whole table."""
    found = plans_of(action)
    assert found, "nothing was asked"
    return [f"{reads}: {sql[:400]}" for sql, plan in found if (reads := whole_tables(plan))]


@pytest.mark.parametrize(
    "careless",
    [
        lambda: list(Asset.objects.filter(filename="b.jpg")),
        lambda: list(Asset.objects.filter(filename="b.jpg")[:5]),
        lambda: list(Asset.objects.order_by("filename")[:5]),
        lambda: list(Asset.objects.filter(filename="b.jpg").order_by("-created_at")[:5]),
        lambda: Asset.objects.count(),
        lambda: list(Asset.objects.order_by("pk").filter(reason="x")[:500]),
    ],
)
def test_a_whole_table_is_noticed(careless: Callable[[], object]):
    assert slow(careless)


def test_the_indexes_that_may_be_read_to_their_end_are_partial():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
            " AND indrelid::regclass::text LIKE 'rindle%'"
        )
        assert {name for (name,) in cursor.fetchall()} == set(PARTIAL)


def test_the_reconciler():
    assert slow(reconcile) == []


def test_the_gauges():
    def read() -> None:
        for question in gauges.QUESTIONS:
            list(question(partial(gauges.rows_of, connection)))

    assert slow(read) == []


def test_the_abort_of_what_has_run_out():
    assert slow(lambda: abort_incomplete_uploads(limit=3)) == []


def test_the_cleanup():
    assert slow(lambda: cleanup_orphans(limit=3)) == []
    assert slow(lambda: cleanup_orphans(dry_run=False, limit=3, storage="default")) == []


def test_the_dropping_of_old_history(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "HISTORY_TTL": 60 * 86_400}  # the oldest sixth
    assert slow(lambda: prune_history(limit=3)) == []
    settings.RINDLE = {**settings.RINDLE, "HISTORY_TTL": 400 * 86_400}
    assert slow(count_old_history) == []


def test_the_story_of_an_asset():
    assert slow(lambda: tell(key_of("a", 7))) == []


def test_an_erasure():
    assert slow(lambda: preview_erasure(["app.article:7"], uploads=True)) == []
    assert slow(lambda: erase_owner("app.article:7", uploads=True)) == []


def test_a_repair():
    assert slow(lambda: requeue(key_of("a", 8), dry_run=True)) == []
    assert slow(lambda: requeue(key_of("a", 8))) == []
    assert slow(lambda: cancel(key_of("a", 8))) == []


def test_a_purge():
    assert slow(lambda: purge(key_of("a", 2))) == []
    assert slow(lambda: list(ledger.deletable(key_of("a", 500)))) == []


def test_a_ticket_and_a_verification():
    session = UploadSession.objects.get(pk=key_of("s", 4))
    assert slow(lambda: redeem(issue(session), session.actor)) == []


def test_a_lock_and_a_requeue():
    def requeue() -> None:
        with locked(key_of("a", 5)):
            requeue_variants(key_of("a", 5))

    assert slow(requeue) == []


def test_what_is_attached_to_an_owner():
    article = Article.objects.create(pk=77)
    assert slow(lambda: list(attachments_of(article))) == []
    assert slow(lambda: article.cover) == []
    assert slow(lambda: detach(article, "cover")) == []
    assert slow(article.delete) == []


def test_a_url():
    asset = Asset.objects.get(pk=key_of("a", 10))
    assert slow(lambda: variant_url(asset, "thumb", actor="x")) == []


def test_progress_and_upload_requests(client: Client):
    user = User.objects.create(pk=10)
    client.force_login(user)
    asset = key_of("a", 10)
    assert slow(lambda: client.get(f"/rindle/assets/{asset}/")) == []
    declared = {"profile": "photo", "filename": "a.jpg", "content_type": "image/jpeg"}

    def post(path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/rindle/uploads/{path}", body, content_type="application/json").json()

    begun = post("", {**declared, "byte_size": 5})
    ticket = {"ticket": begun["ticket"]}
    assert (
        slow(lambda: client.put(begun["upload"]["url"], b"12345", content_type="image/jpeg")) == []
    )
    for step in ("sign/", "verify/", "abort/"):
        assert slow(partial(post, step, ticket)) == []


ADMIN_PAGES = [
    "asset/",
    "asset/?state=quarantined",
    "asset/?profile=photo",
    "asset/?p=3",
    f"asset/?q={key_of('a', 8)}",
    "asset/?q=auth.user:7",
    "variant/",
    "variant/?state=failed",
    "failedvariant/",
    "uploadsession/",
    "uploadsession/?state=signed",
    "attachment/",
    "storedobject/",
    "transition/",
    "processingrun/",
    "overview/",
    f"asset/{key_of('a', 8)}/change/",
    f"asset/{key_of('a', 8)}/progress/",
    "asset/?when=7d",
    "asset/?state=ready&profile=photo&when=2026",
    "asset/?profile=tiny",
    "variant/?state=processing",
    "variant/?when=1d",
    "failedvariant/?reason_code=decoder_timeout",
    "failedvariant/?profile=photo",
    "uploadsession/?profile=tiny",
    "uploadsession/?state=verifying",
    "attachment/?q=500",
    "storedobject/?state=doomed",
    "storedobject/?state=expected",
    f"transition/?q={key_of('a', 8)}",
    "transition/?when=1d",
    "processingrun/?outcome=lost",
    f"processingrun/?q={key_of('v', 8)}",
    "batch/",
]


@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_a_page_of_the_admin(page: str, admin_client: Client):
    assert slow(lambda: admin_client.get(f"/admin/rindle/{page}")) == []
