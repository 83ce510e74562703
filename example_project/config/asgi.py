"""ASGI entry point of the example project: pages, static files, and streams of progress."""

from __future__ import annotations

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")
# As runserver does; a real site has its web server send these.
application = ASGIStaticFilesHandler(get_asgi_application())
