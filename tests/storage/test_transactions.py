"""No storage call inside a database transaction: each would hold locks while it waits."""

from __future__ import annotations

import pytest
from django.db import transaction

from rindle_django.errors import Misconfigured
from rindle_django.storage import SignedURL
from rindle_django.storage.filesystem import FileSystemAdapter
from tests.storage.contract import BODY, CALLS, KEY, put

WITHOUT_IO = {"sign_put", "sign_get", "public_url"}
WITH_IO = {
    **{name: call for name, call in CALLS.items() if name not in WITHOUT_IO},
    "delete": lambda adapter, key, _: adapter.delete([key]),
    "list_objects": lambda adapter, *_: adapter.list_objects(),
    "sweep_temp": lambda adapter, *_: adapter.sweep_temp(60),
    "probe_capabilities": lambda adapter, *_: adapter.probe_capabilities(),
}


@pytest.fixture(params=["filesystem", "s3"])
def adapter(request, files, s3_store):
    if request.param == "filesystem":
        return files
    server = request.getfixturevalue("s3_server")
    return s3_store(server, request.getfixturevalue("bucket")(server))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", WITH_IO)
def test_no_call_is_made_inside_a_transaction(adapter, tmp_path, call):
    (tmp_path / "file").write_bytes(BODY)

    with transaction.atomic(), pytest.raises(Misconfigured) as refusal:
        WITH_IO[call](adapter, KEY, tmp_path / "file")

    assert refusal.value.code == "io_in_transaction"
    assert adapter.stat(KEY) is None  # and outside it may


@pytest.mark.django_db(transaction=True)
def test_urls_may_be_made_inside_a_transaction(adapter, tmp_path):
    with transaction.atomic():
        for call in WITHOUT_IO:
            CALLS[call](adapter, KEY, tmp_path)


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_commit_may_touch_storage(adapter):
    with transaction.atomic():
        transaction.on_commit(lambda: put(adapter))

    assert adapter.stat(KEY) is not None


@pytest.mark.django_db
def test_the_transaction_around_a_test_does_not_count(adapter):
    put(adapter)

    with transaction.atomic(), pytest.raises(Misconfigured):
        adapter.stat(KEY)


@pytest.mark.django_db(transaction=True)
def test_adapters_from_elsewhere_cannot_forget(files):
    class Careless(FileSystemAdapter):
        def stat(self, key):
            raise AssertionError("was called")

    with transaction.atomic(), pytest.raises(Misconfigured) as refusal:
        Careless("store", files.storage).stat(KEY)

    assert "'stat'" in str(refusal.value)


def test_a_signed_url_is_a_string_that_does_not_show_itself__S23():
    url = SignedURL("https://bucket.example/incoming/key?X-Amz-Signature=abc")

    assert repr(url) == "<SignedURL https://bucket.example/...>"
    assert repr(SignedURL("/media/token")) == "<SignedURL /...>"
    assert f"{url}" == "https://bucket.example/incoming/key?X-Amz-Signature=abc"
