"""URLs to include under a prefix of the project's choice, in the namespace ``rindle``."""

from __future__ import annotations

from django.urls import path

from rindle_django.views import files, manifest, media, uploads

app_name = "rindle"

urlpatterns = [
    path("uploads/", uploads.begin, name="uploads"),
    path("uploads/sign/", uploads.sign, name="sign"),
    path("uploads/verify/", uploads.verify, name="verify"),
    path("uploads/abort/", uploads.abort, name="abort"),
    path("assets/<uuid:asset_id>/", uploads.progress, name="progress"),
    path("put/<str:token>/", files.put, name="put"),
    path("media/<str:token>/", media.media, name="media"),
    path("manifest/<str:token>/", manifest.manifest, name="manifest"),
]
