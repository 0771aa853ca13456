"""The HTML page has no fault that axe-core knows of, wide or narrow, light or dark."""

import html
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from pages import (
    PNG,
    code,
    figure,
    notebook,
    opened,
    prose,
    result,
    sample,
    shown,
    stream,
    table,
    texts,
    to_html,
)

from rnn.report.escaping import escape

FULL = notebook(
    prose("# First\n\nSee [Table](#tab-a), `code` and $x^2$.\n\n$$\\sum_{i=1}^{n} i^2 = x$$"),
    code("x = 'a string'  # a comment\nfor i in range(10): print(i)", table("tab-a")),
    code("y", figure("fig-a"), stream("printed " * 60)),
    prose(
        "#### Deep\n\n- one\n- two\n\n> quoted\n\n[link](https://example.org)\n\n---\n\n```\nx\n```"
    ),
    code("z", sample("some text\u200b \u202e here " * 20, title=f"iter: 1 {escape('(x)')}")),
    code(
        "t",
        result(
            {
                "text/html": pd.DataFrame(
                    {"a": range(3)} | {f"column {n}": ["text"] * 3 for n in range(20)}
                ).to_html()
            }
        ),
    ),
    code("p", shown({"image/png": PNG})),
    code("s", texts(("one", "some text"), ("two", "another\u200b text"))),
    prose("# Second\n\n![](attachment:a.png)", attachments={"a.png": {"image/png": PNG}}),
    prose("# Second"),
    title="A title",
    authors=[{"name": "An author"}],
)

RUN = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
  .then(found => {
    const told = document.createElement("pre")
    told.id = "axe"
    told.textContent = JSON.stringify({
      passes: found.passes.length,
      violations: found.violations.map(v => v.id + ": " + v.nodes[0].html),
    })
    document.body.append(told)
  })
"""


def axe_core() -> str:
    spec = find_spec("axe_core_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed (pip install axe-core-python)")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def examined(chromium: str, page: str, folder: Path, *flags: str) -> dict[str, object]:
    script = f"<script>{axe_core()}</script><script>{RUN}</script></body>"
    open_to_scripts = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    document = opened(chromium, open_to_scripts.replace("</body>", script), folder, *flags)
    found = re.search(r'<pre id="axe">(.*?)</pre>', document, re.DOTALL)
    assert found, "axe-core did not finish"
    told: dict[str, object] = json.loads(html.unescape(found[1]))
    return told


@pytest.mark.browser
@pytest.mark.parametrize(
    "flags",
    [
        ("--window-size=1280,900",),
        ("--window-size=400,900", "--blink-settings=preferredColorScheme=0"),
    ],
)
def test_axe_core_finds_no_violation(chromium: str, tmp_path: Path, flags: tuple[str, ...]) -> None:
    found = examined(chromium, to_html(FULL), tmp_path, *flags)
    assert found["violations"] == []
    assert isinstance(found["passes"], int)
    assert found["passes"] > 20


@pytest.mark.browser
def test_axe_core_sees_a_page_that_is_not_accessible(chromium: str, tmp_path: Path) -> None:
    page = "<!DOCTYPE html><html><head></head><body><img src='data:,'></body></html>"
    found = examined(chromium, page, tmp_path)
    assert "image-alt" in str(found["violations"])
