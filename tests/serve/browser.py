"""A browser without a window, driven through chromedriver's own protocol (W3C WebDriver over HTTP). Debian: chromium, chromium-driver."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

HANG = 600  # seconds: ends what hangs, decides nothing


def missing():
    """What is not installed, or None."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return f"{program} is not installed (Debian: chromium and chromium-driver)"
    return None


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment is not for this machine


class Browser:
    def __init__(self, width=1200, height=900):
        self.folder = tempfile.mkdtemp(prefix="tprun-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                       env={**os.environ, "HOME": self.folder})
        for line in self.driver.stdout:
            port = re.search(r"started successfully on port (\d+)", line)
            if port:
                break
        self.base = f"http://127.0.0.1:{port.group(1)}"
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={self.folder}/profile", "--no-first-run",
                     "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--force-color-profile=srgb", f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # it refuses to run as root otherwise
        wanted = {"alwaysMatch": {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": {"args": arguments}}}
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": wanted})["sessionId"]
        self.size(width, height)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with DIRECT.open(request, timeout=HANG) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read().decode()[:2000]}") from None

    def close(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def post(self, what, body=None):
        return self.call("POST", f"{self.session}/{what}", body or {})

    def open(self, url):
        self.post("url", {"url": url})

    def run(self, script, *arguments):
        """The value of a script; `arguments` are its own."""
        return self.post("execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition, *arguments):
        """Until the expression is true, however long that takes; the page is looked at on each of its frames. Returns its value."""
        script = ("const done = arguments[arguments.length - 1];"
                  f"const look = () => {{ let v; try {{ v = (function () {{ return {condition}; }}).apply(null, args); }} catch (e) {{ v = null; }}"
                  "if (v) done(v); else setTimeout(look, 20); };"
                  "const args = [...arguments].slice(0, -1); look();")
        return self.post("execute/async", {"script": script, "args": list(arguments)})

    def patience(self, seconds=HANG):
        self.post("timeouts", {"script": seconds * 1000})

    def cdp(self, command, **parameters):
        return self.post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width, height):
        self.patience()
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, dark):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def keys(self, *names):
        """Presses keys: a character, or a name of KEYS."""
        actions = [{"type": t, "value": KEYS.get(name, name)} for name in names for t in ("keyDown", "keyUp")]
        self.post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def point(self, x, y):
        self.post("actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                                           "actions": [{"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y)}]}]})

    def log(self):
        """What the console said since it was asked last."""
        return [entry for entry in self.post("se/log", {"type": "browser"})]

    def picture(self, path):
        whole = self.cdp("Page.captureScreenshot", captureBeyondViewport=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(whole["data"]))


KEYS = {"tab": "\ue004", "enter": "\ue007", "escape": "\ue00c", "left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015", "space": " ",
        "end": "\ue010", "home": "\ue011"}
