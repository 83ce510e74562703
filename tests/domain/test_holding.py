"""What a worker believes of its claims: by its own clock, and on the safe side."""

from __future__ import annotations

from datetime import datetime

import pytest

from rindle_django import claims
from rindle_django.conf import config
from rindle_django.models import StoredObject, Variant
from rindle_django.processing.claim import Attempt, claim
from rindle_django.testing import drain_jobs
from tests.kit import arrive, picture

pytestmark = pytest.mark.django_db(transaction=True)


def claimed() -> Attempt:
    asset = arrive(picture(), profile="open")
    drain_jobs(queues=["rindle_promote"])
    [attempt] = claim(str(asset.pk), "thumb")[1]
    return attempt


def wait(monkeypatch: pytest.MonkeyPatch, leases: float) -> None:
    """Let a part of a lease pass on this machine's clock."""
    now = claims._clock() + config().LEASE * leases
    monkeypatch.setattr(claims, "_clock", lambda: now)


def lease_of(variant: Variant) -> datetime:
    until = Variant.objects.get(pk=variant.pk).lease_until
    assert until is not None
    return until


def settling(output: StoredObject) -> datetime:
    at = StoredObject.objects.get(pk=output.pk).settles_at
    assert at is not None
    return at


def test_a_claim_and_what_is_written_under_it_are_renewed_in_time__row_9(
    monkeypatch: pytest.MonkeyPatch,
):
    attempt = claimed()
    holding = claims.Holding([attempt.variant])
    holding.writing.append(attempt.output)
    before = lease_of(attempt.variant), settling(attempt.output)
    wait(monkeypatch, 0.2)
    claims._look_after(holding)
    assert (lease_of(attempt.variant), settling(attempt.output)) == before  # not every second
    wait(monkeypatch, 0.4)
    claims._look_after(holding)
    assert lease_of(attempt.variant) > before[0]
    assert settling(attempt.output) > before[1]


def test_who_cannot_renew_a_claim_gives_it_up_before_it_ends__row_9(
    monkeypatch: pytest.MonkeyPatch,
):
    variant = claimed().variant
    holding = claims.Holding([variant])
    wait(monkeypatch, 0.5)
    assert holding.holds(variant)
    assert not holding.is_lost()
    wait(monkeypatch, 0.4)
    assert not holding.holds(variant)
    assert holding.is_lost()


def test_who_renews_a_claim_that_was_taken_over_learns_of_it__row_9(
    monkeypatch: pytest.MonkeyPatch,
):
    variant = claimed().variant
    holding = claims.Holding([variant])
    Variant.objects.filter(pk=variant.pk).update(fence=variant.fence + 1)
    wait(monkeypatch, 0.4)
    claims._look_after(holding)
    assert holding.is_lost()
