"""The notebooks in JupyterLab, in a real browser, worked as a person works them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import (
    CHECK,
    SAMPLE,
    TRAINING,
    Lab,
    Server,
    bring_notebooks,
    errors,
    not_run,
    wait_until,
)
from browser import chromium as running_chromium

from rnn.runs import results
from rnn.runs.driver import train
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SHORT = {"max_updates": 2000, "snapshot_every": 500}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    server = Server(folder, tmp_path_factory.mktemp("private"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator["Browser"]:
    with running_chromium(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where pictures of what failed are kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def lab(browser: "Browser", server: Server, kept: Path) -> Iterator[Lab]:
    lab = Lab(browser, server)
    yield lab
    complaints = lab.complaints
    lab.close()
    server.stop_kernels()
    assert complaints == []


@pytest.fixture
def folder(server: Server, request: pytest.FixtureRequest) -> Path:
    """Return a folder of the test's own, where the notebooks are to be brought."""
    return server.folder / "notebooks" / request.node.name


def test_make_lab_opens_the_notebooks_without_a_question_or_a_call_elsewhere(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path)
    lab.start()
    lab.page.get_by_text(folder.name).wait_for()
    lab.open(folder / CHECK)
    # The bell of the status bar counts what wants attention.
    bell = lab.page.locator(".jp-Notification-Status")
    assert bell.inner_text().strip() == "0"
    assert lab.page.locator(".Toastify__toast, .jp-Dialog").count() == 0


def test_the_net_catches_whatever_goes_wrong_behind_the_page(lab: Lab) -> None:
    lab.start()
    assert lab.complaints == []
    lab.page.evaluate("console.error('a loud word')")
    lab.page.evaluate("setTimeout(() => { throw new Error('a slip') })")
    lab.page.evaluate("fetch('/nonesuch')")
    lab.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    for beginning in (
        "console: a loud",
        "exception: ",
        "status 404: ",
        "asked elsewhere: ",
        "failed: ",
    ):
        wait_until(lambda b=beginning: lab.heard(b))  # type: ignore[misc]
    lab.complaints = []


def test_what_leaving_a_page_cuts_off_is_no_complaint_and_what_is_cut_off_otherwise_is(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path)
    lab.open(folder / CHECK)
    # Neither is answered: the page is left, or changes its mind.
    lab.page.route("**/slow", lambda route: None)
    lab.page.evaluate("void fetch('/slow').catch(() => {})")
    lab.open(folder / TRAINING)
    assert lab.complaints == []
    lab.page.evaluate(
        """() => {
            const mind = new AbortController()
            fetch("/slow", {signal: mind.signal}).catch(() => {})
            setTimeout(() => mind.abort(), 50)
        }"""
    )
    wait_until(lambda: lab.heard("failed: "))
    lab.complaints = []


def test_every_notebook_runs_whole_from_a_fresh_kernel(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path / "run", **SHORT)
    for name, figures, tables in [(CHECK, 1, 4), (TRAINING, 2, 2), (SAMPLE, 1, 3)]:
        lab.run_whole(folder / name)
        saved = lab.save(folder / name)
        assert errors(saved) == []
        assert not_run(saved) == []
        pictures = lab.notebook.locator(".jp-OutputArea-output img, .jp-OutputArea-output svg")
        assert pictures.count() >= figures
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
            box = picture.bounding_box()
            assert box is not None and box["width"] > 100 and box["height"] > 50
        shown = lab.notebook.locator(".jp-OutputArea-output table")
        assert shown.count() >= tables
        shown.first.scroll_into_view_if_needed()
        assert shown.first.is_visible()


def test_sampling_before_training_says_in_a_line_what_to_run_first(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path / "run")
    lab.run_whole(folder / SAMPLE)
    output = lab.outputs(lab.cell("load_best(folder"))
    assert output.count() == 1
    told = output.inner_text().strip()
    assert len(told.splitlines()) == 1
    assert TRAINING.removesuffix(".ipynb") in told
    assert "Traceback" not in lab.notebook.inner_text()


def test_a_training_shows_its_curve_its_sample_and_the_time_left_in_one_place(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path / "run", snapshot_every=5000)
    lab.open(folder / TRAINING)
    lab.run_all()
    cell = lab.cell("live.train(")
    curve, sample = cell.locator(".rnn-live-curve"), cell.locator(".rnn-live-sample")
    picture = lab.wait_for_change(curve, "", "src")
    text = lab.wait_for_change(sample, "")
    outputs = lab.outputs(cell).count()
    bar = cell.locator(".jupyter-widgets .progress-bar")
    grown = bar.evaluate("element => element.style.width")
    cell.get_by_text(re.compile(r"\d\d:\d\d\sleft")).wait_for()
    for _ in range(2):
        picture = lab.wait_for_change(curve, picture, "src")
    lab.wait_for_change(sample, text)
    assert bar.evaluate("element => element.style.width") != grown
    assert cell.locator(".rnn-live").count() == 1
    assert lab.outputs(cell).count() == outputs
    box, below = curve.bounding_box(), sample.bounding_box()
    assert box is not None and below is not None
    assert box["height"] > 100 and below["y"] > box["y"] + box["height"]
    lab.interrupt()
    lab.wait_until_done()


