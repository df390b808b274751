"""Opens pages in a headless Chromium as people do, and says what is wrong with them.

  browser.py CHROMIUM FILE...

Screens: a wide one in light and in dark, a phone of 360 points, and paper. The result on standard output is one JSON object with a
member for each file, whose `faults` is a list of sentences, empty when all is well. The folder that REKEY_SCREENSHOTS names gets a PNG
of each screen and a PDF. The browser is spoken to in the
DevTools protocol over pipes, so that nothing but Chromium is needed: https://chromedevtools.github.io/devtools-protocol/
"""
import base64
import json
import os
import subprocess
import sys
import tempfile

# In the page: what a reader would trip over. Contrast by https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
LOOK = r"""
(() => {
  const faults = [], seen = new Set();
  const say = (text) => { if (!seen.has(text)) { seen.add(text); faults.push(text); } };
  const about = (node) => (node.textContent || "").trim().slice(0, 40);
  const numbers = (color) => {
    const all = color.match(/[\d.]+/g).map(Number);
    return color.startsWith("color(") ? [all[0] * 255, all[1] * 255, all[2] * 255, all[3] ?? 1] : [...all.slice(0, 3), all[3] ?? 1];
  };
  const over = (top, base) => [0, 1, 2].map((i) => top[i] * top[3] + base[i] * (1 - top[3])).concat(1);
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(numbers(getComputedStyle(at).backgroundColor));
    return layers.reduce((base, top) => over(top, base), [255, 255, 255, 1]);
  };
  const contrast = (color, element) => {
    const base = ground(element), [a, b] = [light(over(numbers(color), base)), light(base)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  const wide = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) say(`the page is ${wide} points wider than the screen`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest("title, desc, style")) continue;
    texts++;
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const ratio = contrast(color, element);
    if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)} of ${about(node)}`);
    const size = parseFloat(style.fontSize) * (element.ownerSVGElement ? element.ownerSVGElement.getScreenCTM().a : 1);
    if (size < 9) say(`letters of ${size.toFixed(1)} points in ${about(node)}`);
  }
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll("text")].filter((text) => text.checkVisibility())
      .map((text) => [about(text), text.getBoundingClientRect()]);
    boxes.forEach(([name, box], place) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        say(`${name} is cut off at the edge of a picture`);
      for (const [other, next] of boxes.slice(place + 1))
        if (box.left < next.right && next.left < box.right && box.top < next.bottom && next.top < box.bottom)
          say(`${name} and ${other} lie on each other`);
    });
    for (const path of svg.querySelectorAll("path:not(.area)"))
      if (contrast(getComputedStyle(path).stroke, svg) < 3) say("a line of a picture has too little contrast");
  }
  for (const cell of document.querySelectorAll("td, th, dd, li")) {
    const outer = cell.closest(".scroll");
    if (!outer && cell.checkVisibility() && cell.scrollWidth > cell.clientWidth + 1) say(`${about(cell)} runs out of its place`);
  }
  // The numbers of a plot, which are there on demand, may be scrolled.
  for (const frame of document.querySelectorAll(".scroll:not(details *)"))
    if (frame.checkVisibility() && frame.scrollWidth > frame.clientWidth + 1) say(`${about(frame)} is wider than its place`);
  for (const table of document.querySelectorAll("table"))
    if (!table.caption || !table.querySelector("th[scope=col]")) say("a table has no caption or no headings");
  const levels = [...document.querySelectorAll("h1, h2, h3")].map((heading) => +heading.tagName[1]);
  if (levels.filter((level) => level === 1).length !== 1 || levels[0] !== 1) say("there is not one first heading");
  levels.forEach((level, place) => { if (place && level > levels[place - 1] + 1) say("a level of headings is left out"); });
  if (!document.documentElement.lang || !document.title.trim() || !document.querySelector("main")) say("language, title or main part is missing");
  return {faults, texts, pictures: document.querySelectorAll("svg").length};
})()
"""

SCREENS = {
    "light": dict(width=1000, height=800, mobile=False, features=[("prefers-color-scheme", "light")]),
    "dark": dict(width=1000, height=800, mobile=False, features=[("prefers-color-scheme", "dark")]),
    "phone": dict(width=360, height=780, mobile=True, features=[("prefers-color-scheme", "light")]),
    "paper": dict(width=718, height=1000, mobile=False, features=[("prefers-color-scheme", "dark")], media="print"),
}


