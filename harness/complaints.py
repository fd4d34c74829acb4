"""Complaints of a browser about the listener's page, told by the page itself into the log of its site.

Not every browser hands out its console. A site with DJANGO_SETTINGS_MODULE=harness.complaint_settings has one
script more on each page. It tells of errors of scripts, promises that nobody caught, files that did not come,
breaches of the Content-Security-Policy, and of errors and warnings that the page wrote to the console.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

ADDRESS = "/complaints"
MARK = "COMPLAINT "
SCRIPT = """
  const tell = (what) => navigator.sendBeacon("/complaints", String(what));
  addEventListener("error", (event) => {
    const { message, filename, lineno, target } = event;
    tell(message ? `${message} (${filename}:${lineno})` : `not loaded: ${target.src || target.href}`);
  }, true);
  addEventListener("unhandledrejection", ({ reason }) => tell(`not caught: ${reason}`));
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile }) =>
    tell(`${effectiveDirective} forbids ${blockedURI} (${sourceFile})`), true);
  for (const name of ["error", "warn"]) {
    const write = console[name];
    console[name] = (...words) => { tell(`${name}: ${words.join(" ")}`); write.apply(console, words); };
  }
"""


def hear_complaints(get_response: Callable[[HttpRequest], HttpResponseBase]) -> object:
    """Middleware, the innermost: adds the script to each page, and logs what it sends."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info == ADDRESS and request.method == "POST":
            print(MARK + request.body.decode(), flush=True)
            return HttpResponse(status=204)
        if request.path_info == ADDRESS:
            return HttpResponse(SCRIPT, content_type="text/javascript")
        response = get_response(request)
        if isinstance(response, HttpResponse) and response.headers["Content-Type"].startswith("text/html"):
            response.content = response.content.replace(
                b"<head>", f'<head><script src="{ADDRESS}"></script>'.encode(), 1
            )
        return response

    return answer


def complaints(log: str) -> list[str]:
    """The complaints about the pages of a site, read from its log."""
    return [line.removeprefix(MARK) for line in log.splitlines() if line.startswith(MARK)]
