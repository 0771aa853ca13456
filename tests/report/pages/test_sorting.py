"""A reader of the HTML page sorts a table without a script."""

import re
from pathlib import Path

import pandas as pd
import pytest
from nbformat.v4 import new_notebook
from pages import code, notebook, shown, to_html, to_pdf

from rnn.report.pages.sorting import rules, sortable
from rnn.report.show import _table_html

TABLE = pd.DataFrame(
    {"loss": ["1.5", "−2", "1e-3", "1,000", "–"], "why": ["b", "A", "c", "a", ""]},
    index=["p", "q", "r", "s", "t"],
).rename_axis("point")


def page(sorted_by_reader: str = "yes") -> str:
    about = {"kind": "table", "label": "tab-one", "caption": "Points", "sortable": sorted_by_reader}
    output = shown({"text/html": _table_html(TABLE, "{:g}")}, about)
    return to_html(notebook(code("show()", output)))


def ranks(page: str, column: int) -> list[int]:
    return [int(rank) for rank in re.findall(rf'style="[^"]*--r{column}:(\d+)', page)]


def test_every_row_has_its_rank_by_each_column() -> None:
    found = page()
    assert ranks(found, 0) == [1, 2, 3, 4, 5]
    # By size, and what is no number last.
    assert ranks(found, 1) == [3, 1, 2, 4, 5]
    # Words whatever their case, an empty one first.
    assert ranks(found, 2) == [3, 2, 4, 2, 1]


def test_each_column_has_a_named_button_up_and_down_and_there_is_no_script() -> None:
    found = page()
    buttons = re.findall(r'<input type="radio" name="sort-tab-one" class="(\S+)" aria', found)
    assert buttons == [f"{way}-{n}" for n in range(3) for way in ("rising", "falling")]
    assert "<script" not in found and len(rules(found).splitlines()) == 6
    assert all(line in found for line in rules(found).splitlines())


def test_other_tables_stay_as_they_are() -> None:
    found = page("")
    assert "radio" not in found and "--r0" not in found and rules(found) == ""
    assert sortable("<p>no table</p>", "x") == "<p>no table</p>"


def test_data_in_a_cell_cannot_become_markup_of_a_button() -> None:
    odd = TABLE.rename(columns={"why": '"><img src=x onerror=1>'})
    about = {"kind": "table", "label": "tab-one", "caption": "Points", "sortable": "yes"}
    output = shown({"text/html": _table_html(odd, "{:g}")}, about)
    found = to_html(notebook(code("show()", output)))
    assert "<img" not in found


def test_the_pdf_has_the_table_as_it_is() -> None:
    about = {"kind": "table", "label": "tab-one", "caption": "Points", "sortable": "yes"}
    output = shown({"text/html": _table_html(TABLE, "{:g}")}, about)
    assert to_pdf(new_notebook(cells=[code("show()", output)])).startswith(b"%PDF")


@pytest.mark.browser
def test_a_click_puts_the_rows_in_order(chromium: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = tmp_path / "page.html"
    path.write_text(page(), encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page()
        view.goto(path.as_uri())

        def order() -> str:
            rows = view.locator("tbody tr").all()
            tops = {row.locator("th").inner_text(): row.bounding_box() for row in rows}
            return "".join(sorted(tops, key=lambda name: tops[name]["y"]))  # type: ignore[index]

        assert order() == "pqrst"
        view.locator(".rising-1").click()
        assert order() == "qrpst"
        view.locator(".falling-1").click()
        assert order() == "tsprq"
        view.locator(".rising-0").focus()
        view.keyboard.press("Space")
        assert order() == "pqrst"
        lefts = [cell.bounding_box() for cell in view.locator("tr > :nth-child(2)").all()]
        assert len({box["x"] for box in lefts if box}) == 1, "columns stand under their heads"
        browser.close()
