"""One trace from the browser's first request to the second deletion, over real processes."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from rindle_django import attach
from rindle_django.models import Asset, StoredObject
from rindle_django.telemetry import SPANS
from tests.app.models import Article
from tests.kit import picture
from tests.telemetry.site.running import (
    Browser,
    Exported,
    browsing,
    delete_again,
    exported,
    work_on,
)

pytestmark = pytest.mark.django_db(transaction=True)
TRACE, VISIT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET_NAME = "private holiday in Brighton.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "spans"
    place.mkdir()
    return place


def live(browser: Browser, folder: Path) -> list[str]:
    """A photo's whole life, each part of it in another process; returns all that is secret."""
    begun = browser.upload(picture(), SECRET_NAME)
    work_on(folder, "rindle_promote")
    work_on(folder, "rindle_process")
    _, told = browser.request("GET", f"/rindle/assets/{begun['asset_id']}/")
    shown = told["asset"]["variants"]["thumb"]["url"]
    assert browser.request("GET", shown)[0] == 200
    article = Article.objects.create()
    attach(article, "cover", begun["asset_id"])
    keys = [stored.key for stored in StoredObject.objects.all()]
    assert browser.request("POST", f"/articles/{article.pk}/bare/")[0] == 204
    work_on(folder, "rindle_purge")
    assert not Asset.objects.exists()
    delete_again(folder)
    assert not StoredObject.objects.filter(wake_at__isnull=False).exists()
    cookie = browser.cookie.partition("=")[2]
    return [SECRET_NAME, "Brighton", begun["ticket"], begun["upload"]["url"], shown, cookie, *keys]


def by_name(spans: list[Exported]) -> dict[str, list[Exported]]:
    named: dict[str, list[Exported]] = defaultdict(list)
    for span in spans:
        named[span.name].append(span)
    return named


def test_one_trace_from_the_browser_to_the_second_deletion__guarantee_10(folder: Path):
    with browsing(folder, f"00-{TRACE}-{VISIT}-01") as browser:
        secrets = live(browser, folder)
    spans = exported(folder)
    mine = [span for span in spans if span.trace == TRACE]
    named = by_name(mine)
    assert len({span.process for span in mine}) == 5  # web, promote, process, purge, purge again
    for name in (
        *("rindle.request.begin", "rindle.request.put", "rindle.request.verify"),
        *("rindle.initiate", "rindle.sign", "rindle.verify"),
    ):
        assert len({span.process for span in named[name]}) == 1, name
    assert {span.parent for span in named["rindle.request.verify"]} == {VISIT}
    (verified,) = named["rindle.verify"]
    for name, count in (("promote", 1), ("process", 1), ("variant", 3)):
        assert len(named[f"rindle.{name}"]) == count
    for name in ("rindle.promote", "rindle.process", "rindle.purge"):
        assert {span.parent for span in named[name]} == {verified.identity}
    # Of what was staged, where it was promoted; of the rest, and once more.
    assert len({span.process for span in named["rindle.purge"]}) == 3
    assert len({named[f"rindle.{n}"][0].process for n in ("verify", "promote", "process")}) == 3
    _nests(mine)
    _keeps(secrets, spans)


def _nests(spans: list[Exported]) -> None:
    """One span a variant below the job, and the storage's calls below what needed them."""
    above = {span.identity: span.name for span in spans}
    edges = {(above.get(span.parent, ""), span.name) for span in spans}
    assert {
        ("rindle.request.verify", "rindle.verify"),
        ("rindle.verify", "rindle.storage.stat"),
        ("rindle.request.put", "rindle.storage.put_stream"),
        ("rindle.promote", "rindle.storage.copy"),
        ("rindle.promote", "rindle.decode"),
        ("rindle.process", "rindle.storage.download"),
        ("rindle.process", "rindle.variant"),
        ("rindle.variant", "rindle.decode"),
        ("rindle.variant", "rindle.storage.put_file"),
        ("rindle.purge", "rindle.storage.delete"),
    } <= edges
    made = {span.said["rindle.variant"] for span in spans if span.name == "rindle.variant"}
    assert made == {"thumb", "medium", "large"}


def _keeps(secrets: list[str], spans: list[Exported]) -> None:
    """Nothing in any span, of whatever trace, gives away a key, a URL, a name or a ticket."""
    told = repr([span.raw for span in spans])
    assert [secret for secret in secrets if secret in told] == []
    assert not re.search(r"https?://(?!opentelemetry)|originals/|staging/|variants/|boss", told)
    for span in spans:
        assert set(span.said) <= set(SPANS[span.name].attributes)


def test_the_request_that_gives_an_asset_up_points_to_the_assets_trace(folder: Path):
    with browsing(folder, "") as browser:
        live(browser, folder)
    named = by_name(exported(folder))
    (verified,), (detached,) = named["rindle.verify"], named["rindle.detach"]
    (promoted,) = named["rindle.promote"]
    assert promoted.trace == verified.trace != detached.trace
    assert [link["context"]["trace_id"] for link in detached.raw["links"]] == [
        f"0x{verified.trace}"
    ]
    assert {span.trace for span in named["rindle.purge"]} == {verified.trace}


def test_what_the_browser_does_not_sample_no_process_exports(folder: Path):
    with browsing(folder, f"00-{TRACE}-{VISIT}-00") as browser:
        begun = browser.upload(picture(), "heron.jpg")
        work_on(folder, "rindle_promote", "rindle_process")
    assert Asset.objects.get(pk=begun["asset_id"]).traceparent.startswith(f"00-{TRACE}-")
    assert Asset.objects.get(pk=begun["asset_id"]).traceparent.endswith("-00")
    assert exported(folder) == []
