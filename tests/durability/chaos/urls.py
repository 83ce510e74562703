"""Where the signed requests of the file system lead."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("media/", include("rindle_django.urls"))]
