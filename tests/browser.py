"""JupyterLab in a headless Chromium, used as a person uses it: what tests and pictures share."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

ROOT = Path(__file__).resolve().parent.parent
CHECK, TRAINING, SAMPLE = (
    "01_gradient_check.ipynb",
    "02_training_evolution.ipynb",
    "03_best_model_sampling.ipynb",
)

#: How long anything may take, in milliseconds: Numba may have to compile on a busy machine.
PATIENCE = 120_000

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-color-profile=srgb"
).split()


def lab_command() -> list[str]:
    """Return what `make lab` runs, with this Python and without opening a person's browser."""
    recipe = re.search(r"^lab:.*\n\t@(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert recipe, "the Makefile has no recipe for lab"
    flags = re.findall(r"--LabApp\S+", recipe[1])
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [sys.executable, "-m", "jupyterlab", *flags, *as_root, "--no-browser"]


class Server:
    """A JupyterLab of one's own: a free port, a folder, and nothing of the home folder."""

    def __init__(self, folder: Path, private: Path) -> None:
        self.folder = folder
        ours = ("JUPYTER", "IPYTHON", "JPY_", "NUMBA_")
        clean = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        places = {
            "HOME": "home",
            "XDG_CACHE_HOME": "cache",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "npm_config_cache": "npm",
        }
        fonts = {"MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(private / "matplotlib"))}
        environment = {
            **clean,
            **{name: str(private / place) for name, place in places.items()},
            **fonts,
            "JUPYTER_CONFIG_PATH": str(ROOT / "rnn" / "pipeline" / "jupyterlab"),
            "JUPYTER_PREFER_ENV_PATH": "1",
        }
        private.mkdir(parents=True, exist_ok=True)
        self._said = (private / "server.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [*lab_command(), "--ServerApp.port=0"],
            cwd=folder,
            env=environment,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )
        told = self._told(private / "runtime" / f"jpserver-{self._process.pid}.json")
        # By number: a name may lead to another family of addresses first.
        self.address = f"http://127.0.0.1:{told['port']}/"
        self.token = told["token"]

    def _told(self, path: Path) -> dict[str, Any]:
        """Wait for what the server tells of itself: its port and token."""
        try:
            wait_until(lambda: _whole(path) is not None or self._process.poll() is not None)
            told = _whole(path)
            assert told is not None, f"JupyterLab did not start:\n{self.log}"
        except BaseException:
            self.close()
            raise
        return told

    @property
    def log(self) -> str:
        """What the server said on the terminal."""
        return Path(self._said.name).read_text("utf-8")

    def stop_kernels(self) -> None:
        """Stop all kernels, so that the next one has the machine for itself."""
        for kernel in self.ask("api/kernels"):
            self.ask(f"api/kernels/{kernel['id']}", "DELETE")

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask the server itself, past the browser."""
        asked = urllib.request.Request(f"{self.address}{path}", method=method)
        asked.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(asked, timeout=PATIENCE / 1000) as answer:
            return json.loads(answer.read() or "null")

    def close(self) -> None:
        """Stop the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


@contextmanager
def chromium(path: str) -> Iterator["Browser"]:
    """Run a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def bring_notebooks(folder: Path, run: Path, **parameters: object) -> None:
    """Copy the notebooks into `folder`, each with the parameters that it knows changed."""
    folder.mkdir(parents=True)
    known = set()
    for source in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(source.read_text("utf-8"))
        (cell,) = (c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", []))
        lines = []
        for line in cell["source"]:
            name = line.split(":")[0]
            if name in parameters or name == "run_dir":
                value = str(run) if name == "run_dir" else parameters[name]
                line = re.sub(r"= .*?(?=  #|$)", lambda _, v=value: f"= {v!r}", line, count=1)
                known.add(name)
            lines.append(line)
        cell["source"] = lines
        (folder / source.name).write_text(json.dumps(notebook, indent=1), "utf-8")
    assert known == {*parameters, "run_dir"}, "a parameter that no notebook has"


class Lab:
    """A browser window with JupyterLab, and what went wrong behind its face."""

    def __init__(self, browser: "Browser", server: Server, **options: Any) -> None:
        self.server = server
        options = {"viewport": {"width": 1280, "height": 1000}, "locale": "en-GB"} | options
        self._context = browser.new_context(**options)
        self._context.set_default_timeout(PATIENCE)
        self.page: Page = self._context.new_page()
        self.console: list[str] = []
        #: Errors in the console, exceptions, refused or failed requests, and calls elsewhere.
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self._leaving = False
        self._asked: list[Request] = []
        self._left: list[Request] = []  # those that were under way when a page was left
        self.page.on("requestfailed", self._regret)
        self.page.on("request", self._ask)
        self.page.on("websocket", lambda opened: self._look_where(opened.url))
        self.page.on(
            "response",
            lambda got: (
                got.status >= 400 and self.complaints.append(f"status {got.status}: {got.url}")
            ),
        )

    def _hear(self, message: "ConsoleMessage") -> None:
        self.console.append(f"{message.type}: {message.text}")
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _ask(self, asked: "Request") -> None:
        self._asked.append(asked)
        self._look_where(asked.url)

    def _regret(self, asked: "Request") -> None:
        # Whoever leaves a page cuts off what it has under way, which may be told later; nothing
        # else may be.
        left = self._leaving or asked in self._left
        if not (left and asked.failure == "net::ERR_ABORTED"):
            self.complaints.append(f"failed: {asked.url} ({asked.failure})")

    def _look_where(self, address: str) -> None:
        here = self.server.address
        if not address.startswith((here, here.replace("http", "ws", 1), "data:", "blob:")):
            self.complaints.append(f"asked elsewhere: {address}")

    def heard(self, beginning: str) -> bool:
        """Tell whether there is a complaint that begins so, by now."""
        self.page.wait_for_timeout(20)  # what happened is told while the page is listened to
        return any(complaint.startswith(beginning) for complaint in self.complaints)

    def close(self) -> None:
        """Close the window, without the complaints that this itself makes."""
        self.complaints = []
        self._context.close()

    def keep(self, folder: Path) -> Path:
        """Keep a screenshot, the console and the complaints in a folder; return it."""
        folder.mkdir(parents=True, exist_ok=True)
        told = ["complaints:", *self.complaints, "", "console:", *self.console]
        (folder / "console.txt").write_text("\n".join(told), "utf-8")
        (folder / "server.txt").write_text(self.server.log, "utf-8")
        self.page.screenshot(path=folder / "screenshot.png")
        return folder

    # ---- What a person does -----------------------------------------------------------------

    def start(self) -> None:
        """Go to the address that `make lab` opens."""
        self.page.goto(f"{self.server.address}?token={self.server.token}")
        self.page.locator(".jp-DirListing-content").wait_for()

    def open(self, path: Path) -> None:
        """Open a notebook of the server's folder, with a fresh kernel, and wait for it."""
        shown = path.relative_to(self.server.folder).as_posix()
        # `reset` leaves what another window had open.
        where = f"{self.server.address}lab/tree/{shown}?reset&token={self.server.token}"
        self._leaving = True
        self.page.goto(where)
        self._left, self._leaving = [*self._asked], False
        self.notebook.locator(".jp-CodeCell").first.wait_for()
        # What is asked of a kernel that is not connected yet is silently not done.
        wait_until(lambda: self._is_connected(shown))
        self.wait_for_kernel()

    def _is_connected(self, shown: str) -> bool:
        """Tell whether a window is connected with the kernel of a notebook, and it is ready."""
        return any(
            session["kernel"]["connections"] and session["kernel"]["execution_state"] == "idle"
            for session in self.server.ask("api/sessions")
            if session["path"] == shown
        )

    def menu(self, *words: str) -> None:
        """Choose from the menus: `menu("Run", "Run All Cells")`."""
        self.page.get_by_role("menuitem", name=words[0], exact=True).click()
        for word in words[1:]:
            self.page.locator(".lm-Menu-item").get_by_text(word, exact=True).click()

    def run_all(self) -> None:
        """Run all cells, from the menu."""
        self.menu("Run", "Run All Cells")

    def run_whole(self, path: Path) -> None:
        """Open a notebook, run all its cells, and wait until it is done."""
        self.open(path)
        self.run_all()
        self.wait_until_done()

    def run_cell(self, cell: "Locator") -> None:
        """Run one cell by the keyboard."""
        cell.locator(".cm-content").first.click()
        self.page.keyboard.press("Control+Enter")

    def interrupt(self) -> None:
        """Press the stop button of the toolbar."""
        self.page.locator('[data-jp-item-name="interrupt"]').first.click()

    def save(self, path: Path) -> dict[str, Any]:
        """Save the notebook by the keyboard, and read its file."""
        before = path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        wait_until(lambda: path.stat().st_mtime_ns != before and _whole(path) is not None)
        saved = _whole(path)
        assert saved is not None
        return saved

    # ---- What a person sees -----------------------------------------------------------------

    @property
    def notebook(self) -> "Locator":
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, code: str) -> "Locator":
        """The code cell with `code` in its source."""
        wanted = self.page.locator(".jp-InputArea", has_text=code)
        return self.notebook.locator(".jp-CodeCell").filter(has=wanted)

    def told(self, cell: "Locator") -> str:
        """What stands in a cell's outputs, also where they are out of sight."""
        return "\n".join(self.outputs(cell).all_text_contents())

    def outputs(self, cell: "Locator") -> "Locator":
        """The outputs of a cell, one a piece."""
        return cell.locator(".jp-OutputArea-output")

    def slider(self, name: str) -> "Locator":
        """The handle of a slider, which takes the keys of the keyboard."""
        return self.notebook.locator(".widget-slider", has_text=name).locator(".noUi-handle")

    def choose(self, name: str, which: int | str) -> str:
        """Choose from a dropdown list, by place or by name; return the name."""
        chosen = self.options(name)[which] if isinstance(which, int) else which
        listed = self.notebook.locator(".widget-dropdown", has_text=name).locator("select")
        listed.select_option(chosen)
        return chosen

    def options(self, name: str) -> list[str]:
        """What a dropdown list has to offer."""
        listed = self.notebook.locator(".widget-dropdown", has_text=name).locator("option")
        return listed.all_text_contents()

    def wait_for_kernel(self) -> None:
        """Wait until the kernel has started and has nothing to do."""
        self.notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()

    def wait_for_change(self, what: "Locator", before: str, attribute: str = "textContent") -> str:
        """Wait until an element, there or drawn anew, is no longer as before; return how it is."""
        what.wait_for()
        now = ""

        def changed() -> bool:
            nonlocal now
            # The page may put another element in its place at any moment.
            now = what.first.evaluate("(element, name) => element[name]", attribute)
            self.page.wait_for_timeout(20)
            return now != before

        wait_until(changed)
        return now

    def wait_until_done(self) -> None:
        """Wait until no cell is running or waiting."""
        self.page.wait_for_function(
            """() => {
                const panel = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden)")
                const prompts = [...panel.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
                const some = prompts.some(prompt => /\\d/.test(prompt.textContent))
                return some && !prompts.some(prompt => prompt.textContent.includes("*"))
            }"""
        )
        self.wait_for_kernel()


def wait_until(true: Callable[[], bool]) -> None:
    """Ask again and again, for what the page itself cannot be asked."""
    end = time.monotonic() + PATIENCE / 1000
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _whole(path: Path) -> dict[str, Any] | None:
    """Read a JSON file, unless it is still being written."""
    try:
        read: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return read
    except (OSError, ValueError):
        return None


def errors(notebook: dict[str, Any]) -> list[str]:
    """Return what went wrong in a notebook's cells, an entry a cell."""
    return [
        "\n".join(output["traceback"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def not_run(notebook: dict[str, Any]) -> list[str]:
    """Return the sources of the code cells that were not run."""
    return [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and cell["source"] and cell["execution_count"] is None
    ]
