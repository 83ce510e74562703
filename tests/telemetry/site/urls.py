"""URLs of the traced site: the library's, and one page that empties a slot."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from rindle_django import detach
from tests.app.models import Article


def bare(request: HttpRequest, pk: int) -> HttpResponse:
    detach(Article.objects.get(pk=pk), "cover")
    return HttpResponse(status=204)


urlpatterns = [
    path("rindle/", include("rindle_django.urls")),
    path("articles/<int:pk>/bare/", bare),
]
