"""What make sweep is asked for, and where its points lie."""

from pathlib import Path

import pytest
import yaml

from rnn.errors import ReportError
from rnn.pipeline.grid import Asked, fractions, named_points
from rnn.pipeline.parameters import read_values, written_values

EVERY = {"CORPUS": "saltmarrow", "ENCODING": "utf-8", "SEED": "0", "SEEDS": "1"}


def asked(grid: str, **given: str) -> Asked:
    return Asked.of(EVERY | {"GRID": grid} | given)


def names(folder: Path, grid: str, **given: str) -> list[str]:
    """Name the points of a grid, and leave what makes them known again."""
    sought = asked(grid, **given)
    points = named_points(folder, sought)
    for point in points:
        values = {"corpus": sought.corpus, "encoding": sought.encoding}
        values |= point.settings.as_dict() | {"seeds": 1, "checkpoints": "somewhere"}
        (folder / point.name).mkdir(exist_ok=True)
        (folder / point.name / "parameters.yaml").write_bytes(written_values(values))
    return [point.name for point in points]


def test_words_are_a_product_of_values_of_their_types() -> None:
    sought = asked("m=5,7 eta=1e-3,0.1 optimizer=adam clip=0 seq_length=9")
    assert [(one.m, one.eta) for one in sought.wanted] == [(5, 1e-3), (5, 0.1), (7, 1e-3), (7, 0.1)]
    assert {(one.optimizer, one.clip, one.seq_length) for one in sought.wanted} == {
        ("adam", float("inf"), 9)
    }
    assert sought.varied == ["m", "eta"]


def test_settings_come_from_params_and_those_of_the_grid_go_before() -> None:
    sought = asked("m=5,7", PARAMS="-p max_updates 40 -p m 3 -p eta 0.2", SEED="4", SEEDS="2")
    assert [(one.m, one.max_updates, one.eta) for one in sought.wanted] == [
        (5, 40, 0.2),
        (7, 40, 0.2),
    ]
    assert sought.seeds == [4, 5]


def test_a_file_holds_a_product_or_lists_points(tmp_path: Path) -> None:
    product, listed = tmp_path / "product.yaml", tmp_path / "points.yaml"
    product.write_text("m: [5, 7]\neta: 1e-3\n")
    assert [(one.m, one.eta) for one in asked(str(product)).wanted] == [(5, 1e-3), (7, 1e-3)]
    listed.write_text("- {m: 5, eta: 0.2}\n- {m: 7}\n- {m: 5, eta: 0.20}\n")
    sought = asked(str(listed))
    assert [(one.m, one.eta) for one in sought.wanted] == [(5, 0.2), (7, 0.1)]
    assert sought.varied == ["m", "eta"]
    product.write_text("m: []\neta: 1e-3\n")
    with pytest.raises(ReportError, match="GRID"):
        asked(str(product))


@pytest.mark.parametrize(
    ("grid", "given", "named"),
    [
        ("", {}, "GRID"),
        ("m", {}, "GRID"),
        ("missing.yaml", {}, "missing.yaml"),
        ("m=5,7 etta=0.1", {}, "eta"),
        ("seed=1,2", {}, "seed"),
        ("m=5,-7", {}, "m"),
        ("m=5,many", {}, "m"),
        ("m={[]:1}", {}, "m"),
        ("m=" + "-" * 100_000 + "1", {}, "m"),
        ("m=5", {"SEEDS": "0"}, "seeds"),
        ("m=5", {"HALVING": "two"}, "HALVING"),
        ("m=5", {"SCHEDULER": "somewhere"}, "SCHEDULER"),
        ("m=5", {"SCHEDULER": "tcp://[::1:8786"}, "SCHEDULER"),
        ("m=5", {"SCHEDULER": "tcp://::1:8786"}, "SCHEDULER"),
        ("m=5", {"SCHEDULER": "tcp://[somewhere]:8786"}, "SCHEDULER"),
        ("m=5", {"PARAMS": "-p mm 3"}, "mm"),
        ("m=5", {"PARAMS": "-p from_run assignment"}, "from_run"),
        ("m=5", {"FROM": "assignment"}, "from_run"),
        ("from_run=a,b", {}, "from_run"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    grid: str, given: dict[str, str], named: str
) -> None:
    with pytest.raises(ReportError, match=f"(?s)^(?!.*\n).*{named}"):
        asked(grid, **given)


@pytest.mark.parametrize("address", ["tcp://host.example:8786", "tls://[fe80::1%eth0]:8786/"])
def test_addresses_of_schedulers_are_taken_as_they_are(address: str) -> None:
    assert asked("m=5", SCHEDULER=address).scheduler == address


def test_points_are_named_after_what_differs(tmp_path: Path) -> None:
    assert names(tmp_path, "m=5,7 optimizer=adam,rmsprop max_updates=9") == [
        "m5-adam", "m5-rmsprop", "m7-adam", "m7-rmsprop",
    ]  # fmt: skip


def test_a_larger_grid_finds_its_points_under_their_names(tmp_path: Path) -> None:
    first = names(tmp_path, "m=5,7")
    larger = names(tmp_path, "m=7,5,9 eta=0.1,0.2")
    assert larger == ["m7", "m7-eta0.2", "m5", "m5-eta0.2", "m9-eta0.1", "m9-eta0.2"]
    assert first == ["m5", "m7"]
    # One only trained for longer goes on in its folder; both at once have two.
    assert names(tmp_path, "m=5,7 max_updates=50") == ["m5", "m7"]
    both = names(tmp_path, "m=5 max_updates=50,60")
    assert both[0] == "m5" and both[1] != "m5"


def test_another_text_has_other_points(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("abc" * 50)
    assert names(tmp_path, "m=5,7") == ["m5", "m7"]
    assert names(tmp_path, "m=5,7", CORPUS=str(other)) == ["m5-2", "m7-2"]


def test_values_survive_being_written(tmp_path: Path) -> None:
    values = {"corpus": 'a: "b" # c', "eta": 1e-8, "document_end": "<|end|>\n", "seeds": 3}
    values["other"] = "书 \U0001f600 \U00100001 \\u00e4 \x07\x7f\x85\u2028\ufeff\uffff é\tend"
    (tmp_path / "p.yaml").write_bytes(written_values(values))
    assert read_values(tmp_path / "p.yaml") == values
    assert yaml.safe_load((tmp_path / "p.yaml").read_bytes()) == values | {"eta": "1e-08"}


def test_halving_ends_with_the_whole_training() -> None:
    assert fractions(27, 3) == [1 / 27, 1 / 9, 1 / 3, 1]
    assert fractions(26, 3) == [1 / 9, 1 / 3, 1]
    assert fractions(2, 3) == fractions(100, 1) == [1]
