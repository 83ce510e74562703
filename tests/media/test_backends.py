"""Which decoder library is used, and what is said where one is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rindle_django.errors import Misconfigured
from rindle_django.media.images import (
    available_backends,
    decodable,
    probe_image,
    render_image,
    render_images,
)
from rindle_django.profiles.recipes import ImageRecipe
from tests.media import pictures
from tests.media.decoders import decoders, environment_of

REPOSITORY = Path(__file__).resolve().parents[2]


def run_without(absent: set[str], folder: Path, script: str) -> str:
    """Run ``script`` in an environment where importing ``absent`` packages fails."""
    for name in absent:
        (folder / f"{name}.py").write_text(f"raise ImportError('no {name} here')\n")
    preamble = """
import django.conf; django.conf.settings.configure()
from pathlib import Path
from rindle_django.errors import *
from rindle_django.media.images import *
from rindle_django.profiles.recipes import ImageRecipe
"""
    done = subprocess.run(
        [sys.executable, "-c", preamble + script],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_libvips_is_preferred_where_it_is():
    assert available_backends() == ("vips", "pillow")


@pytest.mark.parametrize("mime", pictures.TYPES)
def test_what_is_written_down_as_decodable_is(backend, mime):
    assert decodable(mime, backend=backend) is None


@pytest.mark.parametrize("mime", ["image/tiff", "image/svg+xml", "video/mp4", "text/plain"])
def test_what_is_not_decoded_comes_with_a_reason(backend, mime):
    assert decodable(mime, backend=backend)


def test_aliases_are_decodable_too():
    assert decodable("image/heif") is None
    assert decodable("image/jpg") is None


def test_the_setting_names_the_backend(settings, tmp_path, cold):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    settings.RINDLE = {"IMAGE_BACKEND": "pillow"}
    render_image(path, "image/jpeg", ImageRecipe(width=100), tmp_path / "by-setting")
    render_image(path, "image/jpeg", ImageRecipe(width=100), tmp_path / "by-name", backend="pillow")
    render_image(path, "image/jpeg", ImageRecipe(width=100), tmp_path / "vips", backend="vips")
    by_setting, by_name, vips = (
        (tmp_path / name).read_bytes() for name in ("by-setting", "by-name", "vips")
    )
    assert by_setting == by_name != vips


def test_a_backend_that_is_not_there_is_the_operators_to_mend(tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    with pytest.raises(Misconfigured) as caught:
        probe_image(path, "image/jpeg", backend="magick")
    assert caught.value.code == "decoder_missing"
    (outcome,) = render_images(
        path, "image/jpeg", [(ImageRecipe(width=9), tmp_path / "out")], backend="magick"
    )
    assert isinstance(outcome, Misconfigured)


def test_without_libvips_pillow_does_the_work(tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    said = run_without(
        {"pyvips"},
        tmp_path,
        f"""
print(available_backends())
path, target = Path({str(path)!r}), Path({str(tmp_path / "out")!r})
print(render_image(path, "image/jpeg", ImageRecipe(width=100), target).width)
try:
    probe_image(path, "image/jpeg", backend="vips")
except Misconfigured as error:
    print(error.code, error)
""",
    )
    assert said.splitlines()[:2] == ["('pillow',)", "100"]
    assert "decoder_missing" in said
    assert "rindle-django[vips]" in said


@pytest.mark.parametrize(
    "absent", [{"pillow_heif"}, {"pillow_heif", "pyvips"}], ids=["heif", "heif and vips"]
)
def test_heic_without_its_decoder_says_what_to_install(tmp_path, absent):
    """libvips alone reads the header of an iPhone's photo and fails on its pixels."""
    path = pictures.save(tmp_path / "x.heic", pictures.quarters(), "image/heic")
    said = run_without(
        absent,
        tmp_path,
        f"""
path, target = Path({str(path)!r}), Path({str(tmp_path / "out")!r})
print(decodable("image/heic"))
for attempt in (
    lambda: probe_image(path, "image/heic"),
    lambda: render_image(path, "image/heic", ImageRecipe(width=9), target),
):
    try:
        attempt()
    except Misconfigured as error:
        print(error.code)
""",
    )
    hint, *codes = said.splitlines()
    assert "rindle-django[heic]" in hint
    assert codes == ["decoder_missing", "decoder_missing"]


def test_this_process_loads_no_decoder_library(tmp_path):
    """A bug in one must not be in reach of the worker's secrets."""
    path = pictures.save(tmp_path / "x.heic", pictures.quarters(), "image/heic")
    said = run_without(
        set(),
        tmp_path,
        f"""
import sys
path, target = Path({str(path)!r}), Path({str(tmp_path / "out")!r})
probe_image(path, "image/heic")
render_image(path, "image/heic", ImageRecipe(width=9), target)
print([name for name in ("pyvips", "PIL", "pillow_heif") if name in sys.modules])
""",
    )
    assert said == "[]"


def test_the_decoder_is_found_from_any_folder(tmp_path, monkeypatch, cold):
    """sys.path may hold relative entries, and the worker's folder may have changed."""
    monkeypatch.chdir(tmp_path)
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    assert probe_image(Path("x.jpg"), "image/jpeg").width == 400
    (pid,) = decoders()
    assert str(REPOSITORY) in environment_of(pid)
    render_image(path, "image/jpeg", ImageRecipe(width=10), Path("relative-target"))
    assert (tmp_path / "relative-target").exists()
