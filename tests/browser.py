"""Opens pages in a headless Chromium and says what is there: browser.py < VIEWS > SEEN

VIEWS is a JSON list, each an object: page (a file), width, height; scheme ("light" or "dark"), media ("screen" or "print"),
phone (touch, and a viewport as phones have it), steps (see `step`), shot (a PNG to write, without scrollbars; of the `clip`,
an element's selector, where there is one; height 0 is the whole page).
SEEN is a list as long, with what each view showed.
"""

import base64
import json
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --force-color-profile=srgb"
).split()
# What a page is made of, told once it is there.
LOOK = (Path(__file__).parent / "browser.js").read_text(encoding="utf-8")
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Escape": 27, "Tab": 9}


@contextmanager
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, CHROMIUM)))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # Named, so that none is looked for or downloaded.
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()


def look(driver, view: dict) -> dict:
    do = driver.execute_cdp_cmd
    features = [{"name": "prefers-color-scheme", "value": view.get("scheme", "light")}]
    do("Emulation.setEmulatedMedia", {"media": view.get("media", "screen"), "features": features})
    phone = view.get("phone", False)
    do("Emulation.setTouchEmulationEnabled", {"enabled": phone})

    def size(height: int) -> None:
        metrics = {"width": view["width"], "height": height, "deviceScaleFactor": 1, "mobile": phone}
        do("Emulation.setDeviceMetricsOverride", metrics)

    size(view["height"] or 800)
    # Nothing of the view before.
    driver.get("about:blank")
    logs(driver)
    driver.get(Path(view["page"]).resolve().as_uri())
    seen = {"steps": [step(driver, one) for one in view.get("steps", [])]}
    # All of it on the screen, where what lies over what can be asked.
    whole = min(driver.execute_script("return document.documentElement.scrollHeight"), 16_000)
    size(whole)
    seen |= driver.execute_script(LOOK)
    if "shot" in view:
        do("Emulation.setScrollbarsHidden", {"hidden": True})
        size(view["height"] or whole)
        place = driver.execute_script(CLIP, view.get("clip", ":root"))
        clip = place | ({} if "clip" in view else {"width": view["width"], "height": view["height"] or whole})
        picture = do("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        Path(view["shot"]).write_bytes(base64.b64decode(picture["data"]))
        do("Emulation.setScrollbarsHidden", {"hidden": False})
    if view.get("media") == "print":
        pdf = base64.b64decode(do("Page.printToPDF", {"printBackground": True})["data"])
        seen["pages"] = len(re.findall(rb"/Type\s*/Page\b", pdf))
    return seen | logs(driver)


def logs(driver) -> dict:
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    of = lambda method: (event["params"] for event in events if event["method"] == f"Network.{method}")
    # What the page's own policy holds back is announced, but never sent.
    blocked = {end["requestId"] for end in of("loadingFailed") if end.get("blockedReason") == "csp"}
    sent = {start["requestId"]: start["request"]["url"] for start in of("requestWillBeSent")}
    requests = [url for at, url in sent.items() if at not in blocked and url != "about:blank"]
    console = [[entry["level"], entry["message"]] for entry in driver.get_log("browser")]
    return {"console": console, "requests": requests, "blocked": [sent[at] for at in blocked]}


def step(driver, step: dict) -> dict:
    """One of hover, press, release (touch), key, focus; at the middle of the `nth` of `css`, or `along` a line of an SVG."""
    do, kind = driver.execute_cdp_cmd, step["do"]
    x = y = 0
    if "css" in step:
        x, y = driver.execute_script(PLACE, step["css"], step.get("nth", 0), step.get("along"), kind == "focus")
    if kind == "hover":
        do("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
    elif kind == "press":
        do("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    elif kind == "release":
        do("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    elif kind == "key":
        for pressed in ("rawKeyDown", "keyUp"):
            key = {"key": step["key"], "code": step["key"], "windowsVirtualKeyCode": KEYS[step["key"]]}
            do("Input.dispatchKeyEvent", {"type": pressed, **key})
    elif kind != "focus":
        sys.exit(f"no such step: {kind}")
    return driver.execute_async_script(TIPS) | {"at": [x, y]}


CLIP = """
scrollTo(0, 0);
const { left, top, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();
return { x: left, y: top, width, height, scale: 1 };
"""
PLACE = """
const [css, nth, along, focus] = arguments;
const element = [...document.querySelectorAll(css)].at(nth);
if (!element) throw new Error(`no ${css} ${nth}`);
element.scrollIntoView({ block: "center", behavior: "instant" });
if (focus) element.focus();
const box = element.getBoundingClientRect();
if (along === null) return [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
const point = element.getPointAtLength(along * element.getTotalLength()).matrixTransform(element.getScreenCTM());
return [point.x, point.y];
"""
# The tooltips and dots that are seen now.
TIPS = """
const [done] = arguments;
requestAnimationFrame(() => requestAnimationFrame(() => {
  const seen = (css) => [...document.querySelectorAll(css)].filter((element) => element.getClientRects().length);
  const box = (element) => { const { left, top, right, bottom } = element.getBoundingClientRect(); return { left, top, right, bottom }; };
  done({
    tips: seen(".tip").map((tip) => ({ text: tip.innerText, ...box(tip) })),
    dots: seen(".dot").map(box),
    room: [document.documentElement.clientWidth, innerHeight],
  });
}));
"""

if __name__ == "__main__":
    views = json.load(sys.stdin)
    with browser() as chromium:
        json.dump([look(chromium, view) for view in views], sys.stdout)
