"""The rules: what may happen next, done to the library and said to the reference alike."""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import rindle_django
from rindle_django.errors import Kind, classify
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing.aggregate import settle_asset
from rindle_django.states import ACTIVE_VARIANT_STATES as ACTIVE, REQUEUEABLE_VARIANT_STATES
from rindle_django.testing import drain_jobs, recorded_events
from tests.durability.model.contents import FILES, LENGTH, LONG, SOUND, File
from tests.durability.model.reference import (
    DROPPED,
    LIVE,
    OK,
    PENDING,
    SLOTS,
    Reference,
    Upload,
)
from tests.durability.model.rest import come_to_rest, judge, judge_cheaply
from tests.durability.model.weather import WEAK_SPOTS, WEATHER
from tests.durability.model.world import RECIPES, World, outcome_of, use_recipes
from tests.durability.passing_time import let_pass
from tests.kit import rolled_back

FIRED: Counter[str] = Counter()
"""How often each rule was tried on the library, in this process."""

picks = st.integers(0, 11)
actors = st.sampled_from(["ann", "bob", None])
profiles = st.sampled_from(["photo", "photo", "guarded"])
files = st.sampled_from(FILES)
places = st.sampled_from([(owner, slot) for owner, slots in SLOTS.items() for slot in slots])
DELAYS = (20, 100, 1000, 4000, 90_000, 700_000)
TRANSACTIONAL = ("attach", "detach", "discard", "abort", "delete_owner", "requeue", "sign")


