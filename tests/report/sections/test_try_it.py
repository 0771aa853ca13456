"""The network that report.html carries is the best model, in plain data."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interactive import HOSTILE, a_model, a_notebook, a_page

from rnn.report.sections.try_it import network
from rnn.report.shown import INTERACTIVE

MakePage = Callable[..., Any]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakePage:
    """Return a function that shows a model in a notebook, and returns what was shown."""

    def make(model: Any, **options: Any) -> Any:
        (output,) = a_notebook(monkeypatch, tmp_path, model, **options).cells[1].outputs
        return output

    return make


def array(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_arrays_are_those_of_the_model(layers: int) -> None:
    model = a_model("abc", layers=layers)
    told, m, rows = network(model, ""), 12, model.parameters.W.shape[1]
    assert len(told["layers"]) == layers
    for layer, one in enumerate(told["layers"]):
        np.testing.assert_array_equal(array(one["W"], rows, m), model.parameters.W[layer])
        np.testing.assert_array_equal(array(one["b"], rows), model.parameters.b[layer])
    first, *above = told["layers"]
    np.testing.assert_array_equal(array(first["U"], 3, rows), model.parameters.U)
    for U, one in zip(model.parameters.U_above, above, strict=True):
        np.testing.assert_array_equal(array(one["U"], rows, m), U)
    np.testing.assert_array_equal(array(told["V"], 3, m), model.parameters.V)
    np.testing.assert_array_equal(array(told["h"], len(model.h)), model.h)
    assert told["vocabulary"] == [97, 98, 99] and told["x"] == model.x


def test_no_character_of_a_text_stands_in_the_data(made: MakePage) -> None:
    told = made(a_model(HOSTILE), prime=HOSTILE).data[INTERACTIVE]
    assert told["start"].pop("prime") == HOSTILE
    assert json.dumps(told).isascii() and "<" not in json.dumps(told["layers"])


def test_the_controls_begin_with_the_values_of_the_run(made: MakePage) -> None:
    given = {"seed": 4, "temperature": 0.7, "top_p": 0.9, "prime": "ab", "length": 300}
    assert made(a_model("abc"), **given).data[INTERACTIVE]["start"] == given


def test_a_large_model_is_left_out_with_a_line_unless_asked_for(made: MakePage) -> None:
    large = a_model("abc", m=640)  # 2.2 MB in base64
    left_out = made(large)
    assert left_out.data[INTERACTIVE] == {}
    assert "embed\\_model" in left_out.metadata["report"]["lead"] or "embed_model" in str(
        left_out.metadata["report"]["lead"]
    )
    assert "2.2 MB" in left_out.metadata["report"]["lead"]
    assert "layers" in made(large, embed_model=True).data[INTERACTIVE]
    assert "layers" in made(a_model("abc", m=600)).data[INTERACTIVE], "just below two megabytes"


def test_the_same_model_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pages = [a_page(monkeypatch, tmp_path, a_model(HOSTILE)) for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_book_s_own_loss_is_told_where_there_is_one(made: MakePage) -> None:
    words = made(a_model("abc")).data[INTERACTIVE]["words"]
    assert "3.00 bits" in words["book"] and "8.00" in words["book"]
