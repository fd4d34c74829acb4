from django.urls import path

from narratives.listener import api, views

urlpatterns = [
    path("", views.ListenerPage.as_view(), name="listener"),
    path("api/narratives", api.NarrativesView.as_view()),
    path("api/pre-cache-narratives", api.PreCacheNarrativesView.as_view()),
]
