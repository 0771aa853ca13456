"""What the tests of sections share: a way to see what one shows."""

from typing import Any

import pytest
from section_outputs import Outputs, Show

from rnn.report.show import Report
from rnn.report.shown import Shown


@pytest.fixture
def shown(outputs: list[Any]) -> Show:
    """Return a function that shows a section as a notebook does, and returns what it shows."""

    def show(section: str, *arguments: Any, **options: Any) -> Outputs:
        outputs.clear()
        Report()(section, *arguments, **options)
        told = Outputs(list(outputs))
        for output in outputs:
            record = Shown.read(output.metadata)
            if not record.kind:
                told.prose += " ".join(output.data["text/markdown"].split()) + "\n"
            elif record.kind != "caption":
                told.records.append(record)
                told.texts.append(output.data["text/plain"])
        return told

    return show
