"""A root URLconf that does not mount the library's URLs."""

urlpatterns: list[object] = []
