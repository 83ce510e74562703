"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")

import django  # noqa: E402

import rindle_django  # noqa: E402

django.setup()

import declared  # noqa: E402

declared.write_pages()

project = "rindle-django"
author = "rindle-django maintainers"
version = release = rindle_django.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "reference/generated/*.md"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"rindle-django {release}"
