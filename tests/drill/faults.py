"""The ten faults: how each is seeded, who names it and how, and what its verb is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.drill.declared import ELSEWHERE, PHOTO, USUAL
from tests.drill.project import Fell, Project


@dataclass(frozen=True)
class Named:
    """What doctor or status says: ``fix`` is the verb in its own words."""

    what: str
    finding: str
    fix: str
    samples: tuple[str, ...] = ()


Seed = Callable[[Project], list[str]]
Mend = Callable[[Project, Named], None]


@dataclass(frozen=True)
class Fault:
    """``seed`` gives the assets that have to be whole in the end. ``asks`` is the command that has
    to name it: as ``what``, by a finding and a verb of these forms. ``mend`` does what the verb
    says, and no more. ``gone`` says that the assets are to vanish instead."""

    name: str
    asks: tuple[str, ...]
    what: str
    finding: str
    verb: str
    seed: Seed
    mend: Mend
    gone: bool = False


DOCTOR, DEEP = ("rindle_doctor",), ("rindle_doctor", "--deep")
STATUS = ("rindle_runtime_status",)


def named(project: Project, fault: Fault) -> Named | None:
    """What the command says of the fault, by what it prints alone."""
    only = ("--only", fault.what) if project.narrow and fault.asks[0] == "rindle_doctor" else ()
    done = project.run(*fault.asks, *only, "--format", "json")
    if done.code not in (0, 1):
        raise Fell(f"{fault.asks[0]} ended with {done.code}: {done.out[-300:]}")
    told = done.document()
    findings = _diagnosed(told) if "diagnoses" in told else _found(told)
    for each in findings:
        if each.what == fault.what and re.search(fault.finding, each.finding):
            return each
    return None


def _diagnosed(told: dict) -> list[Named]:  # type: ignore[type-arg]
    return [
        Named(each["check"], each["finding"], each["fix"])
        for each in told["diagnoses"]
        if each["status"] != "ok"
    ]


def _found(told: dict) -> list[Named]:  # type: ignore[type-arg]
    return [
        Named(
            each["kind"],
            f"{each['count']} {each['subject']} {each['reason']}",
            each["verb"],
            tuple(each["samples"]),
        )
        for each in told["findings"]
    ]


COMMAND = re.compile(r"(?:rindle_\w+|procrastinate worker)(?: (?:-{1,2}[\w-]+|<asset>|[\w-]+))*")


def verbs(fix: str) -> list[str]:
    """The commands in a text, as far as their words go."""
    return COMMAND.findall(fix)


def _argv(command: str, *more: str, asset: str = "") -> list[str]:
    return [*command.replace("<asset>", asset).split(), *more]


def _part(fix: str, pattern: str) -> list[str]:
    """The words of the command in ``fix`` that has this form."""
    found = re.search(pattern, fix)
    if found is None:
        raise Fell(f"{fix!r} names no {pattern}")
    return found[0].split()


def _asset_of(said: Named) -> str:
    return said.samples[0].partition(":")[0]


# --- a dead worker -----------------------------------------------------------------------------


def _kill(project: Project) -> list[str]:
    project.kill_worker()
    return [project.people("upload", PHOTO)]


def _start(project: Project, said: Named) -> None:
    _, _, *options = _part(said.fix, r"procrastinate worker(?: -q \w+)?")
    project.start_worker(*options)


# --- a wrong cron line -------------------------------------------------------------------------

NIGHTLY = {"abort_incomplete_uploads": "0 1 * * *", "cleanup_orphans": "0 2 * * *"}


def _never(project: Project) -> list[str]:
    project.configure(RINDLE={"SCHEDULES": {**NIGHTLY, "cleanup_orphans": "0 2 31 2 *"}})
    project.restart_worker()
    return []


def _nightly(project: Project, said: Named) -> None:
    (line,) = re.findall(r"'([-*/,\d ]+)'", said.fix)
    project.configure(RINDLE={"SCHEDULES": {**NIGHTLY, "cleanup_orphans": line}})
    project.restart_worker()


# --- a bucket without CORS ---------------------------------------------------------------------


def _forbid(project: Project) -> list[str]:
    project.allow_uploads(False)
    return [project.people("upload", ELSEWHERE)]


def _allow(project: Project, said: Named) -> None:
    project.allow_uploads(True)


# --- a deleted object --------------------------------------------------------------------------


def _delete(project: Project) -> list[str]:
    asset = project.ready(PHOTO)
    project.file(project.people("keys", asset)["thumb"]).unlink()
    return [asset]


def _verify(project: Project, said: Named) -> None:
    verb = _part(said.fix, r"rindle_verify_storage --no-dry-run --regenerate")
    for _ in range(2):  # without the hour between
        project.mended(*verb, "--min-age", "0", "--apart", "0")


# --- an altered original -----------------------------------------------------------------------


def _alter(project: Project) -> list[str]:
    project.stop_worker()
    asset: str = project.people("upload", PHOTO)
    project.promote_only()
    path = project.file(project.people("keys", asset)["original"])
    whole = path.read_bytes()
    (project.folder / "backup").write_bytes(whole)
    path.write_bytes(whole[:-40] + bytes(40))
    project.start_worker()
    return [asset]


def _restore(project: Project, said: Named) -> None:
    asset = _asset_of(said)
    probed = project.run(
        *_argv(" ".join(_part(said.fix, r"rindle_repair reprobe <asset>")), asset=asset)
    )
    if probed.code != 1 or "Restore the object" not in probed.out:
        raise Fell(f"reprobe ended with {probed.code} and says {probed.out!r}")
    key = project.people("keys", asset)["original"]
    project.file(key).write_bytes((project.folder / "backup").read_bytes())
    verb = _part(said.fix, r"rindle_repair requeue <asset> --no-dry-run")
    project.mended(*_argv(" ".join(verb), asset=asset))


# --- a changed recipe --------------------------------------------------------------------------


def _recipe(project: Project) -> list[str]:
    asset = project.ready(PHOTO)
    project.configure(DRILL={"width": 64})
    project.restart_worker()
    return [asset]


def _remake(project: Project, said: Named) -> None:
    project.mended("rindle_plan")
    project.mended(*_part(said.fix, r"rindle_regenerate_variants --variant thumb --no-dry-run"))


# --- uploads that were left lying --------------------------------------------------------------


def _leave(project: Project) -> list[str]:
    project.configure(RINDLE={"UPLOAD_TTL": 2})
    begun = project.people("begin", "3")
    project.configure(RINDLE={})
    return list(begun)


def _expire(project: Project, said: Named) -> None:
    project.mended(*_part(said.fix, r"rindle_abort_incomplete_uploads"))
    ended = project.until("ended uploads are named", lambda: named(project, ENDED))
    project.mended(*_part(ended.fix, r"rindle_cleanup_orphans --no-dry-run"))
    if named(project, ENDED) is not None:
        raise Fell("ended uploads are still there")


# --- no room for working copies ----------------------------------------------------------------


# A machine that does not reconcile, as that sweeps: another one does, and knows nothing of this.
ONLY_MEDIA = ("-q", "rindle_promote,rindle_process,rindle_purge")


def _fill(project: Project) -> list[str]:
    project.stop_worker()
    project.fill_temp()
    project.start_worker(*ONLY_MEDIA)
    return [project.people("upload", PHOTO)]


def _sweep(project: Project, said: Named) -> None:
    project.mended(*_part(said.fix, r"rindle_sweep_temp_files --no-dry-run"))
    project.restart_worker()


# --- a limit that was too low ------------------------------------------------------------------


def _limit(project: Project) -> list[str]:
    project.configure(DRILL={"width": 64, "max_pixels": 10_000})
    project.restart_worker()
    return [project.people("upload", PHOTO)]


def _let_out(project: Project, said: Named) -> None:
    project.configure(DRILL={"width": 64, "max_pixels": USUAL["max_pixels"]})
    project.restart_worker()
    verb = _part(said.fix, r"rindle_repair unquarantine <asset> --no-dry-run")
    project.mended(*_argv(" ".join(verb), asset=_asset_of(said)))


# --- a storage that does not answer ------------------------------------------------------------


def _close(project: Project) -> list[str]:
    project.stop_worker()
    asset: str = project.people("upload", ELSEWHERE)
    project.close_storage()
    project.start_worker()
    project.until("it was tried in vain", lambda: _waits_for_storage(project, asset))
    return [asset]


def _waits_for_storage(project: Project, asset: str) -> bool:
    """Nothing is concluded about the bytes."""
    told = project.mended("rindle_explain", asset).out
    return (
        "storage_unavailable" in told and re.search("is (validating|analyzing)", told) is not None
    )


def _reopen(project: Project, said: Named) -> None:
    project.open_storage()
    project.mended(*_part(said.fix, r"rindle_reconcile"))


FAULTS: tuple[Fault, ...] = (
    Fault(
        "dead worker", DOCTOR, "workers.alive", "fell silent", "procrastinate worker", _kill, _start
    ),
    Fault(
        "wrong cron",
        DOCTOR,
        "schedules.cron",
        "cleanup_orphans.*never fires",
        "five fields",
        _never,
        _nightly,
    ),
    Fault(
        "missing CORS",
        DOCTOR,
        "storages.cors",
        "bucket.*no CORS rule",
        "put_bucket_cors",
        _forbid,
        _allow,
    ),
    Fault(
        "deleted object",
        DEEP,
        "invariants.hold",
        "^present_exists",
        "rindle_verify_storage",
        _delete,
        _verify,
    ),
    Fault(
        "corrupt source",
        STATUS,
        "failed",
        "variant checksum_mismatch",
        "rindle_repair reprobe",
        _alter,
        _restore,
    ),
    Fault(
        "changed recipe",
        DOCTOR,
        "profiles.recipes",
        "variant 'thumb'",
        "rindle_regenerate_variants",
        _recipe,
        _remake,
    ),
    Fault(
        "expired sessions",
        STATUS,
        "expired",
        "^3 session",
        "rindle_abort_incomplete_uploads",
        _leave,
        _expire,
        gone=True,
    ),
    Fault(
        "full temp dir",
        DOCTOR,
        "temp.folder",
        "ENOSPC|MB free",
        "rindle_sweep_temp_files",
        _fill,
        _sweep,
    ),
    Fault(
        "quarantined file",
        STATUS,
        "quarantined",
        "asset pixels_exceeded",
        "rindle_repair unquarantine",
        _limit,
        _let_out,
    ),
    Fault(
        "storage down",
        DOCTOR,
        "storages.round_trip",
        "'bucket'.*did not answer",
        "See that it runs.*rindle_reconcile",
        _close,
        _reopen,
    ),
)
ENDED = Fault(
    "ended sessions", STATUS, "expired", "session", "rindle_cleanup_orphans", _leave, _expire
)
