"""The PDF is set as by a careful printer: full pages, floats in their sections, no widows."""

import random
from itertools import count

import pytest
from nbformat import NotebookNode
from pages import code, notebook, prose, sample, shown, to_pdf
from printed import Printed

WORDS = (
    "the network reads a character and predicts what follows while its loss falls slowly from one "
    "epoch to another because gradients of every parameter have been checked with numbers"
).split()


def words(luck: random.Random, number: int) -> str:
    return " ".join(luck.choice(WORDS) for _ in range(number))


def drawing(height: int) -> str:
    frame = f'<path d="M1 1H438V{height - 1}H1Z" fill="none" stroke="black"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="439" height="{height}">{frame}</svg>'


def rows(luck: random.Random, number: int) -> str:
    cells = (f"<tr><th>{words(luck, 2)}</th><td>1.5</td><td>2.5</td></tr>" for _ in range(number))
    head = "<thead><tr><th>name</th><th>first</th><th>second</th></tr></thead>"
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
                table = rows(luck, luck.randint(3, 14))
                cells.append(code("t", shown({"text/html": table}, about(thing))))
            else:
                text = words(luck, 34).replace(" reads ", " reads.\n\n")
                cells.append(code("s", sample(text, title=f"iter: {place}")))
            cells.append(prose(f"{words(luck, luck.randint(30, 160))}."))
    return notebook(*cells, title="A report")


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
    printed = Printed(to_pdf(report(1, **made)))
    assert printed.pages >= 3
    assert printed.faults() == []
