"""firefox(), webkit(): the engines of Firefox and of Safari, for a page that works in any browser.

Playwright drives only its own builds of them, which no package repository has. Both engines understand the
commands of W3C WebDriver: WebKit's driver over HTTP, Firefox itself over a socket (Marionette, to which
geckodriver translates). So one small client with two wires does for both.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness import Unavailable, http
from harness.process import HOST, ServerProcess, free_port, is_listening
from harness.waiting import wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, section 12.2: the key of an element in JSON
SECONDS = 90  # for one command: a page may load slowly on a busy machine

FIREFOX_NAMES = ("firefox-esr", "firefox")
FIREFOX_SETTINGS: dict[str, str | int | bool] = {
    # A proxy that does not exist: neither the page nor Firefox itself reaches anything beyond this machine.
    "network.proxy.type": 1,
    "network.proxy.http": HOST,
    "network.proxy.http_port": 9,
    "network.proxy.ssl": HOST,
    "network.proxy.ssl_port": 9,
    "browser.shell.checkDefaultBrowser": False,
    "browser.download.folderList": 2,  # the folder in browser.download.dir
    "browser.download.always_ask_before_handling_new_types": False,
}
FIREFOX_SCHEMES = {"dark": 0, "light": 1}
# A window cannot be as narrow as a phone, but the page within it can.
FIREFOX_ROOM = """
  const style = gBrowser.selectedBrowser.style;
  const [width, height] = arguments;
  for (const kind of ["", "min-", "max-"]) {
    style.setProperty(`${kind}width`, `${width}px`);
    style.setProperty(`${kind}height`, `${height}px`);
  }
"""

MINI_BROWSERS = "*/webkit2gtk-4.*/MiniBrowser"
SCREEN = "1500x1400x24"
# The bar with the address would keep the window from being as narrow as a phone.
NARROW_BAR = """
  * { min-width: 0; padding: 0; margin: 0; border-width: 0; font-size: 1px; -gtk-icon-transform: scale(0); }
