"""The reference: what the library promises, said again in dicts, without a database or a storage.

Whatever a caller does changes it at once and exactly. What jobs do may happen late or be lost, so
for them it says only what *may* become of an upload (``may_become``) and what must have become of
it once nothing is left to do (``at_rest``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.durability.model.contents import File

UPLOAD_TTL = 3600
STAGING_SETTLES = 7200
QUARANTINE_TTL = 7 * 86_400
LIMIT = 3

# What an asset is to those outside. ``dropped``: its rows are gone.
STAGED, PENDING, LIVE, REFUSED, DELETED, DROPPED = (
    "staged",
    "pending",
    "live",
    "refused",
    "deleted",
    "dropped",
)
SLOTS = {
    "article1": ("cover", "photos"),
    "article2": ("cover", "photos"),
    "tag1": ("icon",),
    "group1": ("logo",),  # a class that declares no slots: any name, any profile
}
MANY = frozenset({"photos"})
OK = "ok"


@dataclass
class Upload:
    """One upload and what became of it."""

    name: str
    profile: str
    actor: str | None
    size: int
    declared: File | None  # whose checksum was declared
    begun_at: float
    session: str = "open"
    signed: bool = False
    staged: File | None = None
    phase: str = STAGED
    unwanted: bool = False
    refused_at: float = 0.0

    @property
    def sound(self) -> bool:
        assert self.staged is not None
        return self.staged.sound and self.declared in (None, self.staged)


@dataclass
class Reference:
    uploads: dict[str, Upload] = field(default_factory=dict)
    slots: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    owners: set[str] = field(default_factory=lambda: set(SLOTS))
    now: float = 0.0

    # --- uploads -------------------------------------------------------------------------------

    def begin(
        self, name: str, profile: str, actor: str | None, size: int, declared: File | None
    ) -> str:
        """A new upload. The guarded profile takes none from nobody."""
        if profile == "guarded" and actor is None:
            return "not_allowed"
        if size > 1 << 24:
            return "bytes_exceeded_upload"
        self.uploads[name] = Upload(name, profile, actor, size, declared, self.now)
        return OK

    def sign(self, name: str, actor: str | None) -> str:
        upload = self.uploads[name]
        if self._foreign(upload, actor):
            return "session_not_found"
        if upload.session != "open":
            return "ticket_used"
        if self.overdue(upload):
            return "ticket_expired"
        upload.signed = True
        return OK

    def put(self, name: str, file: File) -> str:
        """By the signed request, as declared or otherwise."""
        upload = self.uploads[name]
        if len(file.content) != upload.size:
            return "length_mismatch"
        if upload.phase == DROPPED:
            return "session_not_found"
        if upload.session != "open":
            return "ticket_used"
        if upload.declared not in (None, file):
            return "checksum_mismatch"
        return self.slip_in(name, file)

    def slip_in(self, name: str, file: File) -> str:
        """Past what the signature binds, as a storage that binds less would let it."""
        upload = self.uploads[name]
        if upload.staged is not None:
            return "object_exists"
        upload.staged = file
        return OK

    def verify(self, name: str, actor: str | None) -> str:
        upload = self.uploads[name]
        if self._foreign(upload, actor):
            return "session_not_found"
        if upload.session != "open":
            return OK if upload.session == "completed" else f"upload_{upload.session}"
        if upload.staged is None:
            return "upload_expired" if self.overdue(upload) else "object_missing"
        if len(upload.staged.content) != upload.size:
            self._end(upload, "failed")
            return "length_mismatch"
        if self.overdue(upload):
            return "upload_expired"
        upload.session, upload.phase = "completed", PENDING
        return OK

    def abort(self, name: str, actor: str | None) -> str:
        upload = self.uploads[name]
        if self._foreign(upload, actor):
            return "session_not_found"
        if upload.session == "completed":
            return "ticket_used"
        if upload.session == "open":
            self._end(upload, "aborted")
        return OK

    def expire_overdue(self) -> int:
        overdue = [each for each in self.uploads.values() if each.session == "open"]
        overdue = [each for each in overdue if each.phase != DROPPED and self.overdue(each)]
        for upload in overdue:
            upload.session = "expired"
        return len(overdue)

    def cleanup(self) -> None:
        """Ended uploads and old refused ones are tombstoned; whether they are dropped yet depends
        on their objects."""
        for upload in self.uploads.values():
            ended = upload.phase == STAGED and upload.session in ("aborted", "expired", "failed")
            old = upload.phase == REFUSED and self.now - upload.refused_at >= QUARANTINE_TTL
            if (ended or old) and not self.attached(upload.name):
                upload.phase = DELETED

    def overdue(self, upload: Upload) -> bool:
        return self.now - upload.begun_at >= UPLOAD_TTL

    def _end(self, upload: Upload, how: str) -> None:
        upload.session = how
        if upload.phase == STAGED:
            upload.phase = DELETED

    def _foreign(self, upload: Upload, actor: str | None) -> bool:
        return upload.phase == DROPPED or actor != upload.actor

    # --- slots ---------------------------------------------------------------------------------

    def attach(self, owner: str, slot: str, name: str, actor: str | None) -> str:
        upload, present = self.uploads[name], self.slots.setdefault((owner, slot), [])
        refusal = self._attachable(owner, upload, actor)
        if refusal is not None:
            return refusal
        if name in present:
            return OK
        if slot in MANY and len(present) >= LIMIT:
            return "slot_full"
        if slot not in MANY:
            self.detach(owner, slot)
        self.slots[owner, slot].append(name)
        upload.unwanted = False
        return OK

    def _attachable(self, owner: str, upload: Upload, actor: str | None) -> str | None:
        if owner not in self.owners:
            return "owner_unsaved"
        if upload.phase == DROPPED or (actor is not None and actor != upload.actor):
            return "asset_not_found"
        if upload.phase in (STAGED, REFUSED, DELETED):
            return "asset_not_attachable"
        if upload.profile != "photo" and owner != "group1":
            return "slot_profile_mismatch"
        return None

    def detach(self, owner: str, slot: str, name: str | None = None) -> int:
        present = self.slots.get((owner, slot), [])
        leaving = [each for each in present if name in (None, each)]
        self.slots[owner, slot] = [each for each in present if each not in leaving]
        for each in leaving:
            self.uploads[each].unwanted = not self.attached(each)
        return len(leaving)

    def delete_owner(self, owner: str) -> None:
        self.owners.discard(owner)
        for slot in SLOTS[owner]:
            self.detach(owner, slot)

    def attached(self, name: str) -> bool:
        return any(name in present for present in self.slots.values())

    def discard(self, name: str) -> str | bool:
        upload = self.uploads[name]
        if upload.phase == DROPPED:
            return "asset_not_found"
        if self.attached(name) or upload.phase == DELETED:
            return False
        if upload.session == "open":
            upload.session = "aborted"
        upload.phase = DELETED
        return True

    # --- reading -------------------------------------------------------------------------------

    def read(self, name: str, actor: str | None) -> str:
        """Whether ``actor`` is given a URL of the original or of a variant."""
        upload = self.uploads[name]
        if upload.profile == "guarded" and (actor is None or actor != upload.actor):
            return "not_allowed"
        return OK if upload.phase == LIVE else "not_deliverable"

    # --- what jobs do --------------------------------------------------------------------------

    def may_become(self, upload: Upload, phase: str) -> bool:
        """Whether a job, run at any moment, may have brought the upload there."""
        if phase == upload.phase:
            return True
        if phase == LIVE:
            return upload.phase == PENDING and upload.sound
        if phase == REFUSED:
            return upload.phase == PENDING and not upload.sound
        unwanted = upload.phase == DELETED or (upload.unwanted and not self.attached(upload.name))
        if phase == DROPPED:
            return unwanted and self._settled(upload)
        return phase == DELETED and unwanted

    def _settled(self, upload: Upload) -> bool:
        """Whether no client can be writing any more; on a file system none can once an upload is
        complete."""
        return upload.session == "completed" or self.now - upload.begun_at >= STAGING_SETTLES

    def observe(self, upload: Upload, phase: str) -> None:
        if phase == REFUSED and upload.phase != REFUSED:
            upload.refused_at = self.now
        upload.phase = phase

    def at_rest(self, upload: Upload) -> str:
        """What the upload has to be once its time is over, all jobs ran and cleanup went round."""
        if upload.session != "completed" or upload.phase in (DELETED, DROPPED):
            return DROPPED
        if upload.unwanted and not self.attached(upload.name):
            return DROPPED
        if upload.sound:
            return LIVE
        return REFUSED
