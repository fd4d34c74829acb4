from __future__ import annotations

import base64

from playwright.sync_api import Browser, expect

from harness.speech_api.sound import spoken_clip

CLIP = base64.b64encode(spoken_clip("Hello and welcome.", "nova", "mp3")).decode()
PAGE = f"""
<audio src="data:audio/mpeg;base64,{CLIP}"></audio><button>play</button><output>untried</output>
<script>
  const [sound, button, output] = ["audio", "button", "output"].map(name => document.querySelector(name));
  const play = () => sound.play().then(() => output.value = "playing", error => output.value = error.name);
  button.onclick = play;
  sound.onended = () => output.value = "ended";
  play();
</script>
"""


def test_chromium_blocks_sound_before_a_gesture(browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.goto("http://site.test/")  # set_content runs a script, which Chromium counts as a gesture
    expect(page.locator("output")).to_have_text("NotAllowedError")
    page.click("button")
    expect(page.locator("output")).to_have_text("ended")
