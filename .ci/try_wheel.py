"""Installs the wheel of a folder in a bare environment and asks Django to check it there.

Only what the wheel itself requires is installed, plus a Postgres driver: the library must import
and explain itself without libvips, boto3 or OpenTelemetry.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECK = """
import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY="x",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "procrastinate.contrib.django",
        "rindle_django",
    ],
)
django.setup()
call_command("check", "--fail-level", "ERROR")
import rindle_django
print("checked", rindle_django.__version__, "from", rindle_django.__file__)
"""


def main(folder: Path) -> None:
    (wheel,) = folder.resolve().glob("*.whl")
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[binary]"], check=True)
        subprocess.run([python, "-W", "error", "-c", CHECK], cwd=place, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
