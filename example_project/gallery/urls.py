"""URLs of the gallery."""

from __future__ import annotations

from django.urls import path

from example_project.gallery import views

app_name = "gallery"

urlpatterns = [
    path("", views.page, name="page"),
    path("photos/<uuid:asset_id>/keep/", views.keep, name="keep"),
    path("photos/<uuid:asset_id>/remove/", views.remove, name="remove"),
    path("photos/<uuid:asset_id>/original/", views.original, name="original"),
    path("photos/<uuid:asset_id>/play/", views.play, name="play"),
]
