"""A headless Chromium that tests drive by its own DevTools protocol; it can reach this machine only."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PROGRAM = next((found for name in _NAMES if (found := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason=f"no Chromium or Chrome on the PATH (looked for {', '.join(_NAMES)})"
)
SHOTS = os.environ.get("WORKBENCH_SCREENSHOTS")
"""A folder for screenshots, for a person to look at."""
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--remote-allow-origins=*"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Page:
    """One tab."""

    def __init__(self, address: str, folder: Path) -> None:
        self._folder = folder
        self._socket = websocket.create_connection(address, timeout=60)
        self._numbers = itertools.count(1)
        self.told: list[str] = []
        """Errors of the console and exceptions, in order."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer; what the page tells meanwhile is kept in `told`."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def close(self) -> None:
        self._socket.close()

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.told.append(details.get("exception", {}).get("description") or details["text"])
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.told.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def open(self, address: str, *, width: int = 1300, height: int = 1400) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, *, seconds: float = 60) -> None:
        """Wait until the expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"!!({script})"):
            if time.monotonic() > end:
                picture = self.screenshot(self._folder / "failed.png")
                raise AssertionError(f"not within {seconds} s: {script}\n{self.told[-5:]}\nsee {picture}")
            time.sleep(0.2)

    def click(self, selector: str, *, at: tuple[float, float] = (0.5, 0.5)) -> None:
        """A real mouse click on an element, once nothing covers it; `at` is 0..1 from its left and top."""
        where = (
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            f"const p = [b.left + {at[0]} * b.width, b.top + {at[1]} * b.height];"
            "return e.contains(document.elementFromPoint(...p)) && p; })()"
        )
        self.wait(where)
        x, y = self.run(where)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            pressed = {"button": "none"} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            held = int(kind == "mousePressed")
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=held, **pressed)

    def type(self, text: str) -> None:
        """Text into what has the focus, then Enter."""
        self.call("Input.insertText", text=text)
        self.key("Enter", 13)

    def key(self, name: str, code: int, *, shift: bool = False) -> None:
        """One key pressed and released."""
        for kind in ("rawKeyDown", "char", "keyUp"):
            if kind == "char" and (shift or name != "Enter"):
                continue
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                code=name,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
                **({"text": "\r"} if kind == "char" else {}),
            )

    def keep(self, name: str) -> None:
        """A screenshot for a person to look at, where one was asked for."""
        if SHOTS:
            self.screenshot(Path(SHOTS) / f"{name}.png")

    def screenshot(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
        return path


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with one empty tab; its profile lies in `folder`."""
    assert PROGRAM is not None
    profile = folder / "profile"
    log = (folder / "chromium.log").open("wb")
    process = subprocess.Popen(
        [PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=log,
        stderr=log,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        port = _port(profile / "DevToolsActivePort", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=20) as answer:
            tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
        page = Page(tabs[0]["webSocketDebuggerUrl"], folder)
        try:
            yield page
        finally:
            page.close()
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if file.is_file() and (text := file.read_text("utf-8")):
            return int(text.splitlines()[0])
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")
