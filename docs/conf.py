"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import rindle_django

project = "rindle-django"
author = "rindle-django maintainers"
version = release = rindle_django.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"rindle-django {release}"
