"""Make the pictures of the README anew: `python docs/images/make.py`, from anywhere.

Needs the extra `offline`, ffmpeg with libass, selenium, and Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver

HERE = Path(__file__).parent
SPEECH = HERE.parents[1] / "samples" / "jfk.wav"
SIZE = "960x540"
SHOWN = 6.2  # s; inside a cue of two lines
LINES = "And so, my fellow Americans,\nask not what your country can do for you,\nask what you can do for your country."
BACKGROUND = f"gradients=s={SIZE}:c0=0x8a5a6d:c1=0x16243f:n=2:x0=0:y0=0:x1=960:y1=540:seed=1:speed=0.00001"


def main() -> None:
    """Time the sample's text once, and draw both pictures from its outputs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(SPEECH, folder)
        command = [sys.executable, "-m", "crisp_align", "align", SPEECH.name, "--text", LINES, "-l", "en", "--offline"]
        layout = [
            "--profile",
            "netflix-en",
            "-ml",
            "32",
            "--highlight-words",
            "--resolution",
            SIZE,
            "--font",
            "DejaVu Sans",
        ]
        subprocess.run([*command, *layout, "-o", "talk.ass", "-o", "talk.html"], cwd=folder, check=True)
        burn_in(folder)
        photograph((folder / "talk.html").as_uri())


def burn_in(folder: Path) -> None:
    """A frame with the subtitles of `folder` on it, as libass draws them."""
    source = ["-f", "lavfi", "-i", f"{BACKGROUND}:d=12:r=25"]
    picture = ["-vf", "ass=talk.ass,format=rgb24", "-ss", str(SHOWN), "-frames:v", "1", "-bitexact"]
    target = str(HERE / "burned-in.png")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *picture, target], cwd=folder, check=True)


def photograph(address: str) -> None:
    """The review page at the moment of the other picture."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=1200,800"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or "chromium"
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        screen = {"width": 900, "height": 600, "deviceScaleFactor": 4 / 3, "mobile": False}  # 1200 x 800 pixels
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get(address)
        deadline = time.monotonic() + 20
        while browser.execute_script("return media.readyState") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        browser.execute_script("media.currentTime = arguments[0]", SHOWN)
        while browser.execute_script("return media.seeking") and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)  # a frame or two are drawn
        browser.save_screenshot(str(HERE / "review-page.png"))
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
