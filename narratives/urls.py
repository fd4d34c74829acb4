from django.urls import path

from narratives.listener import api, reflections, views

urlpatterns = [
    path("", views.ListenerPage.as_view(), name="listener"),
    path("api/narratives", api.NarrativesView.as_view()),
    path("api/pre-cache-narratives", api.PreCacheNarrativesView.as_view()),
    path("api/reflections", reflections.ReflectionsView.as_view()),
    path("api/analyze", reflections.AnalyzeView.as_view()),
    path("api/analyze-and-tts", reflections.AnalyzeAndSpeakView.as_view()),
]
