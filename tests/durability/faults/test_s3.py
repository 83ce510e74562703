"""The same over HTTP: every kind of request to an S3 server meets every fault of a network and of
a server. On moto all of them, on Ceph's gateway those in which the two may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from pytest_django import Settings

from tests.durability.faults.life import receipts, whole_life
from tests.servers.endpoint import S3Endpoint
from tests.servers.faults import (
    Exchange,
    Fault,
    FaultyServer,
    cut_short,
    delete_all_but,
    dribble,
    error,
    lose_answer,
    reset,
    stall,
)
from tests.servers.fixtures import BucketFactory

pytestmark = pytest.mark.django_db(transaction=True)


def _is_of_bucket(exchange: Exchange) -> bool:
    return "?" in exchange.path


REQUESTS: dict[str, Callable[[Exchange], bool]] = {
    "put": lambda each: each.method == "PUT" and "x-amz-copy-source" not in _names(each),
    "copy": lambda each: each.method == "PUT" and "x-amz-copy-source" in _names(each),
    "head": lambda each: each.method == "HEAD" and each.path.count("/") > 2,
    "range": lambda each: each.method == "GET" and "range" in _names(each),
    "get": lambda each: (
        each.method == "GET" and "range" not in _names(each) and not _is_of_bucket(each)
    ),
    "delete": lambda each: each.method == "POST" and each.path.endswith("?delete"),
    "versioning": lambda each: each.method == "GET" and each.path.endswith("?versioning"),
    "uploads": lambda each: each.method == "GET" and "?uploads" in each.path,
}


def _names(exchange: Exchange) -> set[str]:
    return {name.lower() for name in exchange.headers}


def cut(_: Exchange) -> None:
    """The connection ends in order, without an answer."""


ANYWHERE: dict[str, Fault] = {
    "slow_down": error(503, "SlowDown"),
    "no_bucket": error(404, "NoSuchBucket"),
    "reset": reset,
}
CHANGES: dict[str, Fault] = {
    "lost": lose_answer,
    "cut": cut,
    "internal": error(500, "InternalError"),
}
# A 403 of these is not weather but a policy: rights to look around are not needed to delete.
MAY_BE_DENIED = {"versioning", "uploads"}
ALSO: dict[str, dict[str, Fault]] = {
    "put": {**CHANGES, "conflict": error(409, "ConditionalRequestConflict"), "stalled": stall(2.5)},
    "copy": {**CHANGES, "error_in_ok": error(200, "InternalError"), "stalled": stall(2.5)},
    "head": {"stalled": stall(2.5)},
    "range": {"short": cut_short, "dribbled": dribble(2000)},
    "get": {"short": cut_short, "dribbled": dribble(2000)},
    "delete": {**CHANGES, "in_part": delete_all_but("jpg", "png"), "stalled": stall(2.5)},
}
DENIED = {"denied": error(403, "AccessDenied"), "skewed": error(403, "RequestTimeTooSkewed")}


def faults_of(request: str) -> dict[str, Fault]:
    denied = {} if request in MAY_BE_DENIED else DENIED
    return {**ANYWHERE, **denied, **ALSO.get(request, {})}


@dataclass(frozen=True)
class Case:
    request: str
    fault: str
    spared: int
    times: int

    def __str__(self) -> str:
        return f"{self.request}-{self.fault}-{self.spared}-{self.times}"

    @property
    def lasts(self) -> bool:
        return self.fault in LASTING

    @property
    def weather(self) -> Fault:
        return faults_of(self.request)[self.fault]


# Requests of which there is but one in a life without faults cannot be struck at the second.
ONLY_ONCE = {"copy", "range"}
PATTERNS = ((0, 1), (0, 3), (1, 1))
# Faults that last: the library's patience is shortened for them alone.
LASTING = {"stalled", "dribbled"}


def pattern(request: str, fault: str, turn: int) -> tuple[int, int]:
    if fault in LASTING:
        return (0, 1)
    return PATTERNS[turn % (2 if request in ONLY_ONCE else 3)]


CASES = [
    Case(request, fault, *pattern(request, fault, row + column))
    for row, request in enumerate(REQUESTS)
    for column, fault in enumerate(faults_of(request))
]
ON_CEPH = [
    Case("put", "lost", 1, 1),
    Case("put", "reset", 0, 3),
    Case("copy", "lost", 0, 3),
    Case("copy", "error_in_ok", 0, 1),
    Case("get", "short", 0, 3),
    Case("range", "dribbled", 0, 1),
    Case("head", "slow_down", 1, 1),
    Case("delete", "lost", 1, 1),
    Case("delete", "denied", 0, 3),
]


def live(server: FaultyServer, case: Case) -> None:
    """Each fault reaches the library: botocore tries once only."""
    with (
        pytest.MonkeyPatch.context() as patched,
        override_settings(
            RINDLE={**django_settings.RINDLE, **({"STORAGE_TIMEOUT": 3.0} if case.lasts else {})}
        ),
    ):
        patched.setattr("rindle_django.storage.s3.bucket.TRIES", 1)
        if case.lasts:
            patched.setattr("rindle_django.storage.s3.bucket.READ_SECONDS", 2)
        _live(server, case)


def _live(server: FaultyServer, case: Case) -> None:
    weather = server.fail(
        case.weather, when=REQUESTS[case.request], times=case.times, spared=case.spared
    )
    whole_life(server.heal)
    assert weather.struck == case.times, "the fault never fired"
    assert receipts() == {"head_404"}


@contextmanager
def beyond(real: S3Endpoint, bucket: BucketFactory, settings: Settings) -> Iterator[FaultyServer]:
    """The default storage is a new bucket on this server, behind the weather."""
    with FaultyServer(real).running() as server:
        settings.STORAGES = {
            **settings.STORAGES,
            "default": server.endpoint.storage(bucket(real)),
        }
        yield server


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weather_costs_nothing(s3_server, bucket, settings, case):
    with beyond(s3_server, bucket, settings) as server:
        live(server, case)


@pytest.mark.rgw
@pytest.mark.parametrize("case", ON_CEPH, ids=str)
def test_weather_costs_nothing_on_ceph(rgw_server, bucket, settings, case):
    with beyond(rgw_server, bucket, settings) as server:
        live(server, case)
