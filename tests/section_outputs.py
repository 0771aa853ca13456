"""What a section shows, for tests: its paragraphs, and the records of all else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rnn.report.sentences import Sentences
from rnn.report.show import Section
from rnn.report.shown import Shown


@dataclass
class Outputs:
    """What a section has shown: its paragraphs, and the records of all else."""

    stored: list[Any]  # as a notebook stores it
    prose: str = ""
    records: list[Shown] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        return [record.label for record in self.records if record.label]

    @property
    def words(self) -> str:
        """All that the section says itself."""
        told = [f"{one.caption} {one.alt} {one.title}" for one in self.records]
        return " ".join([self.prose, *told])


#: Shows a section, as the fixture `shown` does.
Show = Callable[..., Outputs]


def said(section: str, block: str, values: dict[str, Any]) -> str:
    """Return a block of a section's sentences in one line."""
    return Section(section, Sentences()).line(block, values)


def rows(section: str, block: str, values: dict[str, Any]) -> pd.DataFrame:
    """Return a block of a section's sentences as a table."""
    return Section(section, Sentences()).rows(block, values)
