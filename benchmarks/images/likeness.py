"""How like our outputs, the smaller of which are made from the largest, are to those that libvips
makes straight from the photo: SSIM of the luminance, both saved by the same quality.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.images.contenders import vips_each
from benchmarks.images.outputs import NAMES, THUMB, WIDTHS

FILES = dict(zip(NAMES, ("thumb", *(str(width) for width in WIDTHS)), strict=True))
MOST = 8  # photos


def of_ours(photos: Path, folder: Path) -> tuple[float, dict[str, float]]:
    """The worst of all outputs, and by the name of an output the worst and the mean."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    unsaved: dict[str, list[float]] = {name: [] for name in NAMES}
    for photo, outputs in _ours(photos):
        straight = folder / "straight"
        straight.mkdir(exist_ok=True)
        vips_each()(photo, straight)
        for name, path in outputs.items():
            mine = _luminance(path)
            found[name].append(
                _ssim(mine, _luminance(straight / f"{photo.stem}-{FILES[name]}.jpg"))
            )
            unsaved[name].append(_ssim(mine, _resized(photo, name)))
    worst = {f"ssim.{name}.worst": min(each) for name, each in found.items()}
    mean = {f"ssim.{name}.mean": statistics.mean(each) for name, each in found.items()}
    bare = {f"ssim.{name}.mean_to_unsaved": statistics.mean(each) for name, each in unsaved.items()}
    return min(worst.values()), worst | mean | bare


def _ours(photos: Path) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Each photo, once, with the files that the library has made of it."""
    from rindle_django.models import Asset, Variant
    from rindle_django.storage import adapter_for
    from rindle_django.storage.filesystem import FileSystemAdapter

    for photo in sorted(photos.iterdir())[:MOST]:
        asset = Asset.objects.filter(
            filename=photo.name, state="ready", byte_size=photo.stat().st_size
        ).first()
        assert asset is not None
        adapter = adapter_for(asset.storage)
        assert isinstance(adapter, FileSystemAdapter)
        variants = Variant.objects.filter(asset=asset).select_related("object")
        yield (
            photo,
            {each.name: adapter.path_of(each.object.key) for each in variants if each.object},
        )


def _resized(photo: Path, name: str) -> Any:
    """Made of every pixel of the photo, and never saved: nothing is taken over from a file."""
    import pyvips

    whole = pyvips.Image.new_from_file(str(photo))
    if name == "thumb":
        return _grey(whole.thumbnail_image(THUMB, height=THUMB, crop="centre"))
    width = WIDTHS[NAMES.index(name) - 1]
    return _grey(whole.thumbnail_image(width, height=width, size="down"))


def _luminance(path: Path) -> Any:
    import pyvips

    return _grey(pyvips.Image.new_from_file(str(path)))


def _grey(image: Any) -> Any:
    return image.colourspace("b-w").numpy()


def _ssim(ours: Any, theirs: Any) -> float:
    """By windows that are weighed as in the paper of Wang and others of 2004."""
    from skimage.metrics import structural_similarity

    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(
        structural_similarity(
            ours,
            theirs,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )
