"""Make the README's pictures: the report's pages, and what JupyterLab shows.

Run by `make docs-pictures`, with the folder of a finished run.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from browser import CHECK, ROOT, SAMPLE, TRAINING, Lab, Server, bring_notebooks, chromium
from conftest import CHROMIUM
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = ROOT / "reports"
LARGEST = 200_000  # bytes

#: What notebook 03 reads of a run.
LEFT = ("best_model.npz", "last_model.npz", "results.json", "history.csv", "snapshots.json")


def first_page(run: Path) -> None:
    """Draw the first page of the report."""
    target = PICTURES / "first-page"
    words = ["-png", "-singlefile", "-gray", "-r", "80", "-f", "1", "-l", "1"]
    subprocess.run(["pdftoppm", *words, run / "report.pdf", target], check=True)


def live(lab: Lab, folder: Path) -> None:
    """Show a training half-way, its bar, its curve and its latest sample."""
    lab.open(folder / TRAINING)
    lab.page.keyboard.press("Control+b")
    lab.run_all()
    cell = lab.cell("live.train(")
    cell.get_by_text(re.compile(r"Update (1[5-9]|2\d)\d,\d{3} of")).wait_for()
    cell.locator(".jp-OutputArea").screenshot(path=PICTURES / "live.png")
    lab.interrupt()
    lab.wait_until_done()


def sampling_playground(lab: Lab, folder: Path) -> None:
    """Show a text after a prime, and what else could have stood in one of its places."""
    lab.open(folder / SAMPLE)
    lab.page.keyboard.press("Control+b")
    lab.run_all()
    lab.wait_until_done()
    written = lab.notebook.locator(".rnn-text .written")
    before = lab.wait_for_change(written, "")
    lab.notebook.get_by_placeholder("a text that the network reads first").fill("Wren said")
    before = lab.wait_for_change(written, before)
    for name, steps in [("length", 10), ("temperature", 8)]:
        for _ in range(steps):
            lab.slider(name).press("ArrowLeft")
            before = lab.wait_for_change(written, before)
    written.locator("i[data-a]").nth(115).hover()
    output = lab.notebook.locator(".jp-OutputArea-output", has=lab.page.locator(".rnn-text"))
    output.screenshot(path=PICTURES / "playground.png")


def gradient_playground(lab: Lab, folder: Path) -> None:
    """Show a planted mistake that is caught."""
    lab.open(folder / CHECK)
    lab.page.keyboard.press("Control+b")
    lab.run_all()
    lab.wait_until_done()
    lab.choose("setting", -1)
    lab.choose("mistake", 1)
    lab.notebook.locator(".rnn-check .bad").first.wait_for()
    lab.page.mouse.move(0, 0)
    output = lab.notebook.locator(".jp-OutputArea-output", has=lab.page.locator(".rnn-check"))
    output.screenshot(path=PICTURES / "playground-check.png")


def try_it(browser: "Browser", run: Path) -> None:
    """Show what the report's own page writes, and what else could have stood in one place."""
    page = browser.new_page(viewport={"width": 800, "height": 1500})
    page.goto((run / "report.html").resolve().as_uri())
    page.locator("[name=prime]").fill("Wren said")
    page.locator("[name=length]").fill("500")
    page.locator("[name=temperature]").fill("0.6")
    page.locator("[name=temperature]").blur()
    section = page.locator("#try-it .part").first
    page.wait_for_timeout(1000)
    section.locator(".written span").nth(115).hover()
    section.screenshot(path=PICTURES / "try-it.png")
    page.close()


def squeeze(picture: Path, colours: int, margin: int | None = None) -> None:
    """Store a PNG with so many colours at most, and on a white margin of its own if one is told."""
    drawn = Image.open(picture).convert("RGB")
    if margin is not None:
        cut = drawn.crop(ImageOps.invert(drawn).getbbox())
        drawn = ImageOps.expand(cut, margin, "white")
    # By the extent of the colours, not by how many pixels have them: a dot keeps its own too.
    few = drawn.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def main(run: Path) -> None:
    """Make them all.

    Parameters
    ----------
    run : Path
        The folder of a finished run; nothing in it is changed.
    """
    lacking = [
        f"{told}, got none; do {remedy}"
        for there, told, remedy in [
            (CHROMIUM, "Chromium on PATH", "apt install chromium"),
            (shutil.which("pdftoppm"), "pdftoppm on PATH", "apt install poppler-utils"),
            ((run / "report.pdf").exists(), f"a report in {run}", f"make report RUN={run.name}"),
        ]
        if not there
    ]
    if lacking or CHROMIUM is None:
        sys.exit(f"docs-pictures: expected {lacking[0]}")
    first_page(run)
    with tempfile.TemporaryDirectory() as place:
        folder, private = Path(place, "lab"), Path(place, "private")
        folder.mkdir()
        shutil.copytree(run, Path(place, "run"), ignore=lambda _, names: {*names} - {*LEFT})
        server = Server(folder, private)
        try:
            bring_notebooks(folder / "notebooks", Path(place, "run"))
            bring_notebooks(folder / "training", Path(place, "training"))
            with chromium(CHROMIUM) as browser:
                try_it(browser, run)
                for show, where in [
                    (live, "training"),
                    (sampling_playground, "notebooks"),
                    (gradient_playground, "training"),
                ]:
                    lab = Lab(browser, server, viewport={"width": 900, "height": 1500})
                    show(lab, folder / where)
                    lab.close()
                    server.stop_kernels()
        finally:
            server.close()
    for name in ("first-page", "live", "playground", "playground-check", "try-it"):
        picture = PICTURES / f"{name}.png"
        if picture.stem == "first-page":
            squeeze(picture, colours=32)
        else:
            squeeze(picture, colours=256, margin=12)
        size = picture.stat().st_size
        print(f"{picture.relative_to(ROOT)}: {size:,} bytes")
        assert size <= LARGEST, f"{picture.name}: expected at most {LARGEST:,} bytes"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
