"""A one-node Ceph with its S3 gateway, on loopback: an S3 server that really refuses.

One monitor, one object store in memory, one gateway; all state in one temporary folder, all
ports free ones. Takes about a quarter of a minute to start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

from example_project.services.ports import free_port
from tests.servers.endpoint import S3Endpoint

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
ACCESS_KEY, SECRET_KEY = "rgw-test-key", "rgw-test-secret"
START_SECONDS = 60
STARTS = 2
OSD_STARTS = 5

CONFIG = """\
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}
mon initial members = a
public network = 127.0.0.0/8
ms bind ipv4 = true
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 1000
mon pg warn min per osd = 0
mon osd down out interval = 0
osd class load list = *
osd class default list = *

[mon]
mon data = {folder}/mon
mon data avail warn = 2
mon data avail crit = 1

[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
# Else the start races with the map that this store is added to, and ends with "wrong fsid".
osd class update on start = false
osd crush update on start = false

[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw dns name = localhost
rgw enable usage log = false
rgw enable ops log = false
rgw crypt require ssl = false
rgw override bucket index max shards = 1
rgw dynamic resharding = false
rgw thread pool size = 32
rgw rados pool pg num min = 1
"""


class NotInstalled(RuntimeError):
    """Programs of Ceph are missing."""


def explain_missing() -> str | None:
    """What to install, or None if everything is there."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return None
    return (
        f"Ceph's S3 gateway cannot be started: no {', '.join(missing)}. On Debian or Ubuntu: "
        "apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common"
    )


@contextmanager
def running_rgw() -> Iterator[S3Endpoint]:
    """Raises NotInstalled with what to install, or RuntimeError with where its logs are."""
    if problem := explain_missing():
        raise NotInstalled(problem)
    node, endpoint = started()
    try:
        yield endpoint
    finally:
        node.stop()
        shutil.rmtree(node.folder, ignore_errors=True)


def started() -> tuple[Node, S3Endpoint]:
    """A busy machine may take a port that was free a moment ago: once more, then, elsewhere."""
    failures: list[str] = []
    while True:
        node = Node(Path(mkdtemp(prefix="rindle-rgw-")))
        try:
            return node, node.start()
        except (RuntimeError, subprocess.TimeoutExpired) as failure:
            node.stop()
            failures.append(f"{failure} (logs: {node.folder}/log)")
            if len(failures) == STARTS:
                raise RuntimeError("; ".join(failures)) from failure
        except BaseException:
            node.stop()
            raise


@dataclass
class Node:
    folder: Path
    port: int = field(default_factory=free_port)
    mon_port: int = field(default_factory=free_port)
    fsid: str = field(default_factory=lambda: str(uuid4()))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> S3Endpoint:
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.folder / name).mkdir()
        self.config.write_text(
            CONFIG.format(
                fsid=self.fsid, folder=self.folder, port=self.port, mon_port=self.mon_port
            )
        )
        self._start_monitor()
        self._start_store()
        self._start_gateway()
        return S3Endpoint(f"http://127.0.0.1:{self.port}", ACCESS_KEY, SECRET_KEY)

    def stop(self) -> None:
        """The gateway first, so that it does not wait for a cluster that is gone."""
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    @property
    def config(self) -> Path:
        return self.folder / "ceph.conf"

    def _start_monitor(self) -> None:
        monmap = self.folder / "monmap"
        address = f"[v1:127.0.0.1:{self.mon_port}]"
        run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", address, str(monmap))
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap))
        monitor = self._spawn("ceph-mon", "-i", "a", "-f")
        self._await("monitor", monitor, lambda: self._says("mon", "stat"))

    def _start_store(self) -> None:
        identity = str(uuid4())
        self._run("ceph", "osd", "new", identity, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self._run("ceph", "osd", "crush", "add", "osd.0", "1", "host=localhost", "root=default")
        for _ in range(OSD_STARTS):
            store = self._spawn("ceph-osd", "-i", "0", "-f")
            if self._wait(store, lambda: self._says("osd", "stat", holding=b"1 up")):
                return
            self.processes.remove(store)
            store.kill()
            store.wait()
        raise RuntimeError("The object store of Ceph did not start")

    def _start_gateway(self) -> None:
        gateway = self._spawn("radosgw", "-n", "client.rgw", "-f")
        self._await("gateway", gateway, lambda: answers(self.port))
        self._run(
            "radosgw-admin",
            *("-n", "client.rgw", "user", "create", "--uid=test", "--display-name=test"),
            *(f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"),
        )

    def _run(self, program: str, *arguments: str) -> bytes:
        return run(program, "-c", str(self.config), *arguments)

    def _says(self, *command: str, holding: bytes = b"") -> bool:
        try:
            return holding in self._run("ceph", "--connect-timeout", "4", *command)
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log" / f"{program}.out").open("ab") as log:
            process = subprocess.Popen(
                [program, "-c", str(self.config), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the tests; they stop us in order
            )
        self.processes.append(process)
        return process

    def _await(
        self, what: str, process: subprocess.Popen[bytes], is_up: Callable[[], bool]
    ) -> None:
        if not self._wait(process, is_up):
            raise RuntimeError(f"The {what} of Ceph did not start")

    def _wait(self, process: subprocess.Popen[bytes], is_up: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if is_up():
                return True
            time.sleep(0.2)
        return False


def run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=60, env=environment(), check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Ours, without what would lead Ceph to another cluster, or its Python to our packages."""
    misleading = ("CEPH_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(misleading)}


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
