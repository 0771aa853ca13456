"""The project's script gets into the report's own HTML page alone, by its hash."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from interactive import a_model, a_notebook, a_page
from pages import PNG, SVG, Page, code, notebook, pdf_text, shown, to_html, to_pdf

from rnn import ROOT
from rnn.report.shown import INTERACTIVE

TEMPLATES = ROOT / "rnn/report/pages/templates/report-html"
SCRIPT = (TEMPLATES / "interactive.js").read_text(encoding="utf-8")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return a_notebook(monkeypatch, tmp_path, a_model("abc "))


def policy(page: str) -> dict[str, str]:
    (content,) = [a["content"] for a in Page(page).of("meta") if "http-equiv" in a]
    return dict(part.strip().partition(" ")[::2] for part in str(content).split(";"))


def test_one_script_is_allowed_by_its_hash_and_nothing_else(own: Any) -> None:
    page = to_html(own, interactive=True)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script == SCRIPT
    assert page.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = policy(page)
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    assert rules["trusted-types"] == "'none'"
    assert not [name for _, a in Page(page).tags for name in a if name.startswith("on")]


def test_other_notebooks_get_neither_the_script_nor_the_section(own: Any) -> None:
    page = to_html(own)
    assert "<script" not in page and "script-src" not in policy(page)
    assert "Try it" not in page and "data-network" not in page
    assert "Try it" not in pdf_text(to_pdf(own))


@pytest.mark.parametrize("data", [{"points": [[0, 0, "a'><script>x</script>"]]}, [], "x", 3, {}])
def test_data_of_any_kind_stays_data(data: Any) -> None:
    about = {"kind": "figure", "label": "fig-a", "caption": "c", "alt": "a"}
    figure = shown({"image/svg+xml": SVG, INTERACTIVE: data}, about)
    alone = shown({INTERACTIVE: data, "image/png": PNG}, {"kind": "interactive"})
    nb = notebook(code("x", figure, alone))
    page = to_html(nb, interactive=True)
    assert page.count("<script") == ("<script>" + SCRIPT in page)
    assert 'src="data:image/svg+xml' in page
    assert to_html(nb) == to_html(notebook(code("x", shown({"image/svg+xml": SVG}, about))))


def test_without_a_script_the_page_is_what_it_was_before(own: Any) -> None:
    page = Page(to_html(own, interactive=True))
    (section,) = [a for a in page.of("section")]
    assert "hidden" in section
    assert [a for a in page.of("li") if "hidden" in a], "nor do the contents name it"


def test_a_model_that_is_left_out_leaves_a_line_and_no_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = a_page(monkeypatch, tmp_path, a_model("abc", m=640))
    assert "<script" not in page
    assert "embed_model" in Page(page).text


def test_the_script_is_small_plain_and_stores_or_sends_nothing() -> None:
    assert SCRIPT.isascii()
    lines = [line.strip() for line in SCRIPT.splitlines()]
    assert len([line for line in lines if line and not line.startswith("//")]) < 300
    assert max(map(len, SCRIPT.splitlines())) <= 100
    assert "</script" not in SCRIPT and "<!--" not in SCRIPT
    words = "innerHTML outerHTML insertAdjacent eval Function fetch XMLHttp import localStorage"
    words += " sessionStorage indexedDB cookie document.write navigator WebSocket Worker"
    assert not [word for word in words.split() if re.search(rf"\b{re.escape(word)}", SCRIPT)]