"""
WEBKIT_COMMANDS = {
    "Navigate": ("POST", "url"),
    "Refresh": ("POST", "refresh"),
    "ExecuteAsyncScript": ("POST", "execute/async"),
    "ElementClick": ("POST", "element/{id}/click"),
    "ElementSendKeys": ("POST", "element/{id}/value"),
    "SetWindowRect": ("POST", "window/rect"),
    "TakeScreenshot": ("GET", "screenshot"),
    "DeleteSession": ("DELETE", ""),
}


class BrowserRefused(Exception):
    """The browser could not do that."""


class OtherBrowser(ABC):
    """One window of a browser. What it downloads is in `downloads`; its profile ends with it."""

    name: str
    version: str

    def __init__(self, downloads: Path) -> None:
        self.downloads = downloads

    @abstractmethod
    def _ask(self, command: str, **values: Any) -> Any:
        """Send a command of W3C WebDriver. Raises BrowserRefused."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Give the page this much room."""

    def open(self, url: str) -> None:
        self._ask("Navigate", url=url)

    def reload(self) -> None:
        self._ask("Refresh")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function in the page, and return its answer."""
        called = f"(async function () {{ {script} }}).apply(null, arguments)"
        script = (
            "const done = arguments[arguments.length - 1];"
            f"{called}.then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        )
        answer = self._ask("ExecuteAsyncScript", script=script, args=list(arguments))
        if "error" in answer:
            raise BrowserRefused(answer["error"])
        return answer.get("value")

    def press(self, element: dict[str, str]) -> None:
        """Press in the middle of it as a person does. The browser refuses where something lies over it."""
        self._ask("ElementClick", id=element[ELEMENT])

    def write(self, element: dict[str, str], words: str) -> None:
        self._ask("ElementSendKeys", id=element[ELEMENT], text=words)

    def screenshot(self) -> bytes:
        return base64.b64decode(self._ask("TakeScreenshot", full=False))


class _Firefox(OtherBrowser):
    name = "Firefox"

    def __init__(self, port: int, downloads: Path) -> None:
        super().__init__(downloads)
        self._socket = socket.create_connection((HOST, port), timeout=SECONDS)
        self._answers = self._socket.makefile("rb")
        self._sent = 0
        self._read()  # it begins with a greeting
        capabilities = self._ask("NewSession", pageLoadStrategy="normal")["capabilities"]
        self.version = capabilities["browserVersion"]

    def resize(self, width: int, height: int) -> None:
        self._in_context("chrome")
        self._ask("ExecuteScript", script=FIREFOX_ROOM, args=[width, height])
        self._in_context("content")
        wait_until(lambda: self.run("return [innerWidth, innerHeight]") == [width, height], "the page's room")

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def _in_context(self, context: str) -> None:
        self._send("Marionette:SetContext", {"value": context})

    def _ask(self, command: str, **values: Any) -> Any:
        answer = self._send(f"WebDriver:{command}", values)
        return answer.get("value", answer)

    def _send(self, command: str, values: dict[str, Any]) -> Any:
        self._sent += 1
        message = json.dumps([0, self._sent, command, values]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, answer = self._read()
        if error:
            raise BrowserRefused(f"{command}: {error['error']}: {error['message']}")
        return answer

    def _read(self) -> Any:
        length = b""
        while (digit := self._answers.read(1)) != b":":
            if not digit:
                raise BrowserRefused("Firefox has ended")
            length += digit
        return json.loads(self._answers.read(int(length)))


class _WebKit(OtherBrowser):
    name = "WebKit"

    def __init__(self, port: int, program: Path, arguments: list[str], downloads: Path) -> None:
        super().__init__(downloads)
        self._session = f"http://{HOST}:{port}/session"
        options = {"binary": str(program), "args": ["--automation", *arguments]}
        wishes = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        session = self._send("POST", self._session, wishes)
        self._session += f"/{session['sessionId']}"
        self.version = session["capabilities"]["browserVersion"]

    def resize(self, width: int, height: int) -> None:
        def has_room() -> bool:
            outer, inner, across = self.run("return [outerHeight, innerHeight, innerWidth]")
            if (across, inner) == (width, height):
                return True
            self._ask("SetWindowRect", width=width, height=height + outer - inner)
            return False

        wait_until(has_room, "the page's room", every=0.3)

    def close(self) -> None:
        self._ask("DeleteSession")

    def _ask(self, command: str, **values: Any) -> Any:
        method, path = WEBKIT_COMMANDS[command]
        return self._send(method, f"{self._session}/{path.format(**values)}".rstrip("/"), values)

    def _send(self, method: str, url: str, values: dict[str, Any]) -> Any:
        body = json.dumps(values).encode() if method == "POST" else None
        answer = http.request(method, url, http.json_headers(), body, SECONDS)
        value = answer.json()["value"]
        if answer.status != 200:
            raise BrowserRefused(f"{url.rpartition('/')[2]}: {value['error']}: {value['message']}")
        return value


@contextmanager
def firefox(scheme: str = "light") -> Iterator[OtherBrowser]:
    """Start Firefox without a window. Raises Unavailable where there is none."""
    program = next(filter(None, map(shutil.which, FIREFOX_NAMES)), None)
    if program is None:
        raise Unavailable(f"no Firefox: none of {', '.join(FIREFOX_NAMES)} is on the PATH")
    with _folder() as folder, ExitStack() as stack:
        port, downloads = free_port(), folder / "downloads"
        settings = FIREFOX_SETTINGS | {
            "marionette.port": port,
            "browser.download.dir": str(downloads),
            "layout.css.prefers-color-scheme.content-override": FIREFOX_SCHEMES[scheme],
        }
        sound_card = stack.enter_context(_sound_card(folder))
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (folder / "user.js").write_text("\n".join(lines))
        server = ServerProcess(
            # The last one lets a client change the room that a page has, not the page.
            [
                program,
                "--headless",
                "--no-remote",
                "--profile",
                folder,
                "--marionette",
                "--remote-allow-system-access",
            ],
            log=folder / "log",
            env={**os.environ, "HOME": str(folder), "PULSE_SERVER": sound_card},
        )
        stack.callback(server.kill)
        server.wait_until_ready(lambda: is_listening(port))
        browser = _Firefox(port, downloads)
        stack.callback(browser.close)
        yield browser


@contextmanager
def webkit(scheme: str = "light") -> Iterator[OtherBrowser]:
    """Start WebKit in a window on a screen that nobody sees. Raises Unavailable where there is none."""
    for name, package in (("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")):
        if shutil.which(name) is None:
            raise Unavailable(f"no {name} on the PATH; on Debian: apt install {package}")
    program = next(Path("/usr/lib").glob(MINI_BROWSERS), None)
    if program is None:
        raise Unavailable(f"no /usr/lib/{MINI_BROWSERS}; on Debian: apt install webkit2gtk-driver")
    with _folder() as folder, ExitStack() as stack:
        screen = ServerProcess(["Xvfb", "-displayfd", "1", "-screen", "0", SCREEN], log=folder / "screen.log")
        stack.callback(screen.kill)
        screen.wait_until_ready(lambda: _display(screen))
        (folder / "gtk-3.0").mkdir()
        (folder / "gtk-3.0" / "gtk.css").write_text(NARROW_BAR)
        (folder / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{folder}/downloads"\n')
        port = free_port()
        driver = ServerProcess(
            ["WebKitWebDriver", f"--port={port}"],
            log=folder / "log",
            env={
                **os.environ,
                "DISPLAY": f":{_display(screen)}",
                "HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
                "NO_AT_BRIDGE": "1",  # it looks for no screen reader
            },
        )
        stack.callback(driver.kill)
        driver.wait_until_ready(lambda: is_listening(port))
        browser = _WebKit(port, program, ["--dark-mode"] if scheme == "dark" else [], folder / "downloads")
        stack.callback(browser.close)
        yield browser


@contextmanager
def _sound_card(folder: Path) -> Iterator[str]:
    """The address of a silent sound card. Firefox plays only where there is one; WebKit needs none."""
    if shutil.which("pulseaudio") is None:
        raise Unavailable("no pulseaudio on the PATH; on Debian: apt install pulseaudio")
    address = folder / "sound-card"
    options = ("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes")
    modules = (
        f"module-native-protocol-unix auth-anonymous=1 socket={address}",
        # Otherwise it takes two seconds of sound at a time, and the time of the sound stands still meanwhile.
        "module-null-sink norewinds=1",
    )
    loads = [part for module in modules for part in ("-L", module)]
    card = ServerProcess(
        ["pulseaudio", *options, *loads],
        log=folder / "sound-card.log",
        env={**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
    )
    try:
        card.wait_until_ready(address.exists)
        yield f"unix:{address}"
    finally:
        card.kill()


def _display(screen: ServerProcess) -> str:
    found = re.search(r"^\d+$", screen.log_tail(), re.MULTILINE)
    return found.group() if found else ""


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for all that a browser writes."""
    with tempfile.TemporaryDirectory(prefix="harness-browser-", ignore_cleanup_errors=True) as name:
        (Path(name) / "downloads").mkdir()
        yield Path(name)
