"""The routes of ttscache and of its staff pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("ttscache.urls")),
    path("admin/", admin.site.urls),
]
