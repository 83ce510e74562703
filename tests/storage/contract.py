"""What every storage has to do, as tests. A subclass provides the ``adapter``.

``FlowContract`` can be kept by a simulator. ``RefusalContract`` adds what only a storage that
means its refusals can keep.
"""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rindle_django.errors import ContentRefused, Misconfigured, RequestRefused, RindleError
from rindle_django.storage import PREFIXES, Adapter, ObjectStat

KEY = "incoming/asset/object.jpg"
OTHER = "originals/asset/object.jpg"
BODY = bytes(range(256)) * 40
MIB = 1 << 20

ESCAPING = [
    "",
    "/etc/passwd",
    "../outside",
    "a/../../outside",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "a\\..\\b",
    "a\0b",
    "a\n",
    "a b",
    "Ä",
    "%2e%2e/a",
    "*",
    ".rindle-tmp/a",
    "a/.hidden",
    "a" * 1000,
]

CALLS: dict[str, Callable[[Adapter, str, Path], object]] = {
    "stat": lambda adapter, key, _: adapter.stat(key),
    "read_range": lambda adapter, key, _: adapter.read_range(key, 0, 1),
    "download": lambda adapter, key, path: adapter.download(key, path),
    "put_file": lambda adapter, key, path: adapter.put_file(key, path, content_type="a/b"),
    "put_stream": lambda adapter, key, _: put(adapter, key),
    "copy_from": lambda adapter, key, _: adapter.copy(key, OTHER, content_type="a/b"),
    "copy_to": lambda adapter, key, _: adapter.copy(KEY, key, content_type="a/b"),
    "sign_put": lambda adapter, key, _: adapter.sign_put(
        key, length=1, content_type="a/b", sha256=None, expires_in=60
    ),
    "sign_get": lambda adapter, key, _: adapter.sign_get(
        key, content_type="a/b", disposition=None, ttl=60
    ),
    "public_url": lambda adapter, key, _: adapter.public_url(key),
}


def put(adapter: Adapter, key: str = KEY, body: bytes = BODY) -> ObjectStat:
    return adapter.put_stream(
        key, [body], length=len(body), content_type="image/jpeg", limit=len(body)
    )


def read(adapter: Adapter, key: str = KEY) -> bytes:
    return adapter.read_range(key, 0, 100 * MIB)


