"""What has to be true after a schedule, once time has passed and everything was drained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rindle_django.models import Asset, Attachment, StoredObject, UploadSession, Variant
from rindle_django.operations import invariants
from tests.app.models import Article
from tests.durability.model.rest import go_round, something_waits
from tests.durability.passing_time import let_pass
from tests.durability.preemption.scene import Scene
from tests.durability.preemption.schedule import Meeting, Outcome

ROUNDS, MUCH_LATER = 4, 100_000
VERIFIERS = frozenset({"verify", "journey"})
# These may end an asset that is attached to nothing; the rest may not, whatever they meet.
REMOVERS = frozenset({"discard", "sweep", "detach", "erase", "replace", "purge"})
ENDERS = frozenset({"abort", "expire", "discard"})


def come_to_rest() -> Iterator[str]:
    """Days pass, until nothing waits for anything any more."""
    for _ in range(ROUNDS):
        let_pass(MUCH_LATER)
        try:
            go_round()
        except AssertionError as error:
            yield f"a job raised: {error}"
        if not something_waits():
            break
    yield from (str(each) for each in invariants.violations(at_rest=True))


@dataclass(frozen=True)
class End:
    """What was told to whom, and what became of the scene."""

    told: dict[str, Outcome]
    stage: str
    bond: str
    asset: Asset | None
    session: str
    owners: frozenset[tuple[str, str]]
    scene: Scene

    def acknowledged(self, *names: str) -> bool:
        return any(name in self.told and self.told[name].acknowledged for name in names)

    def has(self, *names: str) -> bool:
        return bool(self.told.keys() & set(names))


def judged(
    scene: Scene, meeting: Meeting, names: tuple[str, str], stage: str, bond: str
) -> Iterator[str]:
    for outcome in (meeting.first, meeting.second):
        if outcome.violation:
            yield outcome.violation
    yield from come_to_rest()
    told = _told(names, meeting)
    asset = Asset.objects.filter(pk=scene.asset).first()
    session = UploadSession.objects.filter(asset_id=scene.asset).first()
    owners = frozenset(
        (str(asset_id), owner)
        for asset_id, owner in Attachment.objects.values_list("asset_id", "owner_id")
    )
    state = session.state if session else ""
    yield from _of_the_pair(End(told, stage, bond, asset, state, owners, scene))


def _told(names: tuple[str, str], meeting: Meeting) -> dict[str, Outcome]:
    """By name; of two who did the same, what the one who got more was told."""
    both = sorted((meeting.first, meeting.second), key=lambda each: bool(each.value))
    if names[0] == names[1]:
        return {names[0]: both[1]}
    return {names[0]: meeting.first, names[1]: meeting.second}


def _of_the_pair(end: End) -> Iterator[str]:
    yield from _of_the_upload(end)
    yield from _of_the_slots(end)
    yield from _of_the_asset(end)
    yield from _of_the_outputs(end)


def _of_the_upload(end: End) -> Iterator[str]:
    """One winner: who was thanked for an upload has it, and who was not, has not."""
    if end.stage not in ("signed", "arrived"):
        return
    thanked = end.acknowledged(*VERIFIERS)
    if thanked and not end.has("discard") and end.session != "completed":
        yield f"verified, and its upload is {end.session or 'gone'}"
    if thanked and end.acknowledged("abort"):
        yield "both verified and aborted"
    expired = end.told.get("expire")
    if thanked and expired is not None and expired.value:
        yield "both verified and expired"
    if end.told.keys() <= VERIFIERS and not all(each.acknowledged for each in end.told.values()):
        yield "of two who verified, one was not thanked"
    if end.asset is not None and not thanked:
        yield f"nobody was thanked for an asset that is {end.asset.state}"


def _of_the_slots(end: End) -> Iterator[str]:
    here, there = str(end.scene.article), str(end.scene.other_article)
    if end.acknowledged("attach") and (end.scene.asset, there) not in end.owners:
        yield "attached, and then it was not"
    emptied = end.has("detach", "erase")
    if end.acknowledged("replace") and not emptied and (end.scene.spare, here) not in end.owners:
        yield "replaced, and then it was not"
    if end.acknowledged("erase") and any(owner == here for _, owner in end.owners):
        yield "an owner that is gone has attachments"
    if end.acknowledged("erase") and Article.objects.filter(pk=end.scene.article).exists():
        yield "the owner is still there"


def _of_the_asset(end: End) -> Iterator[str]:
    """Gone if it was given up and nobody took it; there in all its parts if nobody did."""
    kept = end.acknowledged("attach") or any(each == end.scene.asset for each, _ in end.owners)
    discarded = "discard" in end.told and end.told["discard"].value is True
    if discarded and end.asset is not None:
        yield f"discarded, and it is {end.asset.state}"
    given_up = end.bond == "unwanted" or (
        end.bond == "attached" and end.acknowledged("detach", "erase", "replace")
    )
    if given_up and not kept and end.asset is not None:
        yield f"given up, and it is {end.asset.state}"
    stays = end.stage not in ("signed", "arrived", "ended") or end.acknowledged(*VERIFIERS)
    removable = given_up or discarded or end.has("sweep")
    if kept or (stays and not removable):
        yield from _of_what_stays(end)


def _of_what_stays(end: End) -> Iterator[str]:
    if end.asset is None:
        yield "it is gone, and nobody gave it up"
    elif end.asset.state not in ("ready", "degraded"):
        yield f"it stays {end.asset.state}"
    elif end.asset.state == "degraded" and end.stage != "degraded" and not end.has("cancel"):
        yield "it is degraded, and nothing went wrong"


def _of_the_outputs(end: End) -> Iterator[str]:
    present = StoredObject.objects.filter(asset_id=end.scene.asset, state="present")
    outputs = present.filter(purpose="variant").count()
    variants = Variant.objects.filter(asset_id=end.scene.asset, object__isnull=False).count()
    if outputs != variants:
        yield f"{outputs} outputs are present for {variants} variants"
    if end.asset is None and present.exists():
        yield "objects of an asset that is gone are present"
