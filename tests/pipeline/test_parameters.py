"""A notebook's parameters, as plain papermill hands them over."""

from typing import Any

import pytest

from rnn.errors import ReportError
from rnn.pipeline.parameters import accept_parameters

DECLARED = """\
corpus: str = "saltmarrow"  # the book
m: int = 100  # hidden units
eta: float = None  # learning rate
epochs: int = 7  # passes
embed: bool = False  # whether it is put in
"""


def notebook(injected: str = "") -> dict[str, Any]:
    """Return the names of a notebook whose first cells have run, as IPython keeps them."""
    history = ["", DECLARED, *([f"# Parameters\n{injected}\n"] if injected else [])]
    names: dict[str, Any] = {}
    exec("\n".join(history), names)
    return names | {"In": history}


@pytest.mark.parametrize(
    ("injected", "expected"),
    [
        ('eta = "1e-8"', {"eta": 1e-8}),
        ('m = "12"', {"m": 12}),
        ('m = "1e3"', {"m": 1000}),
        ("m = 2e4", {"m": 20_000}),
        ("corpus = 1984", {"corpus": "1984"}),
        ("eta = None", {"eta": None}),
        ("m = 3\neta = 2", {"m": 3, "eta": 2}),
        ("embed = True", {"embed": True}),
    ],
)
def test_values_get_the_declared_type(injected: str, expected: dict[str, Any]) -> None:
    names = notebook(injected)
    accept_parameters(names)
    found = {name: names[name] for name in expected}
    assert found == expected
    assert [type(value) for value in found.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("injected", "told"),
    [
        ('m = "many"', "m: expected a whole number, got 'many'"),
        ("m = 12.5", "m: expected a whole number, got 12.5"),
        ("m = True", "m: expected a whole number, got True"),
        ("m = None", "m: expected a whole number, got None"),
        ("m = float('inf')", "m: expected a whole number, got inf"),
        ("eta = [0.1]", "eta: expected a number, got [0.1]"),
        ('eta = "fast"', "eta: expected a number, got 'fast'"),
        ("corpus = True", "corpus: expected a text, got True"),
        ("embed = 1", "embed: expected True or False, got 1"),
        ('embed = "yes"', "embed: expected True or False, got 'yes'"),
    ],
)
def test_value_of_another_type_is_refused_in_one_line(injected: str, told: str) -> None:
    with pytest.raises(ReportError) as refused:
        accept_parameters(notebook(injected))
    assert str(refused.value) == told


@pytest.mark.parametrize(
    "cell", ["m = 100", "m: int = 100\nprint(m)", "m: int = 100\nepochs = 7", "m: int"]
)
def test_cell_of_parameters_without_types_or_values_is_refused(cell: str) -> None:
    with pytest.raises(ReportError, match="parameters: expected a cell of lines"):
        accept_parameters({"In": ["", cell], "m": 100})


def test_values_that_were_not_given_stay_as_declared() -> None:
    names = notebook()
    accept_parameters(names)
    assert (names["corpus"], names["m"], names["eta"]) == ("saltmarrow", 100, None)


@pytest.mark.parametrize(
    ("injected", "hint"),
    [
        ("epoch = 2", "did you mean epochs?"),
        ("xyz = 2", "choose from corpus, m, eta, epochs, embed"),
    ],
)
def test_unknown_parameter_is_named_with_what_was_meant(injected: str, hint: str) -> None:
    with pytest.raises(ReportError) as told:
        accept_parameters(notebook(f"m = 3\n{injected}"))
    name = injected.split()[0]
    assert str(told.value).startswith(f"{name}: expected a parameter of this notebook")
    assert str(told.value).endswith(hint)


def test_other_names_and_cells_of_a_person_are_left_alone() -> None:
    names = notebook() | {"x": "3"}
    names["In"] += ["x = '3'", "a line that is (no Python"]
    accept_parameters(names)
    assert names["x"] == "3"


def test_without_a_record_of_cells_nothing_is_refused() -> None:
    accept_parameters({"m": "3"})
