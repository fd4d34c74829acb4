"""Every route of the site on one screen.

/                       the listener's page                     narratives
/api/…                  narratives, clips, speech, runs, stats  narratives, ttscache
/v1/…                   clients of OpenAI's speech              ttscache
/api/schema, /api/docs  description of the API
/admin/                 staff
/readyz, /metrics       for operators                           ttscache
"""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from lifereview.accounts.colleagues import ForgottenPasswordView, LinkSentView, NewPasswordView
from lifereview.accounts.second_factor import second_factor
from lifereview.accounts.staff_time import my_settings
from lifereview.api.api_docs import ApiDocsView, ApiSchemaView
from ttscache.api.base import NotFoundView
from ttscache.api.gateway.base import UnknownGatewayView

urlpatterns = [
    path("", include("narratives.urls")),
    path("", include("ttscache.urls")),
    path("api/schema", ApiSchemaView.as_view(), name="schema"),
    path("api/docs", ApiDocsView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api(?:/.*)?$", NotFoundView.as_view()),
    re_path(r"^v1(?:/.*)?$", UnknownGatewayView.as_view()),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/my-settings", my_settings, name="my_settings"),
    path("admin/second-factor", second_factor, name="second_factor"),
    path("admin/password/", ForgottenPasswordView.as_view(), name="admin_password_reset"),
    path("admin/password/sent", LinkSentView.as_view(), name="password_reset_done"),
    path("admin/password/<uidb64>/<token>", NewPasswordView.as_view(), name="password_reset_confirm"),
    path("admin/", admin.site.urls),
]

handler400 = "lifereview.error_pages.bad_request"
handler404 = "lifereview.error_pages.not_found"
handler500 = "lifereview.error_pages.server_error"
