"""Makes the derived sample files again from the originals named in SOURCES.md.

Usage: python example_project/photos/make.py FOLDER, where FOLDER holds the originals.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imageio_ffmpeg
import pillow_heif
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent
ORIENTATION, GPS = 0x0112, 0x8825
TURN_RIGHT = 6


def sideways(original: Path) -> None:
    """Stored turned to the left, with the EXIF note to turn it right, and a (made-up) place."""
    photo = Image.open(original)
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    exif.get_ifd(GPS).update({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)})
    photo.transpose(Image.Transpose.ROTATE_90).save(HERE / "dogs.jpg", quality=82, exif=exif)


def cut_out(original: Path) -> None:
    """Transparent around the cup."""
    photo = Image.open(original).convert("RGB")
    mask = Image.new("L", photo.size, 0)
    ImageDraw.Draw(mask).ellipse((70, 8, 490, 392), fill=255)
    photo.putalpha(mask.filter(ImageFilter.GaussianBlur(6)))
    photo.crop((56, 0, 504, 400)).save(HERE / "coffee.png", optimize=True)


def animation(original: Path) -> None:
    """Twelve steps into the picture."""
    photo = Image.open(original).convert("RGB")
    frames = []
    for step in range(12):
        width, height = (round(side * 0.93**step) for side in photo.size)
        left, top = (
            round((full - part) * 0.55)
            for full, part in zip(photo.size, (width, height), strict=True)
        )
        frame = photo.resize((400, 267), box=(left, top, left + width, top + height))
        frames.append(frame.quantize(64, dither=Image.Dither.NONE))
    frames[0].save(
        HERE / "rocket.gif", save_all=True, append_images=frames[1:], duration=120, loop=0
    )


def other_formats(phone: Path, bowl: Path, brushes: Path) -> None:
    pillow_heif.register_heif_opener()
    Image.open(phone).save(HERE / "mountains.heic", quality=38)
    Image.open(bowl).save(HERE / "fig.avif", quality=55)
    Image.open(brushes).convert("CMYK").save(HERE / "brushes.jpg", quality=60)


# Bells, one after the other: when each is struck, and how high it is, in seconds and hertz.
BELLS = ((0.0, 392.00), (0.7, 523.25), (1.4, 659.25), (2.1, 783.99), (2.8, 1046.50))
INTO_IT = (
    "zoompan=z='1+0.9*(on/179)*(on/179)*(3-2*on/179)':x='(iw-iw/zoom)*0.2':y='(ih-ih/zoom)*0.3'"
)


def ringing() -> str:
    """As FFmpeg's expression: each bell with an overtone, fading away."""
    struck = (
        f"gte(t,{at})*exp(-1.6*(t-{at}))*0.42"
        f"*(sin(2*PI*{pitch}*(t-{at}))+0.35*sin(2*PI*{2.76 * pitch:.2f}*(t-{at}))*exp(-3*(t-{at})))"
        for at, pitch in BELLS
    )
    return "+".join(struck)


def clip(original: Path) -> None:
    """Six seconds of coming closer, with bells."""
    ffmpeg(
        *("-i", original, "-f", "lavfi", "-i", f"aevalsrc='{ringing()}':s=48000:d=6"),
        *(
            "-vf",
            f"scale=3840:2160,{INTO_IT}:d=180:s=1280x720:fps=30,format=yuv420p",
            "-frames:v",
            "180",
        ),
        *("-af", "afade=t=out:st=5:d=1", "-c:v", "libx264", "-preset", "slow", "-crf", "25"),
        *("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-movflags", "+faststart", HERE / "closer.mp4"),
    )


def bells() -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", f"aevalsrc='{ringing()}':s=44100:d=5"),
        *("-af", "afade=t=out:st=4:d=1", "-c:a", "libmp3lame", "-b:a", "96k", HERE / "bells.mp3"),
    )


def ffmpeg(*arguments: object) -> None:
    """Without anything in the file that another run or version would write otherwise."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    plain = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
    head, tail = arguments[:-1], arguments[-1]
    command = [program, "-y", "-v", "error", *head, "-map_metadata", "-1", *plain, tail]
    subprocess.run([str(each) for each in command], check=True)


def broken(original: Path) -> None:
    folder = HERE / "broken"
    small = Image.open(original).resize((800, 450))
    small.save(folder / "cut-short.jpg", quality=80)
    whole = (folder / "cut-short.jpg").read_bytes()
    (folder / "cut-short.jpg").write_bytes(whole[: len(whole) * 6 // 10])
    (folder / "a-letter.jpg").write_text(
        "Dear reader,\nthis is no picture, whatever its name says.\n"
    )
    (folder / "bomb.png").write_bytes(png(65_000, 65_000))


def png(width: int, height: int) -> bytes:
    """A file of a few bytes that asks for gigabytes of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    row = zlib.compress(bytes(1 + 4 * width), 9)
    parts = [(b"IHDR", header), (b"IDAT", row), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


def main(originals: Path) -> None:
    dandelion = originals / "seeding_by_Clements_Engelhardt.jpg"
    shutil.copyfile(dandelion, HERE / "dandelion.jpg")
    shutil.copyfile(originals / "chelsea.png", HERE / "cat.png")
    sideways(originals / "friends_by_Aitzol_Berasategi.jpg")
    cut_out(originals / "coffee.png")
    animation(originals / "rocket.jpg")
    other_formats(
        originals / "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        originals / "Picture_0B_by_freespace.jpg",
        originals / "Picture_1A_by_freespace.jpg",
    )
    clip(dandelion)
    bells()
    broken(dandelion)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
