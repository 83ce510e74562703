"""Whoever shares whatever: before says what happens, and nobody else loses anything."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from django.contrib.contenttypes.models import ContentType

from rindle_django.models import Asset, Attachment
from rindle_django.operations.erasure import erase_owners, preview_erasure
from tests.app.models import Article
from tests.erasure.owners import counts, entries
from tests.rows import asset_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.bare_rows]
OWNERS = [f"app.article:{number}" for number in range(1, 6)]

Sharing = dict[str, list[Asset]]


def shared_out(chance: random.Random) -> Sharing:
    assets = [asset_in("ready") for _ in range(6)]
    sharing = {owner: chance.choices(assets, k=chance.randint(1, 5)) for owner in OWNERS}
    article = ContentType.objects.get_for_model(Article)
    for owner, taken in sharing.items():
        for slot, asset in enumerate(taken):
            Attachment.objects.create(
                asset=asset, owner_type=article, owner_id=owner.partition(":")[2], slot=str(slot)
            )
    return sharing


def had_by(sharing: Sharing, owners: Iterable[str]) -> set[Asset]:
    return {asset for owner in owners for asset in sharing[owner]}


@pytest.mark.parametrize("seed", range(12))
def test_before_and_after_agree_with_each_other_and_with_what_is_shared__C3_5(seed: int):
    chance = random.Random(seed)
    sharing = shared_out(chance)
    erased = chance.sample(OWNERS, k=chance.randint(1, len(OWNERS)))
    theirs, others = had_by(sharing, erased), had_by(sharing, set(OWNERS) - set(erased))
    preview = preview_erasure(erased)
    report = erase_owners(erased)
    assert entries(preview) == entries(report)
    assert [counts(each) for each in preview.owners] == [counts(each) for each in report.owners]
    detached = sum(len(sharing[owner]) for owner in erased)
    assert counts(report) == (detached, len(theirs - others), len(theirs & others))
    for assets, state in ((theirs - others, "deleted"), (others, "ready")):
        found = Asset.objects.filter(pk__in=[asset.pk for asset in assets])
        assert set(found.values_list("state", flat=True)) <= {state}
    assert Attachment.objects.count() == sum(
        len(sharing[owner]) for owner in OWNERS if owner not in erased
    )