def test_a_training_that_was_stopped_is_told_of_and_goes_on_from_there(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path / "run", max_updates=200_000)
    lab.open(folder / TRAINING)
    lab.run_all()
    cell = lab.cell("live.train(")
    cell.locator(".rnn-live").wait_for()
    lab.interrupt()
    lab.wait_until_done()
    saved = lab.save(folder / TRAINING)
    assert errors(saved) == []
    assert not_run(saved) == []
    stopped = re.search(r"Stopped at update ([\d,]+) of 200,000", lab.told(cell))
    assert stopped
    figure = lab.outputs(lab.cell('show("loss"')).locator("img, svg").first
    figure.scroll_into_view_if_needed()
    assert figure.is_visible()

    lab.run_cell(cell)
    lab.wait_until_done()
    told = lab.told(cell)
    assert f"going on from update {stopped[1]}" in told
    assert "Done: 200,000 updates" in told
    assert errors(lab.save(folder / TRAINING)) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run whose best model is not its last: an epoch has just begun."""
    folder = tmp_path_factory.mktemp("trained")
    settings = Settings(m=20, max_updates=47_000)
    run = train(load_corpus("saltmarrow"), settings, progress=False)
    results.save_runs([run], folder, "saltmarrow")
    return folder


def test_the_sampler_follows_its_controls_and_shows_what_else_was_likely(
    lab: Lab, folder: Path, trained: Path
) -> None:
    bring_notebooks(folder, trained)
    lab.run_whole(folder / SAMPLE)
    written = lab.notebook.locator(".rnn-text .written")
    written.scroll_into_view_if_needed()
    first = lab.wait_for_change(written, "")

    changed = {}
    for name in ("temperature", "top-p", "length"):
        slider = lab.slider(name)
        slider.press("ArrowLeft")
        changed[name] = lab.wait_for_change(written, first)
        slider.press("ArrowRight")
        assert lab.wait_for_change(written, changed[name]) == first, name
    # A line feed has a sign of its own before the line ends.
    assert len(changed["length"]) < len(first) and first.startswith(changed["length"])

    button = lab.notebook.get_by_role("button", name=re.compile("^last: update"))
    button.click()
    last = lab.wait_for_change(written, first)
    lab.notebook.get_by_role("button", name=re.compile("^best: update")).click()
    assert lab.wait_for_change(written, last) == first

    prime = lab.notebook.get_by_placeholder("a text that the network reads first")
    prime.press_sequentially("Wren said")
    read = lab.notebook.locator(".rnn-text .prime")
    read.get_by_text("d", exact=True).wait_for()
    assert read.evaluate("element => element.textContent") == "Wren said"
    continued = written.evaluate("element => element.textContent")
    assert continued.startswith("Wren said") and first not in continued
    prime.fill("")
    assert lab.wait_for_change(written, continued) == first

    character = written.locator("i[data-a]").nth(10)
    alternatives = "element => getComputedStyle(element, '::after').content"
    assert character.evaluate(alternatives) == "none"
    character.hover()
    assert re.search(r"▸.*\d %", character.evaluate(alternatives))


def test_a_planted_mistake_is_caught_before_the_reader_s_eyes(
    lab: Lab, folder: Path, tmp_path: Path
) -> None:
    bring_notebooks(folder, tmp_path / "run")
    lab.run_whole(folder / CHECK)
    words = lab.notebook.locator(".rnn-check .words")
    words.scroll_into_view_if_needed()
    right = lab.wait_for_change(words, "")
    rows = lab.notebook.locator(".rnn-check tbody tr")
    caught = lab.notebook.locator(".rnn-check .bad")
    assert (rows.count(), caught.count()) == (5, 0)

    lab.choose("setting", -1)
    told = lab.wait_for_change(words, right)
    for name in lab.options("mistake")[1:]:
        lab.choose("mistake", name)
        told = lab.wait_for_change(words, told)
        assert caught.count() >= 1, name

    picture = lab.notebook.locator(".rnn-check img")
    before = lab.wait_for_change(picture, "", "src")
    lab.notebook.locator(".widget-toggle-buttons").get_by_role(
        "button", name="V", exact=True
    ).click()
    lab.wait_for_change(picture, before, "src")
    lab.choose("mistake", "none")
    caught.first.wait_for(state="detached")
