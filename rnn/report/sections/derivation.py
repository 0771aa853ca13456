"""The derivation of the gradients, as far as it differs between cells."""

from rnn.cells import name_of
from rnn.gradient_check import Case
from rnn.report.show import Section


def show(section: Section, part: str, case: Case) -> None:
    """Show a part of the derivation for the network of a case."""
    architecture = case.architecture
    values = {"cell": name_of(architecture.cell), "layers": architecture.layers}
    section.prose(part, values)
