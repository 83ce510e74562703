"""The end of every history: the weather clears, time passes, and what is left is judged."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from typing import TYPE_CHECKING

import rindle_django
from rindle_django.models import Asset, Transition
from rindle_django.operations import invariants
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import drain_jobs
from tests.durability.model.reference import DROPPED, LIVE, OK, REFUSED, Upload
from tests.durability.model.weather import WEATHER
from tests.durability.model.world import WIDTHS, Sight, prepared

if TYPE_CHECKING:
    from tests.durability.model.machine import Machine

ROUNDS = 8
MUCH_LATER = 100_000
KNOWN_OUTPUTS: dict[tuple[str, str], str] = {}
"""Hash of what each recipe made of each file, whenever it was: the same bytes, always."""

# Within a history jobs are lost for as long as it pleases; at its end nothing may be overdue.
PATIENT = {"patience": 10**9}


def judge_cheaply() -> None:
    """What holds at every moment, as far as the rows tell."""
    assert prepared(_AT_ANY_TIME) == []


_AT_ANY_TIME = " UNION ALL ".join(
    f"SELECT '{each.name}', found.* FROM ({each.query % PATIENT}) found(detail)"
    for each in invariants.INVARIANTS
    if not each.at_rest
)


def come_to_rest(machine: Machine) -> None:
    WEATHER.clear_up()
    machine.pass_time(MUCH_LATER)
    go_round()
    machine.model.expire_overdue()
    machine.model.cleanup()
    # What cannot be rendered fails again: for ever, if somebody asked for ever.
    _requeue_what_broke()
    for _ in range(ROUNDS):
        machine.pass_time(MUCH_LATER)
        go_round()
        machine.model.cleanup()
        if not something_waits():
            return
    raise AssertionError(f"no rest after {ROUNDS} rounds")


def go_round() -> None:
    """Everything that is on a schedule, once, and every job that it leads to."""
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    reconcile()
    outcomes = drain_jobs(early=True)
    assert [each for each in outcomes if each.error is not None] == []


def something_waits() -> bool:
    """Whether any row has a time at which somebody is to look at it, or any job is left."""
    return bool(prepared(_WAITING)[0][0])


_WAITING = "SELECT " + " OR ".join(
    f"EXISTS (SELECT FROM {table} WHERE {condition})"
    for table, condition in (
        ("rindle_asset", "wake_at IS NOT NULL"),
        ("rindle_variant", "wake_at IS NOT NULL"),
        ("rindle_storedobject", "wake_at IS NOT NULL"),
        ("rindle_uploadsession", "state IN ('initialized', 'signed')"),
        ("procrastinate_jobs", "status IN ('todo', 'doing')"),
    )
)


def _requeue_what_broke() -> None:
    for pk in Asset.objects.filter(state__in=("ready", "degraded")).values_list("pk", flat=True):
        rindle_django.requeue_variants(pk)


def judge(machine: Machine) -> None:
    sight = machine.world.look()
    expected: Counter[str] = Counter()
    for upload in machine.uploads():
        phase = machine.model.at_rest(upload)
        assert sight.phases.get(upload.name, DROPPED) == phase, (upload, sight.states)
        machine.model.observe(upload, phase)
        if phase == LIVE:
            expected += _judge_outputs(machine, upload, sight)
        if phase in (LIVE, REFUSED):
            assert upload.staged is not None
            expected[upload.staged.sha256] += 1
        _judge_readers(machine, upload)
    assert sight.slots == {place: names for place, names in machine.model.slots.items() if names}
    assert machine.world.stored() == expected
    assert [str(each) for each in invariants.violations(at_rest=True)] == []
    _judge_events(machine)


def _judge_outputs(machine: Machine, upload: Upload, sight: Sight) -> Counter[str]:
    """Each variant is readable, of the size that its recipe says, and always the same bytes."""
    outputs, state = sight.outputs[upload.name], sight.states[upload.name]
    assert sorted(outputs) == (["dot", "line"] if upload.profile == "photo" else ["line"])
    assert upload.staged is not None
    hashes: Counter[str] = Counter()
    if not upload.staged.renders:
        assert state == "degraded"
        assert {each.state for each in outputs.values()} == {"failed"}, upload
        return hashes
    assert state == "ready", upload
    for name, output in outputs.items():
        assert output.state == "ready", (upload, name, output)
        code, url = machine.world.url(upload.name, name, upload.actor)
        assert code == OK
        code, content = machine.world.fetch(url)
        assert code == OK
        [width] = struct.unpack(">I", content[16:20])
        assert width == WIDTHS[output.digest], (upload, name)
        digest = hashlib.sha256(content).hexdigest()
        known = KNOWN_OUTPUTS.setdefault((upload.staged.sha256, output.digest), digest)
        assert digest == known, (upload, name)
        hashes[digest] += 1
    return hashes


def _judge_readers(machine: Machine, upload: Upload) -> None:
    """Everybody gets what is theirs, byte for byte, and nobody else does."""
    if upload.phase == DROPPED:
        return
    for actor in ("ann", "bob", None):
        expected = machine.model.read(upload.name, actor)
        code, url = machine.world.url(upload.name, None, actor)
        assert code == expected, (upload, actor)
        if code == OK:
            assert upload.staged is not None
            assert machine.world.fetch(url) == (OK, upload.staged.content)


def _judge_events(machine: Machine) -> None:
    """Every committed transition was told of once, and nothing else was."""
    told: Counter[tuple[object, ...]] = Counter(
        (name, metadata["asset_id"], metadata["from"], metadata["to"], metadata.get("variant_name"))
        for name, _, metadata in machine.recorder.emitted
        if name.startswith(("rindle.asset.", "rindle.variant.", "rindle.upload."))
    )
    happened: Counter[tuple[object, ...]] = Counter(
        (event, str(row.asset_id), row.from_state, row.to_state, row.metadata.get("variant_name"))
        for row in Transition.objects.all()
        if (event := _event_of(row)) is not None
    )
    assert told == happened, (told - happened, happened - told)


def _event_of(row: Transition) -> str | None:
    if row.subject == "session":
        ends = {"initialized": "rindle.upload.start", "completed": "rindle.upload.stop"}
        return ends.get(row.to_state)
    return f"rindle.{row.subject}.state_change" if row.from_state else None