def step(*, jobs: bool = False, **arguments: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule that is counted, and after which the library and the reference are compared."""

    def declare(action: Callable[..., None]) -> Any:
        @functools.wraps(action)
        def run(self: Machine, **drawn: Any) -> None:
            FIRED[action.__name__] += 1
            with self.noticing():
                action(self, **drawn)
                self.compare(jobs=jobs)

        return rule(**arguments)(run)

    return declare


def some(question: Callable[[Machine], Any]) -> Callable[[Any], Any]:
    """A precondition: the rule makes sense only while there is one of these."""
    return precondition(lambda self: bool(question(self)))


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = Reference()
        self.made_by: dict[Any, str] = {}
        self.urls: list[tuple[str, str | None, str]] = []
        self.recipe = 0
        self.at_odds = False
        self._recording = recorded_events()
        self.recorder = self._recording.__enter__()

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """After a violation nothing can be said of the end any more."""
        try:
            yield
        except Exception:
            self.at_odds = True
            raise

    # --- what there is to choose from ----------------------------------------------------------

    def uploads(self) -> list[Upload]:
        return list(self.model.uploads.values())

    def unfinished(self) -> list[Upload]:
        return [each for each in self.uploads() if each.session == "open"]

    def signed(self) -> list[Upload]:
        return [each for each in self.unfinished() if each.name in self.world.puts]

    def ended(self) -> list[Upload]:
        """Ended without success, while a slow client's request may still be under way."""
        return [
            each
            for each in self.uploads()
            if each.session in ("aborted", "expired")
            and each.name in self.world.puts
            and self.model.now - each.begun_at < 7000
        ]

    def completed(self) -> list[Upload]:
        return [each for each in self.uploads() if each.session == "completed"]

    def existing(self) -> list[Upload]:
        return [each for each in self.uploads() if each.phase != DROPPED]

    def attachable(self) -> list[Upload]:
        return [each for each in self.uploads() if each.phase in (PENDING, LIVE)]

    def live(self) -> list[Upload]:
        return [each for each in self.uploads() if each.phase == LIVE]

    # --- clients -------------------------------------------------------------------------------

    @step(
        profile=profiles,
        actor=actors,
        size=st.sampled_from([LENGTH] * 6 + [LENGTH + 4, 1 << 30]),
        declared=st.one_of(st.none(), st.none(), files),
    )
    def begin(self, profile: str, actor: str | None, size: int, declared: File | None) -> None:
        name = f"upload{len(self.world.asset_ids)}"
        expected = self.model.begin(name, profile, actor, size, declared)
        agree(self.world.begin(name, profile, actor, size, declared), expected)

    @step(
        profile=profiles,
        actor=actors,
        file=st.sampled_from(SOUND * 2 + FILES),
        hour=st.integers(0, 2),
    )
    def upload_through_the_server(
        self, profile: str, actor: str | None, file: File, hour: int
    ) -> None:
        if WEATHER.outage and profile == "guarded" and actor is None:
            return
        name = f"upload{len(self.world.asset_ids)}"
        expected = self.model.begin(name, profile, actor, LENGTH, None)
        if expected == OK and WEATHER.outage:
            expected = "storage_unavailable"
        elif expected == OK:
            self.model.slip_in(name, file)
            expected = self.model.verify(name, actor)
        agree(self.world.send_through_server(name, profile, actor, file), expected)

    @some(lambda _: not WEATHER.outage)
    @step(profile=profiles, actor=st.sampled_from(["ann", "bob"]), file=st.sampled_from(SOUND))
    def upload_directly(self, profile: str, actor: str, file: File) -> None:
        """All that a client has to do, in a row."""
        name = f"upload{len(self.world.asset_ids)}"
        expected = self.model.begin(name, profile, actor, LENGTH, None)
        agree(self.world.begin(name, profile, actor, LENGTH, None), expected)
        upload = self.model.uploads[name]
        self.do_sign(upload, stranger=False)
        self._put(upload, file, promised=False)
        self._verify(upload, stranger=False)

    @some(unfinished)
    @step(pick=picks, stranger=st.sampled_from([False] * 5 + [True]))
    def sign(self, pick: int, stranger: bool) -> None:
        self.do_sign(_of(self.uploads(), pick), stranger)

    def do_sign(self, upload: Upload, stranger: bool) -> None:
        actor = "eve" if stranger else upload.actor
        agree(self.world.sign(upload.name, actor), self.model.sign(upload.name, actor))

    @some(signed)
    @step(pick=picks, file=st.sampled_from((*SOUND, *FILES, LONG)), promised=st.booleans())
    def put(self, pick: int, file: File, promised: bool) -> None:
        self._put(_of(self.signed(), pick), file, promised)

    def _put(self, upload: Upload, file: File, promised: bool) -> None:
        if promised and upload.declared is not None:
            file = upload.declared
        if WEATHER.outage and upload.session == "open" and len(file.content) == upload.size:
            expected = "storage_unavailable"
        else:
            expected = self.model.put(upload.name, file)
        agree(self.world.put(upload.name, file), expected)

    @some(lambda self: any(each.name in self.world.puts for each in self.completed()))
    @step(pick=picks, file=files)
    def put_again_after_the_end(self, pick: int, file: File) -> None:
        done = [each for each in self.completed() if each.name in self.world.puts]
        self._put(_of(done, pick), file, promised=False)

    @some(lambda self: not WEATHER.outage and self.unfinished())
    @step(pick=picks, file=st.sampled_from((*FILES, LONG)))
    def slip_bytes_past_the_signature(self, pick: int, file: File) -> None:
        self._slip_in(_of(self.unfinished(), pick), file)

    @some(lambda self: not WEATHER.outage and self.ended())
    @step(pick=picks, file=files)
    def put_late(self, pick: int, file: File) -> None:
        """The request began in time and ends after its upload did."""
        self._slip_in(_of(self.ended(), pick), file)

    def _slip_in(self, upload: Upload, file: File) -> None:
        expected = self.model.slip_in(upload.name, file)
        agree(self.world.slip_in(upload.name, file), expected)

    @some(unfinished)
    @step(pick=picks, stranger=st.sampled_from([False] * 7 + [True]))
    def verify(self, pick: int, stranger: bool) -> None:
        self._verify(_of(self.unfinished(), pick), stranger)

    @some(uploads)
    @step(pick=picks, stranger=st.booleans())
    def verify_again(self, pick: int, stranger: bool) -> None:
        self._verify(_of(self.uploads(), pick), stranger)
        self._verify(_of(self.uploads(), pick), stranger)

    def _verify(self, upload: Upload, stranger: bool) -> None:
        actor = "eve" if stranger else upload.actor
        asks = not stranger and upload.session == "open" and upload.phase != DROPPED
        if WEATHER.outage and asks:
            expected = "storage_unavailable"
        else:
            expected = self.model.verify(upload.name, actor)
        agree(self.world.verify(upload.name, actor), expected)

    @some(uploads)
    @step(pick=picks, stranger=st.sampled_from([False] * 3 + [True]))
    def abort(self, pick: int, stranger: bool) -> None:
        self.do_abort(_of(self.uploads(), pick), stranger)

    def do_abort(self, upload: Upload, stranger: bool) -> None:
        actor = "eve" if stranger else upload.actor
        agree(self.world.abort(upload.name, actor), self.model.abort(upload.name, actor))

    # --- owners --------------------------------------------------------------------------------

    @some(attachable)
    @step(pick=picks, place=places, claimed=st.booleans())
    def attach(self, pick: int, place: tuple[str, str], claimed: bool) -> None:
        self.do_attach(_of(self.attachable(), pick), place, claimed)

    @some(uploads)
    @step(pick=picks, place=places, actor=actors)
    def attach_anything(self, pick: int, place: tuple[str, str], actor: str | None) -> None:
        self.do_attach(_of(self.uploads(), pick), place, False, actor)

    def do_attach(
        self, upload: Upload, place: tuple[str, str], claimed: bool, actor: str | None = None
    ) -> None:
        owner, slot = place
        actor = upload.actor if claimed else actor
        outcome = outcome_of(
            lambda: rindle_django.attach(
                self.world.owner(owner), slot, self.world.asset_ids[upload.name], actor=actor
            )
        )
        agree(outcome, self.model.attach(owner, slot, upload.name, actor))

    @some(lambda self: any(self.model.slots.values()))
    @step(pick=picks, one=st.booleans())
    def detach(self, pick: int, one: bool) -> None:
        self.do_detach(pick, one)

    def do_detach(self, pick: int, one: bool) -> None:
        filled = sorted(place for place, names in self.model.slots.items() if names)
        owner, slot = _of(filled, pick)
        name = _of(self.model.slots[owner, slot], pick) if one else None
        gone = rindle_django.detach(
            self.world.owner(owner), slot, self.world.asset_ids[name] if name else None
        )
        agree(gone, self.model.detach(owner, slot, name))

    @some(lambda self: self.uploads() and len(self.model.owners) > 1)
    @step(pick=picks)
    def delete_owner(self, pick: int) -> None:
        self.do_delete_owner(pick)

    def do_delete_owner(self, pick: int) -> None:
        name = _of(sorted(self.model.owners - {"group1"}), pick)
        self.world.owner(name).delete()
        self.model.delete_owner(name)

    @some(lambda self: len(self.model.owners) < len(SLOTS))
    @step(pick=picks)
    def create_owner(self, pick: int) -> None:
        name = _of(sorted(SLOTS.keys() - self.model.owners), pick)
        self.world.revive(name)
        self.model.owners.add(name)

    @some(existing)
    @step(pick=picks)
    def discard(self, pick: int) -> None:
        self.do_discard(_of(self.uploads(), pick))

    def do_discard(self, upload: Upload) -> None:
        found: list[bool] = []
        outcome = outcome_of(
            lambda: found.append(rindle_django.discard(self.world.asset_ids[upload.name]))
        )
        agree(found[0] if found else outcome, self.model.discard(upload.name))

    # --- readers -------------------------------------------------------------------------------

    @some(existing)
    @step(pick=picks, actor=actors, variant=st.sampled_from([None, "line"]))
    def read(self, pick: int, actor: str | None, variant: str | None) -> None:
        upload = _of(self.existing(), pick)
        outcome, url = self.world.url(upload.name, variant, actor)
        agree(outcome, self.model.read(upload.name, actor))
        if outcome == OK:
            self._fetch(upload, variant, url)
            self.urls.append((upload.name, variant, url))

    @some(lambda self: self.urls)
    @step(pick=picks)
    def read_by_an_old_url(self, pick: int) -> None:
        name, variant, url = _of(self.urls, pick)
        self._fetch(self.model.uploads[name], variant, url)

    def _fetch(self, upload: Upload, variant: str | None, url: str) -> None:
        code, content = self.world.fetch(url)
        assert upload.staged is not None
        if upload.phase != LIVE:
            assert code == "media_not_found"
        elif WEATHER.outage:
            assert code in ("storage_unavailable", "media_not_found")
        elif variant is None:
            assert (code, content) == (OK, upload.staged.content)
        elif code != OK:
            assert code == "media_not_found"  # its object was replaced since

    # --- operators and the world ---------------------------------------------------------------

    @some(live)
    @step(pick=picks, named=st.booleans())
    def requeue(self, pick: int, named: bool) -> None:
        self.do_requeue(_of(self.uploads(), pick), named)

    def do_requeue(self, upload: Upload, named: bool = False) -> None:
        outputs = self.world.look().outputs[upload.name]
        broken = sorted(
            name for name, each in outputs.items() if each.state in REQUEUEABLE_VARIANT_STATES
        )
        chosen = sorted(outputs)[:1] if named and upload.phase == LIVE else None
        found: list[list[str]] = []
        outcome = outcome_of(
            lambda: found.append(
                rindle_django.requeue_variants(self.world.asset_ids[upload.name], chosen)
            )
        )
        if upload.phase == DROPPED:
            assert outcome == "asset_not_found"
        elif upload.phase != LIVE:
            assert outcome == "not_deliverable"
        elif chosen and chosen[0] not in broken:
            assert outcome == "variant_not_requeueable"
        else:
            assert found == [chosen or broken]

    @some(live)
    @step(pick=picks)
    def cancel_processing(self, pick: int) -> None:
        upload = _of(self.live(), pick)
        outputs = self.world.look().outputs[upload.name]
        active = sorted(name for name, each in outputs.items() if each.state in ACTIVE)
        agree(rindle_django.cancel_processing(self.world.asset_ids[upload.name]), active)

    @some(live)
    @step(pick=picks, to=st.sampled_from(["stale", "missing"]))
    def output_goes_stale(self, pick: int, to: str) -> None:
        """An operator's tool finds an output outdated or lost."""
        upload = _of(self.live(), pick)
        with locked(self.world.asset_ids[upload.name]) as asset:
            for variant in Variant.objects.filter(asset=asset, state="ready")[:1]:
                variant.asset = asset
                transition(variant, to)
            settle_asset(asset)

    @some(uploads)
    @step(number=st.sampled_from(range(len(RECIPES))))
    def change_recipe(self, number: int) -> None:
        self.recipe = number
        use_recipes(number)

    @some(uploads)
    @step(jobs=True, count=st.integers(1, 6), early=st.booleans())
    def run_jobs(self, count: int, early: bool) -> None:
        for outcome in drain_jobs(limit=count, early=early):
            assert outcome.error is None or WEATHER.outage, outcome

    @some(uploads)
    @step(
        jobs=True,
        count=st.integers(1, 4),
        where=st.sampled_from(WEAK_SPOTS),
        answer_lost=st.booleans(),
    )
    def run_jobs_with_a_fault(self, count: int, where: str, answer_lost: bool) -> None:
        WEATHER.strikes, WEATHER.answer_lost = where, answer_lost
        try:
            outcomes = drain_jobs(limit=count, early=True)
        finally:
            WEATHER.strikes = ""
        for outcome in outcomes:
            assert outcome.error is None or classify(outcome.error) is Kind.TRANSIENT, outcome

    @some(lambda self: self.world.size_of_backlog())
    @step(pick=picks)
    def duplicate_job(self, pick: int) -> None:
        self.world.duplicate_job(pick % self.world.size_of_backlog())

    @some(lambda self: self.world.size_of_backlog())
    @step(pick=picks)
    def lose_job(self, pick: int) -> None:
        self.world.lose_job(pick % self.world.size_of_backlog())

    @some(uploads)
    @step(delay=st.sampled_from(DELAYS))
    def time_passes(self, delay: int) -> None:
        self.pass_time(delay)

    def pass_time(self, delay: float) -> None:
        let_pass(delay)
        self.model.now += delay

    @some(uploads)
    @step()
    def reconcile(self) -> None:
        reconcile()

    @some(uploads)
    @step(dry_run=st.booleans())
    def abort_incomplete_uploads(self, dry_run: bool) -> None:
        report = abort_incomplete_uploads(dry_run=dry_run)
        if not dry_run:
            assert report.sessions_aborted == self.model.expire_overdue()

    @some(uploads)
    @step(jobs=True, dry_run=st.booleans())
    def cleanup_orphans(self, dry_run: bool) -> None:
        outcome = outcome_of(lambda: cleanup_orphans(dry_run=dry_run))
        assert outcome == OK or WEATHER.outage
        if not dry_run:
            self.model.cleanup()

    @some(uploads)
    @step()
    def storage_goes_out_or_comes_back(self) -> None:
        WEATHER.outage = not WEATHER.outage

    # --- second thoughts -----------------------------------------------------------------------

    @some(uploads)
    @step(what=st.sampled_from(TRANSACTIONAL), pick=picks, place=places)
    def roll_back(self, what: str, pick: int, place: tuple[str, str]) -> None:
        with self._in_vain():
            self._do(what, pick, place)

    @some(uploads)
    @step(
        kept=st.sampled_from(TRANSACTIONAL),
        undone=st.sampled_from(TRANSACTIONAL),
        pick=picks,
        place=places,
        also=st.booleans(),
    )
    def roll_back_a_savepoint(
        self, kept: str, undone: str, pick: int, place: tuple[str, str], also: bool
    ) -> None:
        with transaction.atomic():
            self._do(kept, pick, place)
            with self._in_vain():
                self._do(undone, pick, place)
                if also:
                    with transaction.atomic():
                        self._do(kept, pick + 1, place)

    @contextmanager
    def _in_vain(self) -> Iterator[None]:
        before, puts = copy.deepcopy(self.model), dict(self.world.puts)
        with rolled_back():
            yield
        self.model, self.world.puts = before, puts

    def _do(self, what: str, pick: int, place: tuple[str, str]) -> None:
        upload = _of(self.uploads(), pick)
        if what == "attach":
            self.do_attach(upload, place, claimed=True)
        elif what == "detach" and any(self.model.slots.values()):
            self.do_detach(pick, one=bool(pick % 2))
        elif what == "delete_owner" and len(self.model.owners) > 1:
            self.do_delete_owner(pick)
        elif what == "sign":
            self.do_sign(upload, stranger=False)
        elif what == "abort":
            self.do_abort(upload, stranger=False)
        elif what in ("discard", "requeue"):
            getattr(self, f"do_{what}")(upload)

    # --- comparison ----------------------------------------------------------------------------

    def compare(self, *, jobs: bool = False) -> None:
        """What is to be seen is what the reference says; after jobs, what it says may be."""
        sight = self.world.look()
        for upload in self.uploads():
            phase = sight.phases.get(upload.name, DROPPED)
            if jobs:
                assert self.model.may_become(upload, phase), (upload, sight.states)
                self.model.observe(upload, phase)
            assert phase == upload.phase, (upload, sight.states)
            if phase != DROPPED:
                session = sight.sessions[upload.name]
                session = "open" if session in ("initialized", "signed") else session
                assert session == upload.session, (upload, session)
                assert upload.unwanted <= (upload.name in sight.unwanted), upload
            self._compare_outputs(sight.outputs[upload.name], jobs)
        assert sight.slots == {place: names for place, names in self.model.slots.items() if names}
        judge_cheaply()

    def _compare_outputs(self, outputs: dict[str, Any], jobs: bool) -> None:
        """What was published in this step was made by the recipe that is in force."""
        for name, each in outputs.items():
            if each.object_id is None:
                assert each.state != "ready"
            elif self.made_by.get(each.object_id) is None:
                assert jobs, "published without a job"
                assert each.digest == RECIPES[self.recipe][name].digest()
                self.made_by[each.object_id] = each.digest
            else:
                assert self.made_by[each.object_id] == each.digest

    def teardown(self) -> None:
        try:
            if not self.at_odds:
                come_to_rest(self)
                judge(self)
        finally:
            self._recording.__exit__(None, None, None)


def agree(seen: object, expected: object) -> None:
    assert seen == expected, f"the library said {seen!r}, the reference {expected!r}"


def _of(things: Any, pick: int) -> Any:
    found = list(things)
    return found[pick % len(found)]


RULES = sorted(
    name for name, member in vars(Machine).items() if hasattr(member, "hypothesis_stateful_rule")
)
