"""The URLs of the library alone."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("media/", include("rindle_django.urls"))]