class FlowContract:
    stores_headers = True
    confirmation = "head_404"

    @pytest.fixture
    def adapter(self) -> Adapter:
        raise LookupError("a subclass says which storage is tested")

    # --- what is put can be read ---------------------------------------------------------------

    def test_a_stream_is_stored_whole(self, adapter):
        chunks = [BODY[:100], b"", BODY[100:]]
        stored = adapter.put_stream(
            KEY, iter(chunks), length=len(BODY), content_type="image/jpeg", limit=len(BODY)
        )

        assert stored.size == len(BODY)
        assert read(adapter) == BODY
        assert adapter.stat(KEY) == stored

    def test_a_stream_of_unknown_length_is_stored_whole(self, adapter):
        adapter.put_stream(KEY, [BODY], length=None, content_type="a/b", limit=len(BODY))

        assert read(adapter) == BODY

    def test_a_file_is_stored_whole(self, adapter, tmp_path):
        (tmp_path / "file").write_bytes(BODY)

        stored = adapter.put_file(KEY, tmp_path / "file", content_type="image/jpeg")

        assert stored.size == len(BODY)
        assert read(adapter) == BODY

    def test_an_empty_object_is_an_object(self, adapter):
        stored = put(adapter, body=b"")

        assert stored.size == 0
        assert adapter.stat(KEY) == stored
        assert adapter.read_range(KEY, 0, 10) == b""

    def test_headers_are_stored_with_the_object__S2(self, adapter, tmp_path):
        (tmp_path / "file").write_bytes(BODY)

        stored = adapter.put_file(
            KEY, tmp_path / "file", content_type="image/webp", cache_control="public, max-age=9"
        )

        assert stored.content_type == ("image/webp" if self.stores_headers else None)

    def test_a_range_ends_where_the_object_ends(self, adapter):
        put(adapter, body=b"0123456789")

        assert adapter.read_range(KEY, 2, 3) == b"234"
        assert adapter.read_range(KEY, 8, 100) == b"89"
        assert adapter.read_range(KEY, 10, 100) == b""
        assert adapter.read_range(KEY, 0, 0) == b""

    def test_a_download_is_exact_and_shows_every_piece(self, adapter, tmp_path):
        body = BODY * 300  # some chunks
        put(adapter, body=body)
        digest = hashlib.sha256()

        received = adapter.download(KEY, tmp_path / "copy", on_chunk=digest.update)

        assert received == len(body)
        assert (tmp_path / "copy").read_bytes() == body
        assert digest.digest() == hashlib.sha256(body).digest()

    def test_a_download_over_the_limit_is_refused_and_leaves_nothing(self, adapter, tmp_path):
        put(adapter)

        with pytest.raises(ContentRefused) as refusal:
            adapter.download(KEY, tmp_path / "copy", limit=len(BODY) - 1)

        assert refusal.value.code == "bytes_exceeded"
        assert not (tmp_path / "copy").exists()
        assert adapter.download(KEY, tmp_path / "copy", limit=len(BODY)) == len(BODY)

    def test_a_download_that_its_reader_breaks_off_leaves_nothing(self, adapter, tmp_path):
        put(adapter)

        def balk(chunk: bytes) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            adapter.download(KEY, tmp_path / "copy", on_chunk=balk)

        assert not (tmp_path / "copy").exists()

    # --- what is not there ---------------------------------------------------------------------

    def test_absence_has_one_name_for_all__S5(self, adapter, tmp_path):
        put(adapter, OTHER)  # so that the storage itself is there

        assert adapter.stat(KEY) is None
        for call in ("read_range", "download", "copy_from"):
            with pytest.raises(RequestRefused) as refusal:
                CALLS[call](adapter, KEY, tmp_path / "copy")
            assert refusal.value.code == "object_missing"
        assert not (tmp_path / "copy").exists()

    @pytest.mark.parametrize("call", CALLS)
    def test_no_call_takes_a_key_that_escapes__S3(self, adapter, tmp_path, call):
        (tmp_path / "file").write_bytes(BODY)
        put(adapter)

        for key in ESCAPING:
            with pytest.raises(Misconfigured, match="is not a storage key"):
                CALLS[call](adapter, key, tmp_path / "file")

    # --- once, and as declared -----------------------------------------------------------------

    @pytest.mark.parametrize("call", ["put_stream", "put_file"])
    def test_a_key_that_is_taken_is_not_written_over(self, adapter, tmp_path, call):
        put(adapter, body=b"the first")
        (tmp_path / "file").write_bytes(BODY)

        with pytest.raises(RequestRefused) as refusal:
            CALLS[call](adapter, KEY, tmp_path / "file")

        assert refusal.value.code == "object_exists"
        assert read(adapter) == b"the first"

    @pytest.mark.parametrize(
        ("declared", "code"),
        [
            ({"length": len(BODY) + 1}, "length_mismatch"),
            ({"length": len(BODY) - 1}, "length_mismatch"),
            ({"length": 0}, "length_mismatch"),
            ({"limit": len(BODY) - 1}, "bytes_exceeded_upload"),
            ({"length": None, "limit": len(BODY) - 1}, "bytes_exceeded_upload"),
            ({"sha256": "0" * 64}, "checksum_mismatch"),
        ],
    )
    def test_what_is_not_as_declared_leaves_nothing(self, adapter, declared, code):
        terms = {"length": len(BODY), "limit": 10 * MIB, "sha256": None, **declared}

        with pytest.raises(RindleError) as refusal:
            adapter.put_stream(KEY, [BODY[:10], BODY[10:]], content_type="a/b", **terms)

        assert refusal.value.code == code
        put(adapter, OTHER)
        assert adapter.stat(KEY) is None
        assert put(adapter).size == len(BODY)  # and the key is as free as before

    def test_the_declared_checksum_is_accepted_in_either_case(self, adapter):
        digest = hashlib.sha256(BODY).hexdigest().upper()

        stored = adapter.put_stream(
            KEY, [BODY], length=None, content_type="a/b", limit=MIB, sha256=digest
        )

        assert stored.size == len(BODY)

    def test_an_endless_stream_is_not_read_to_its_end(self, adapter):
        taken = 0

        def endless() -> Iterator[bytes]:
            nonlocal taken
            while True:
                taken += 1
                yield b"x" * 1000

        with pytest.raises(RequestRefused):
            adapter.put_stream(KEY, endless(), length=None, content_type="a/b", limit=5000)

        assert taken == 6

    def test_a_sender_who_fails_is_heard_and_leaves_nothing(self, adapter):
        def broken() -> Iterator[bytes]:
            yield b"half of it"
            raise ConnectionResetError("the client went away")

        with pytest.raises(ConnectionResetError, match="went away"):
            adapter.put_stream(KEY, broken(), length=None, content_type="a/b", limit=MIB)

        put(adapter, OTHER)
        assert adapter.stat(KEY) is None

    # --- copies --------------------------------------------------------------------------------

    def test_a_copy_is_another_object_with_headers_of_its_own(self, adapter):
        put(adapter)

        stored = adapter.copy(KEY, OTHER, content_type="image/png", cache_control="private")

        assert stored.size == len(BODY)
        assert stored.content_type == ("image/png" if self.stores_headers else None)
        assert adapter.delete([KEY]).confirmed.keys() == {KEY}
        assert read(adapter, OTHER) == BODY

    # --- deletion ------------------------------------------------------------------------------

    def test_deletion_is_confirmed_key_by_key(self, adapter):
        keys = [f"variants/asset/{number}" for number in range(5)]
        for key in keys:
            put(adapter, key)
        put(adapter, "variants/asset/1.jpg")  # begins like one of them

        deletion = adapter.delete([*keys, "variants/asset/never-there"])

        assert deletion.confirmed == dict.fromkeys(
            [*keys, "variants/asset/never-there"], self.confirmation
        )
        assert deletion.failed == {}
        assert [adapter.stat(key) for key in keys] == [None] * 5
        assert adapter.stat("variants/asset/1.jpg") is not None

    def test_deleting_again_is_no_failure(self, adapter):
        put(adapter)

        assert adapter.delete([KEY]).confirmed.keys() == {KEY}
        assert adapter.delete([KEY]).confirmed.keys() == {KEY}

    def test_deleting_nothing_is_no_failure(self, adapter):
        assert adapter.delete([]).failed == {}

    def test_one_bad_key_does_not_keep_the_others(self, adapter):
        put(adapter)

        deletion = adapter.delete(["../outside", KEY])

        assert deletion.confirmed.keys() == {KEY}
        assert deletion.failed == {"../outside": "bad_key"}

    # --- listing -------------------------------------------------------------------------------

    def test_a_listing_has_everything_of_ours_by_ascending_bytes(self, adapter):
        # "-" and "." sort before "/", digits behind it.
        keys = ["a-b/1", "a.b/1", "a/1", "a/1-1", "a/1.jpg", "a/10", "a/2/3", "a0/1", "b"]
        keys = [f"{prefix}/{key}" for prefix in PREFIXES.values() for key in keys]
        for key in sorted(keys, key=hash):
            put(adapter, key)
        put(adapter, "elsewhere/a")
        put(adapter, "originals-of-others/a")

        listed = list(adapter.list_objects())

        assert [found.key for found in listed] == sorted(keys, key=str.encode)
        assert {(found.kind, found.size) for found in listed} == {("object", len(BODY))}

    def test_a_listing_goes_on_strictly_behind_any_key(self, adapter):
        keys = [f"{prefix}/{key}" for prefix in PREFIXES.values() for key in ("a", "b/c", "b0")]
        for key in keys:
            put(adapter, key)
        somewhere = ["", "incoming", "incoming/b", "incoming/b/", "originals/a/z", "variants0", "z"]

        for after in [*keys, *somewhere]:
            rest = [found.key for found in adapter.list_objects(after)]
            assert rest == sorted(key for key in keys if key > after), after

    def test_a_listing_tells_when_an_object_came(self, adapter):
        before = datetime.now(UTC) - timedelta(seconds=2)  # storages round to the second
        put(adapter, KEY, b"12345")
        adapter.copy(KEY, OTHER, content_type="a/b")

        for found in adapter.list_objects():
            assert before <= found.modified_at <= datetime.now(UTC) + timedelta(seconds=2)
            assert found.size == 5

    def test_what_was_deleted_is_listed_no_more(self, adapter):
        put(adapter, KEY)
        put(adapter, OTHER)

        adapter.delete([KEY])

        assert [found.key for found in adapter.list_objects()] == [OTHER]

    # --- URLs ----------------------------------------------------------------------------------

    def test_a_signed_url_is_the_same_for_all_who_ask_alike(self, adapter):
        asked = {"content_type": "image/png", "disposition": "inline", "ttl": 86_400}
        url = adapter.sign_get(KEY, **asked)

        assert adapter.sign_get(KEY, **asked) == url
        for other in ({"content_type": "image/gif"}, {"disposition": None}, {"ttl": 60}):
            assert adapter.sign_get(KEY, **{**asked, **other}) != url
        assert adapter.sign_get(OTHER, **asked) != url

    def test_signed_urls_do_not_show_in_representations__S23(self, adapter):
        request = adapter.sign_put(KEY, length=1, content_type="a/b", sha256=None, expires_in=60)
        url = adapter.sign_get(KEY, content_type="a/b", disposition=None, ttl=60)

        for shown, hidden in ((repr(request), request.url), (repr([url]), url)):
            secret = hidden.rstrip("/")[-40:]
            assert secret not in shown
        assert str(url)[-40:] == url[-40:]

    def test_a_public_url_bears_no_signature__W4_2(self, adapter):
        url = adapter.public_url(KEY)

        assert url.endswith("/" + KEY)
        assert "?" not in url


class RefusalContract(FlowContract):
    def test_one_of_sixteen_writers_wins(self, adapter):
        at_once = threading.Barrier(16)

        def write(number: int) -> int | None:
            at_once.wait()
            try:
                put(adapter, body=b"%02d" % number * 5000)
            except RequestRefused:
                return None
            return number

        with ThreadPoolExecutor(16) as pool:
            winners = [number for number in pool.map(write, range(16)) if number is not None]

        assert len(winners) == 1
        assert read(adapter) == b"%02d" % winners[0] * 5000

    def test_a_large_object_is_never_whole_in_memory__S1(self, adapter, tmp_path):
        size = 96 * MIB
        (tmp_path / "large").touch()
        with (tmp_path / "large").open("r+b") as large:
            large.truncate(size)

        tracemalloc.start()
        try:
            adapter.put_file(KEY, tmp_path / "large", content_type="a/b")
            adapter.copy(KEY, OTHER, content_type="a/b")
            adapter.download(OTHER, tmp_path / "back")
            chunks = (bytes(MIB) for _ in range(96))
            adapter.put_stream("incoming/b", chunks, length=size, content_type="a/b", limit=size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert (tmp_path / "back").stat().st_size == size
        assert peak < 48 * MIB
