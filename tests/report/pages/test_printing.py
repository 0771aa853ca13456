"""The PDF is set as by a careful printer: full pages, floats in their sections, no widows."""

import io
import random
from itertools import count
from typing import Any

import numpy as np
import pytest
import typst
from nbformat import NotebookNode
from pages import code, notebook, prose, sample, shown, to_pdf
from PIL import Image
from printed import Printed

from rnn.report.pages.placing import Layout

WORDS = (
    "the network reads a character and predicts what follows while its loss falls slowly from one "
    "epoch to another because gradients of every parameter have been checked with numbers"
).split()


def words(luck: random.Random, number: int) -> str:
    return " ".join(luck.choice(WORDS) for _ in range(number))


def drawing(height: int) -> str:
    frame = f'<path d="M1 1H438V{height - 1}H1Z" fill="none" stroke="black"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="439" height="{height}">{frame}</svg>'


def rows(luck: random.Random, number: int, columns: int) -> str:
    values = "<td>1234.5</td>" * columns
    cells = (f"<tr><th>{words(luck, 2)}</th>{values}</tr>" for _ in range(number))
    heads = "".join(f"<th>value {n}</th>" for n in range(columns))
    head = f"<thead><tr><th>name</th>{heads}</tr></thead>"
    return f"<table>{head}<tbody>{''.join(cells)}</tbody></table>"


def report(seed: int, sections: int, figures: int, tables: int, samples: int) -> NotebookNode:
    """Make a report of sections with about so many figures, tables and samples each."""
    luck, numbers, cells = random.Random(seed), count(1), []

    def about(kind: str) -> dict[str, str]:
        label, caption = f"{kind}-{next(numbers)}", words(luck, luck.randint(8, 30)).capitalize()
        told = {"kind": kind, "label": label, "caption": f"{caption}.", "source": "From `a.csv`."}
        cells.append(prose(f"See [{kind.capitalize()}](#{label}): {words(luck, 40)}."))
        return told | {"alt": "a frame"}

    for section in range(sections):
        cells.append(prose(f"# Section {words(luck, 3)}\n\n{words(luck, 60)}."))
        things = ["figure"] * figures + ["table"] * tables + ["sample"] * samples
        luck.shuffle(things)
        for place, thing in enumerate(things):
            if place and luck.random() < 0.3:
                cells.append(prose(f"## Part {section}.{place}"))
            if thing == "figure":
                drawn = drawing(luck.randint(110, 240))
                cells.append(code("f", shown({"image/svg+xml": drawn}, about(thing))))
            elif thing == "table":
                table = rows(luck, luck.randint(3, 14), luck.choice([2, 5, 14]))
                cells.append(code("t", shown({"text/html": table}, about(thing))))
            else:
                text = words(luck, luck.choice([34, 34, 170])).replace(" reads ", " reads.\n\n")
                cells.append(code("s", sample(text, title=f"iter: {place}")))
            cells.append(prose(f"{words(luck, luck.randint(30, 160))}."))
    return notebook(*cells, title="A report")


@pytest.mark.slow
@pytest.mark.parametrize(
    "made",
    [
        {"sections": 3, "figures": 2, "tables": 1, "samples": 0},
        {"sections": 2, "figures": 1, "tables": 3, "samples": 1},
        {"sections": 2, "figures": 1, "tables": 1, "samples": 6},
    ],
    ids=["figures", "tables", "samples"],
)
def test_pages_of_any_report_are_full_and_nothing_leaves_its_section(made: dict[str, int]) -> None:
    printed = Printed(to_pdf(report(2, **made)))
    assert printed.pages >= 3
    assert printed.faults() == []


@pytest.mark.parametrize(("y", "fault"), [(100, 0.1), (500, 0.2)])
def test_a_table_that_goes_on_overleaf_had_better_be_the_last_on_its_page(
    y: int, fault: float
) -> None:
    def one(kind: str, y: int, ended: int) -> dict[str, Any]:
        place = {"page": 1, "y": y}
        return {
            "kind": kind, "asked": place, "placed": place, "ended": {"page": ended}, "fixed": False
        }  # fmt: skip

    floats = [one("table", 300, 2), one("figure", y, 1)]
    facts = {"parts": [{"page": 1}, {"page": 2}], "headings": [], "floats": floats}
    assert Layout([b"", b""], facts, 1.0).faults() == [fault, 0]


@pytest.mark.parametrize(
    ("lines", "faults"), [((100, 5), [0, 0.15]), ((100, 40), [0, 0]), ((5,), [0])]
)
def test_a_part_had_better_not_end_in_a_page_of_a_few_lines(
    lines: tuple[int, ...], faults: list[float]
) -> None:
    pictures = []
    for inked in lines:
        rows = np.full((100, 10, 3), 255, np.uint8)
        rows[:inked] = 0
        file = io.BytesIO()
        Image.fromarray(rows).save(file, "png")
        pictures.append(file.getvalue())
    facts = {"parts": [], "headings": [], "floats": [], "above": 0, "below": 0}
    assert Layout(pictures, facts, 1.0).faults() == faults


CRUDE = """
#set document(title: "crude")
#set page(width: 300pt, height: 200pt, margin: 40pt)
#set text(size: 10pt, costs: (widow: 0%, orphan: 0%))
#set par(leading: 5pt, spacing: 5pt)
#show heading: it => block(sticky: false, text(size: 10pt, it.body))
#let lines(n) = range(n).map(n => [line #n]).join(linebreak())
#let drawn(width, caption) = figure(image("a.svg", width: width), caption: caption)
#drawn(250pt, lines(5))
= First
#lines(9)
= Late
#lines(10)

#lines(1)
= Second
#place(bottom, float: true, drawn(20pt, [zeroth]))
#place(top, float: true, drawn(20pt, [first #linebreak() From a.csv.]))
#lines(3)
#pagebreak()
#lines(9)

#lines(12)
"""


@pytest.fixture(scope="module")
def crude(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    source = tmp_path_factory.mktemp("crude") / "crude.typ"
    source.write_text(CRUDE, encoding="utf-8")
    source.with_name("a.svg").write_text(drawing(50), encoding="utf-8")
    return Printed(typst.compile(source, timestamp=0)).faults()


@pytest.mark.parametrize(
    "fault",
    [
        "is filled",
        "orphan",
        "widow",
        "heading ends",
        "caption of 5",
        "source",
        "section",
        "wider",
        "next",
    ],
)
def test_what_a_crude_page_has_is_seen(crude: list[str], fault: str) -> None:
    assert any(fault in one for one in crude), crude


@pytest.mark.parametrize("columns", [9, 14, 40])
def test_a_table_with_a_caption_is_no_wider_than_the_text(columns: int) -> None:
    about = {"kind": "table", "label": "tab-wide", "caption": "Wide", "source": "From `a.csv`."}
    wide = code("t", shown({"text/html": rows(random.Random(0), 4, columns)}, about))
    pdf = to_pdf(notebook(prose("See [Table](#tab-wide)."), wide, title="t"), strict=True)
    assert Printed(pdf).faults() == []
