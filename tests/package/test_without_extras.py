"""A project without the extras imports the app, passes its checks and is told what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rindle_django import discard, upload
from rindle_django.models import Asset
from tests.jobs.worker import environment
from tests.kit import fresh, named, picture

REPOSITORY = Path(__file__).resolve().parents[2]
# A finder that knows nothing of the packages named, as if they had never been installed.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.split(".")[0] in {names!r} else found(name, package)
)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""

QUIET = """
from rindle_django import observe, telemetry
assert observe() is False
assert telemetry.measuring() is False
assert telemetry.tracing() is False
assert telemetry.current_traceparent() == ""
with telemetry.span("rindle.purge", parent="00-x", attributes={"rindle.asset_id": "1"}) as span:
    span.failed(ConnectionError("secret"))
with telemetry.received("rindle.request.begin", {"traceparent": "x"}):
    telemetry.link("00-x", 1)
with telemetry.timed("rindle.job.duration", {"queue": "q", "task": "t"}):
    telemetry.record("rindle.claim.lost", 1, {"subject": "asset"})
print("all quiet")
"""


def manage_without(packages: set[str], *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT.format(names=packages), *command],
        cwd=REPOSITORY,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_check_passes_without_libvips_and_says_what_to_install():
    said = manage_without({"pyvips", "_libvips", "pyvips_binary"}, "check")
    assert "rindle.W002" in said
    assert "rindle-django[vips]" in said


def test_check_passes_without_any_extra():
    packages = {"pyvips", "_libvips", "boto3", "storages", "pillow_heif", "opentelemetry"}
    assert "0 errors" not in manage_without(packages, "check")


@pytest.mark.django_db(transaction=True)
def test_a_worker_without_opentelemetry_takes_a_photo_all_the_way():
    asset = upload("photo", named(picture(64, 48), "heron.jpg"))
    worker = ("procrastinate", "worker", "--one-shot", "--no-listen-notify")
    manage_without({"opentelemetry"}, *worker, **environment())
    assert fresh(asset).state == "ready"
    discard(asset.pk)
    manage_without({"opentelemetry"}, *worker, **environment())
    assert not Asset.objects.exists()


def test_without_opentelemetry_there_is_nothing_to_observe_and_no_error():
    said = manage_without({"opentelemetry"}, "shell", "-c", QUIET)
    assert "all quiet" in said


def test_s3_without_boto3_is_an_error_that_names_the_extra(tmp_path: Path):
    settings = tmp_path / "s3settings.py"
    settings.write_text(
        "from tests.settings import *\n"
        'STORAGES = {**STORAGES, "default": {"BACKEND": "storages.backends.s3.S3Storage"}}\n'
    )
    with pytest.raises(AssertionError, match=r"rindle-django\[s3\]"):
        manage_without(
            {"boto3", "storages"},
            "check",
            DJANGO_SETTINGS_MODULE="s3settings",
            PYTHONPATH=str(tmp_path),
        )


def test_importing_the_package_needs_no_settings_and_loads_no_models():
    code = "import sys, rindle_django; print(rindle_django.__version__, 'django' in sys.modules)"
    environment = {
        key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
    )
    assert done.stdout.split()[1] == "False", done.stderr


def test_every_public_verb_can_be_had_and_is_documented():
    import rindle_django

    for name in rindle_django.__all__:
        found = getattr(rindle_django, name)
        assert name == "__version__" or found.__doc__, name


MEDIA = """
from rindle_django import Profile, VideoRecipe
from rindle_django.errors import Misconfigured
from rindle_django.uploads.declared import check_declared
from django.core.checks import run_checks

class Film(Profile):
    name = "film"
    content_types = ("video/mp4", "image/jpeg")
    variants = {"web": VideoRecipe()}

print(*sorted(each.id for each in run_checks(tags=["rindle"])))
check_declared(Film, filename="a.jpg", content_type="image/jpeg", byte_size=1)
try:
    check_declared(Film, filename="a.mp4", content_type="video/mp4", byte_size=1)
except Misconfigured as error:
    print(error)
"""


def test_without_what_audio_and_video_need_images_work_and_it_is_said_what_to_install():
    shell = ("shell", "-v", "0", "-c", MEDIA)
    said = manage_without({"av", "imageio_ffmpeg"}, *shell, PATH="/nowhere")
    ids, refusal = said.strip().splitlines()[-2:]
    assert {"rindle.W003", "rindle.W013"} <= set(ids.split())
    assert "video/mp4 cannot be decoded here" in refusal
    assert "rindle-django[av]" in refusal
    # PyAV alone is enough to look into files, and not to make something of them.
    said = manage_without({"imageio_ffmpeg"}, *shell, PATH="/nowhere")
    ids, refusal = said.strip().splitlines()[-2:]
    assert "rindle.W013" in ids.split()
    assert "rindle.W003" not in ids.split()
    assert "Audio and video need FFmpeg" in refusal