class Browser:
    def __init__(self, program, profile):
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()

        def three_and_four():
            # Through numbers that neither pipe has.
            ends = os.dup(to_browser), os.dup(from_browser)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        # A root user, as in a container, has no sandbox; the page is one that rekey wrote.
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--remote-debugging-pipe", "--user-data-dir=" + profile],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=three_and_four)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []

    def message(self):
        while b"\0" not in self.buffer:
            block = os.read(self.answers, 1 << 20)
            if not block:
                raise SystemExit("the browser ended")
            self.buffer += block
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event["method"] == method for event in self.events):
            self.events.append(self.message())

    def evaluate(self, code):
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def end(self):
        self.process.kill()
        self.process.wait()


def name_of(node):
    return node.get("name", {}).get("value", "").strip()


def listen(browser):
    """What a screen reader is told."""
    nodes = [n for n in browser.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    role = {}
    for node in nodes:
        role.setdefault(node["role"]["value"], []).append(node)
    faults = ["%s %s has no name" % ("an" if kind == "image" else "a", kind) for kind in ("image", "region", "table", "heading") for n in role.get(kind, []) if not name_of(n)]
    return faults, {kind: len(found) for kind, found in sorted(role.items()) if kind in ("image", "heading", "table", "main", "list")}


def walk(browser):
    """By keyboard: Tab goes through everything that can be opened or scrolled, and shows where it is."""
    places = "[...document.querySelectorAll('summary, [tabindex=\"0\"]')].filter((place) => place.checkVisibility())"
    expected = browser.evaluate(places + ".length")
    reached, faults = set(), []
    for _ in range(expected):
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(browser.evaluate(places + ".indexOf(document.activeElement)"))
        if browser.evaluate("(({outlineStyle, outlineWidth}) => outlineStyle === 'none' ? 0 : parseFloat(outlineWidth))"
                            "(getComputedStyle(document.activeElement))") < 2:
            faults.append("what has the keyboard is not shown")
    if len(reached - {-1}) != expected:
        faults.append("by keyboard %d of %d places are reached" % (len(reached - {-1}), expected))
    if browser.evaluate("document.querySelectorAll('details').length"):
        browser.evaluate("document.querySelector('summary').focus()")
        for kind, text in (("keyDown", "\r"), ("keyUp", "")):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text=text)
        if not browser.evaluate("document.querySelector('details').open"):
            faults.append("Enter does not open a table")
    return faults


def look(browser, page):
    name = os.path.splitext(os.path.basename(page))[0]
    pictures = os.environ.get("REKEY_SCREENSHOTS") and os.path.join(os.environ["REKEY_SCREENSHOTS"], name)
    address = "file://" + os.path.abspath(page)
    browser.session = None
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
        browser.call(domain + ".enable")
    result, faults = {}, []
    for name, screen in SCREENS.items():
        browser.call("Emulation.setDeviceMetricsOverride", width=screen["width"], height=screen["height"],
                     deviceScaleFactor=1, mobile=screen["mobile"])
        browser.call("Emulation.setEmulatedMedia", media=screen.get("media", "screen"),
                     features=[{"name": key, "value": value} for key, value in screen["features"]])
        browser.events = []
        browser.call("Page.navigate", url=address)
        browser.wait("Page.loadEventFired")
        # Tables behind plots are opened too: what is in them must fit as well.
        for opened in (False, True):
            if opened:
                browser.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
            found = browser.evaluate(LOOK)
            faults += ["%s: %s" % (name, fault) for fault in found.pop("faults")]
            if not opened:
                result[name] = found
                if pictures:
                    whole = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                    with open("%s-%s.png" % (pictures, name), "wb") as file:
                        file.write(base64.b64decode(whole["data"]))
        for event in browser.events:
            if event["method"] == "Network.requestWillBeSent" and event["params"]["request"]["url"] != address:
                faults.append("asks for " + event["params"]["request"]["url"])
            if event["method"] == "Log.entryAdded":
                faults.append(event["params"]["entry"]["text"])
    browser.call("Emulation.setEmulatedMedia", media="screen", features=[])
    browser.events = []
    browser.call("Page.navigate", url=address)
    browser.wait("Page.loadEventFired")
    spoken, result["roles"] = listen(browser)
    faults += spoken + walk(browser)
    # Printing is of its own medium, unless one is put on.
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    paper = base64.b64decode(browser.call("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)["data"])
    result["pages"] = paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page/")
    if pictures:
        with open(pictures + ".pdf", "wb") as file:
            file.write(paper)
    result["faults"] = list(dict.fromkeys(faults))
    return result


def main():
    program, pages = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            print(json.dumps({os.path.basename(page): look(browser, page) for page in pages}))
        finally:
            browser.end()


main()
