"""What goes on with a finished model begins as that model was, and is a run like any other."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference

from rnn.errors import ReportError
from rnn.model import named
from rnn.runs import results
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.driver import train, train_seeds
from rnn.runs.models import load_model
from rnn.runs.pretrained import (
    LARGEST_ETA,
    Pretrained,
    begin,
    load_pretrained,
    load_text,
    losses_before_and_after,
)
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import first_state
from rnn.text.corpus import Corpus

OLD, NEW = "abcdefg .\n", "abcdé~ .\n!"
BEST = "model with the lowest smooth loss"


def settings(**given: Any) -> Settings:
    small = {"m": 6, "seq_length": 5, "max_updates": 250, "epochs": 50, "dtype": "float64"}
    return Settings(**small | {"sig": 0.3, "snapshot_every": 100, "snapshot_length": 30} | given)


class Case(NamedTuple):
    """A finished run, its text, and another one that is to be trained on."""

    folder: Path
    old: Corpus
    pretrained: Pretrained
    new: Corpus


def finished(folder: Path, **given: Any) -> Case:
    """Leave a finished run, and a text with characters that are new to it."""
    old = reference.book(folder, 1500, OLD, seed=1)
    run = train(old, settings(**given), progress=False)
    (folder / "old").mkdir()
    results.save_runs([run], folder / "old", str(old.path))
    pretrained = load_pretrained(str(folder / "old"), {})
    assert pretrained
    path = reference.book(folder, 1200, NEW, seed=2).path
    return Case(folder / "old", old, pretrained, load_text(str(path), "utf-8", pretrained))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return finished(tmp_path_factory.mktemp("case"), held_out=0.1)


def go_on(case: Case, checkpoints: Checkpoints | None = None, **given: Any) -> Run:
    s = settings(**{"eta": 0.01, "seed": 3} | given)
    return train(case.new, s, checkpoints, progress=False, pretrained=case.pretrained)


def nats_per_character(theta: np.ndarray, h: np.ndarray, ids: np.ndarray, m: int, K: int) -> float:
    """Read a text once by the tests' own network."""
    layers = h.size // m
    loss, _, _ = reference.segment(reference.named(theta, m, K, layers), ids[:-1], ids[1:], h)
    return loss / (len(ids) - 1)


