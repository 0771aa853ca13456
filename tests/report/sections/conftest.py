"""What the tests of sections share: a way to see what one shows."""

from collections.abc import Callable
from typing import Any

import pytest
from section_outputs import Outputs

from rnn.report import show as showing
from rnn.report.show import Report
from rnn.report.shown import Shown


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outputs]:
    """Return a function that shows a section as a notebook does, and returns what it shows."""

    def show(section: str, *arguments: Any, **options: Any) -> Outputs:
        outputs = Outputs()

        def display(bundle: dict[str, str], *, raw: bool, metadata: Any = None) -> None:
            record = Shown.read(metadata or {})
            if record is None:
                outputs.prose += " ".join(bundle["text/markdown"].split()) + "\n"
            elif record.kind != "caption":
                outputs.records.append(record)
                outputs.texts.append(bundle["text/plain"])

        monkeypatch.setattr(showing, "display", display)
        Report()(section, *arguments, **options)
        return outputs

    return show