CELLS = [
    {},
    {"layers": 2, "dropout": 0.2},
    {"dtype": "float32", "init": "scaled"},
    pytest.param({"cell": "gru"}, marks=pytest.mark.exhaustive),
    pytest.param({"cell": "lstm", "layers": 2}, marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize("given", CELLS, ids=str)
def test_what_the_model_knows_is_taken_over_and_the_rest_is_drawn_as_for_a_new_network(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    _, old, pretrained, new = finished(tmp_path, **given)
    assert new.vocabulary == "".join(sorted({*OLD, *NEW}))
    s = settings(**given | {"seed": 7, "batch_size": 2})
    state, drawn = (
        begin(new, Schedule.of(s, len(new)), pretrained),
        first_state(s, new.K),
    )
    architecture, model = s.architecture(new.K), pretrained.model
    ours, theirs = named(architecture.parameters(state.theta)), named(model.parameters)
    fresh = named(architecture.parameters(drawn.theta))
    assert ours.keys() == theirs.keys()
    known = [new.vocabulary.index(character) for character in old.vocabulary]
    unknown = [i for i in range(new.K) if i not in known]
    assert len(unknown) == 3
    for name, part in ours.items():
        if name in ("V", "c", "U", "U1"):
            np.testing.assert_array_equal(part[known], theirs[name], name)
            np.testing.assert_array_equal(part[unknown], fresh[name][unknown], name)
            assert name == "c" or (part[unknown] != 0).all()
        else:
            np.testing.assert_array_equal(part, theirs[name], name)
    assert (ours["c"][unknown] == 0).all() and (state.memory == 0).all()
    assert (state.h == model.h).all() and state.h.shape == (2, model.h.size)
    assert state.theta.dtype == model.h.dtype and state.update == 0


def test_text_is_read_as_it_is_in_the_merged_vocabulary(case: Case) -> None:
    text = case.new.path.read_bytes().decode()
    assert case.new.decode(case.new.ids) == text
    assert (len(case.new), case.new.distinct, case.new.K) == (len(text), len(NEW), 13)


@pytest.mark.parametrize("given", [{}, {"loss": "mean", "held_out": 0.2}, {"layers": 2}], ids=str)
def test_losses_are_those_of_an_independent_network_before_and_after(
    case: Case, tmp_path: Path, given: dict[str, Any]
) -> None:
    if "layers" in given:
        case = finished(tmp_path, **given)
    run = go_on(case, **given)
    losses, m, K = losses_before_and_after(run), 6, case.new.K
    assert losses.keys() == {"new text", "old text"} | ({"held-out part"} & {*_parts(given)})
    state = begin(case.new, run.schedule, case.pretrained)
    old = case.new.encode(case.old.path.read_bytes().decode())
    old = old[: Schedule.of(case.pretrained.settings, len(old)).trained]
    trained = run.schedule.trained
    texts = {"new text": case.new.ids[:trained], "old text": old}
    texts["held-out part"] = case.new.ids[trained:]
    ends = {"before": (state.theta, state.h), "after": (run.state.best_theta, run.state.best_h)}
    for name, of in losses.items():
        for when, (theta, h) in ends.items():
            expected = nats_per_character(theta, h[0], texts[name], m, K)
            np.testing.assert_allclose(of[when], expected, rtol=1e-10, err_msg=f"{name} {when}")
    assert losses["new text"]["after"] == run.text_losses()[BEST] < losses["new text"]["before"]
    # The smooth loss begins with the loss before, in the unit of the loss, not with the first one.
    before = losses["new text"]["before"] * run.settings.characters_in_loss
    first, h = case.new.ids[:6], np.zeros_like(state.h[0])
    one = nats_per_character(state.theta, h, first, m, K) * run.settings.characters_in_loss
    np.testing.assert_allclose(run.history["smooth_loss"][0], 0.999 * before + 0.001 * one)


def _parts(given: dict[str, Any]) -> list[str]:
    return ["held-out part"] if given.get("held_out") else []


def test_model_that_knows_the_whole_text_has_the_loss_that_its_own_run_told(case: Case) -> None:
    """Where no character is new the loss over the old text is the one that the old run measured."""
    told = train(case.old, case.pretrained.settings, progress=False).text_losses()[BEST]
    again = load_text(str(case.old.path), "utf-8", case.pretrained)
    assert again.K == case.old.K
    s = settings(max_updates=3, eta=0.01)
    run = train(again, s, progress=False, pretrained=case.pretrained)
    losses = losses_before_and_after(run)
    assert losses["old text"]["before"] == told
    assert run.pretrained and run.pretrained.facts(again)["new"] == ""


def test_training_in_pieces_ends_as_one_without_interruption(case: Case, tmp_path: Path) -> None:
    how = {"max_updates": 250, "dropout": 0.2, "order": "chunks", "chunks": 8}
    whole = go_on(case, **how)
    for last in (1, 60, 133, 250):
        s = settings(**{"eta": 0.01, "seed": 3} | how | {"max_updates": last})
        checkpoints = Checkpoints(tmp_path, case.new, s, model=case.pretrained.sha256)
        part = train(case.new, s, checkpoints, False, case.pretrained)
    assert part.new_updates == 250 - 133
    for name, value in vars(whole.state).items():
        np.testing.assert_array_equal(getattr(part.state, name), value, name)
    assert losses_before_and_after(part) == losses_before_and_after(whole)


def test_checkpoint_of_another_model_is_not_taken_up(case: Case, tmp_path: Path) -> None:
    s = settings(eta=0.01, seed=3)
    (run,) = train_seeds(case.new, s, tmp_path, 1, False, pretrained=case.pretrained)
    assert run.new_updates == 250
    for model, there in ((case.pretrained.sha256, True), ("ab" * 32, False), ("", False)):
        found = Checkpoints(tmp_path, case.new, s, model=model).newest(250)
        assert (found is not None) == there
    other = replace(case.pretrained, sha256="ab" * 32)
    (run,) = train_seeds(case.new, s, tmp_path, 1, False, pretrained=other)
    assert run.new_updates == 250


# What is recorded


def test_results_say_what_was_taken_over_and_the_text_is_found_again(
    case: Case, tmp_path: Path
) -> None:
    run = go_on(case)
    results.save_runs([run], tmp_path, str(case.new.path))
    results.replace_section(tmp_path, "losses_before_and_after", losses_before_and_after(run))
    told = results.read_results(tmp_path)
    facts, content = told["training"]["from_run"], (case.folder / "best_model.npz").read_bytes()
    assert facts["sha256"] == hashlib.sha256(content).hexdigest()
    assert (facts["name"], facts["new"]) == ("old", "!~é")
    assert facts["vocabulary"] == case.old.vocabulary
    assert facts["update"] == load_model(case.folder / "best_model.npz").update
    assert facts["book"] == {"title": case.old.title, "sha256": case.old.sha256}
    assert told["losses_before_and_after"] == losses_before_and_after(run)
    book = results.load_book(tmp_path)
    assert book.vocabulary == load_model(tmp_path / "best_model.npz").vocabulary
    assert (book.ids == case.new.ids).all()
    passport = told["training"]["book"]
    assert (passport["K"], passport["distinct"]) == (13, 10)
    assert min(one["count"] for one in passport["rarest"]) >= 1


def test_run_that_was_gone_on_from_another_is_gone_on_from_too(case: Case, tmp_path: Path) -> None:
    results.save_runs([go_on(case)], tmp_path / "second", str(case.new.path))
    second = load_pretrained(str(tmp_path / "second"), {})
    third = load_text(str(reference.book(tmp_path, 800, "abß", seed=4).path), "utf-8", second)
    assert third.vocabulary == "".join(sorted({*OLD, *NEW, "ß"}))
    run = train(third, settings(max_updates=20, eta=0.01), progress=False, pretrained=second)
    assert losses_before_and_after(run).keys() == {"new text", "old text"}


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("abc" * 99)])
def test_old_text_that_is_gone_or_has_changed_is_no_error(tmp_path: Path, change: Any) -> None:
    case = finished(tmp_path)
    run = go_on(case, max_updates=20)
    assert losses_before_and_after(run).keys() == {"new text", "old text"}
    change(case.old.path)
    assert losses_before_and_after(run).keys() == {"new text"}


def test_training_that_began_with_drawn_weights_has_no_losses_before(case: Case) -> None:
    run = train(case.old, settings(max_updates=20), progress=False)
    assert losses_before_and_after(run) == {} and run.pretrained is None


# What is asked for


def test_network_of_the_model_holds_for_the_notebook(case: Case) -> None:
    names = {"m": 100, "cell": "vanilla", "layers": 1, "dtype": "float32", "eta": None}
    load_pretrained(str(case.folder), names | {"run_dir": "reports/new"})
    taken = dict(names)
    load_pretrained(str(case.folder), taken)
    assert taken == names | {"m": 6, "dtype": "float64", "eta": LARGEST_ETA}
    for given, eta in (({"course": "2026"}, 0.001), ({"eta": 0.5}, 0.5)):
        load_pretrained(str(case.folder), taken := names | given)
        assert taken["eta"] == eta


@pytest.mark.parametrize(
    ("name", "value"),
    [("m", 7), ("m", 100), ("cell", "lstm"), ("layers", 2), ("dtype", "float32")],
)
def test_setting_of_the_network_that_is_given_otherwise_is_refused(
    case: Case, name: str, value: Any
) -> None:
    with pytest.raises(ReportError, match=rf"^{name}: expected .*, got {value!r}; ") as refused:
        load_pretrained(str(case.folder), {name: value}, [name])
    assert "\n" not in str(refused.value)


def _edit(folder: Path, change: Any) -> None:
    told = json.loads((folder / "results.json").read_bytes())
    change(told)
    (folder / "results.json").write_text(json.dumps(told))


FAULTS = {
    "no results": lambda folder: (folder / "results.json").unlink(),
    "no model": lambda folder: (folder / "best_model.npz").unlink(),
    "a damaged model": lambda folder: (folder / "best_model.npz").write_bytes(b"PK" + b"x" * 900),
    "no training yet": lambda folder: _edit(folder, lambda told: told.pop("training")),
    "an old format": lambda folder: _edit(folder, lambda told: told["training"].pop("encoding")),
    "another version": lambda folder: _edit(
        folder, lambda told: told["training"]["parameters"].update(strange=1)
    ),
    "another text": lambda folder: _edit(
        folder, lambda told: told["training"]["book"].update(sha256="ab" * 32)
    ),
    "another network": lambda folder: _edit(
        folder, lambda told: told["training"]["parameters"].update(m=9)
    ),
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_run_that_cannot_be_gone_on_from_is_refused_in_a_line(
    case: Case, tmp_path: Path, fault: str
) -> None:
    folder = Path(shutil.copytree(case.folder, tmp_path / "copy"))
    FAULTS[fault](folder)
    with pytest.raises(ReportError, match=r"^from_run: .*expected .*, got ") as refused:
        load_pretrained(str(folder), {})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["nobody", "\0", "x" * 5000, "../nowhere"])
def test_run_that_does_not_exist_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(ReportError, match=r"^from_run: expected .*, got .*; choose from "):
        load_pretrained(name, {})


def test_run_is_not_gone_on_from_in_its_own_folder(case: Case) -> None:
    with pytest.raises(ReportError, match=r"^from_run: expected another run"):
        load_pretrained(str(case.folder), {"run_dir": f"{case.folder}/../old"})


def test_none_is_asked_for_by_an_empty_name() -> None:
    names = {"m": 100}
    assert load_pretrained("", names) is None and names == {"m": 100}


def test_model_without_a_finite_loss_is_refused(case: Case) -> None:
    parameters = case.pretrained.model.parameters
    broken = parameters._replace(V=np.full_like(parameters.V, np.nan))
    model = replace(case.pretrained.model, parameters=broken)
    with pytest.raises(ReportError, match="from_run: expected a model with a finite loss"):
        go_on(case._replace(pretrained=replace(case.pretrained, model=model)))
