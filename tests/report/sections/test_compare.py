"""Several runs on one page: what is read, what is said, what is drawn."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from pages import Page, pdf_text
from papermill import PapermillExecutionError, execute_notebook
from section_outputs import Show

from rnn import ROOT
from rnn.errors import ReportError
from rnn.report.figures import COLOURS, svg
from rnn.report.pages.render import render
from rnn.report.sections import runs, runs_curves, runs_finished
from rnn.report.sections.runs_finished import FinishedRun, read_runs
from rnn.report.sentences import Sentences
from rnn.report.show import Section
from rnn.settings import Settings

SHA = "0" * 64


def plain_json(content: Any) -> str:
    """Return content as JSON, with null in the place of NaN."""
    return json.dumps(json.loads(json.dumps(content), parse_constant=lambda _: None))


def leave(
    folder: Path,
    losses: dict[int, float],
    *,
    book: dict[str, Any] | None = None,
    seconds: float | None = 2.0,
    machine: str = "one",
    seeds: int = 1,
    text_loss: float | None = None,
    provenance: dict[str, str] | None = None,
    sampling: dict[str, Any] | None = None,
    validation: float | None = None,
    diverged: str = "",
    **told: Any,
) -> str:
    """Leave what a run leaves, with smooth losses in its own unit by update; return its folder."""
    folder.mkdir(parents=True)
    settings = Settings(**told)
    share = settings.seq_length if settings.loss == "sum" else 1
    update = min(losses, key=lambda key: losses[key])
    last = max(losses)
    passport = {"title": "A *Book*", "characters": 1000, "K": 4, "sha256": SHA, **(book or {})}
    training = {
        "parameters": settings.as_dict(),
        "book": passport,
        "updates": last,
        "updates_per_epoch": 40,
        "last_smooth_loss": losses[last],
        "lowest_smooth_loss": losses[update],
        "lowest_smooth_loss_update": update,
        "diverged": diverged,
        "seeds": [
            {"seed": i, "lowest_smooth_loss": losses[update] + i, "last_smooth_loss": losses[last]}
            for i in range(seeds)
        ],
    }
    over_text = losses[update] / share if text_loss is None else text_loss
    results = {
        "training": training,
        "text_losses": {"model with the lowest smooth loss": over_text},
        "sampling": {"seed": 0, "text": f"text of <b>{folder.name}</b>", **(sampling or {})},
        "provenance": {"commit": "c", **(provenance or {})},
    }
    (folder / "results.json").write_text(plain_json(results))
    end = "" if validation is None else f",{validation}"
    rows = [f"{at},1,{loss}{end}" for at, loss in losses.items()]
    head = f"update,epoch,smooth_loss{'' if validation is None else ',validation_loss'}"
    (folder / "history.csv").write_text("\n".join([head, *rows]) + "\n")
    snapshots = [{"update": at, "smooth_loss": x, "text": f"at {at}"} for at, x in losses.items()]
    (folder / "snapshots.json").write_text(plain_json(snapshots))
    if seconds is not None:
        (folder / "speed.json").write_text(
            json.dumps({"seconds": seconds, "updates": last, "machine": machine})
        )
    return str(folder)


A = {1: 40.0, 50: 30.0, 100: 20.0}
B = {1: 40.0, 100: 22.0, 200: 10.0}


def pair(folder: Path, *second: Any, first: dict[str, Any] | None = None, **more: Any) -> Any:
    """Read two runs: `a`, with ten characters a segment, and `b`, like it but for what is said."""
    a = leave(folder / "a", A, **{"seq_length": 10, **(first or {})})
    b = leave(folder / "b", *(second or (B,)), **{"seq_length": 10, **more})
    return read_runs(f"{a} {b}")


def test_runs_are_found_by_name_in_reports_and_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_finished, "ROOT", tmp_path)
    leave(tmp_path / "reports" / "a", A)
    leave(tmp_path / "elsewhere" / "a", A, m=7)
    leave(tmp_path / "elsewhere" / "b", A)
    found = read_runs(f"a elsewhere/a {tmp_path}/elsewhere/b")
    assert [run.name for run in found] == ["a", "elsewhere/a", "b"]
    assert [run.settings["m"] for run in found] == [100, 7, 100]


@pytest.mark.parametrize("said", ["", "a", " a "])
def test_fewer_than_two_runs_are_refused_with_those_there_are(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_finished, "ROOT", tmp_path)
    for name in ("a", "wide"):
        leave(tmp_path / "reports" / name, A)
    with pytest.raises(ReportError, match=r"^runs: .* two runs, got (none|a); .* a, wide$"):
        read_runs(said)


def test_a_run_named_twice_is_refused_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_finished, "ROOT", tmp_path)
    leave(tmp_path / "reports" / "a", A)
    with pytest.raises(ReportError, match="expected every run once, got reports/a again"):
        read_runs("a reports/a")


@pytest.mark.parametrize("section", ["", "training", "text_losses", "sampling"])
def test_an_unfinished_run_is_told_with_what_makes_it(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_finished, "ROOT", tmp_path)
    leave(tmp_path / "reports" / "a", A)
    if section:
        file = Path(leave(tmp_path / "reports" / "wide", A)) / "results.json"
        results = json.loads(file.read_text())
        del results[section]
        file.write_text(json.dumps(results))
    line = "wide: expected a finished run in reports/wide, got none; run make report RUN=wide"
    with pytest.raises(ReportError, match=f"^{line}$"):
        read_runs("a wide")


@pytest.mark.parametrize(
    ("where", "key"),
    [
        (("training",), "lowest_smooth_loss"),
        (("training", "parameters"), "batch_size"),
        (("training", "book"), "sha256"),
        (("sampling",), "text"),
    ],
)
def test_what_an_older_version_did_not_write_is_named(
    where: tuple[str, ...], key: str, tmp_path: Path
) -> None:
    folders = [leave(tmp_path / name, A) for name in ("a", "b")]
    file = tmp_path / "b" / "results.json"
    results = part = json.loads(file.read_text())
    for name in where:
        part = part[name]
    del part[key]
    file.write_text(json.dumps(results))
    with pytest.raises(ReportError, match=rf"^b: .*{'.'.join([*where, key])} in .* older version"):
        read_runs(" ".join(folders))


@pytest.mark.parametrize("name", ["results.json", "history.csv", "speed.json", "snapshots.json"])
def test_a_file_that_cannot_be_read_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    folders = [leave(tmp_path / run, A) for run in ("a", "b")]
    (tmp_path / "b" / name).write_text("{\n")
    with pytest.raises(ReportError, match=r"^b: .*expected") as caught:
        read_runs(" ".join(folders))
    assert "\n" not in str(caught.value)


def test_summed_and_mean_losses_are_both_nats_per_character(tmp_path: Path) -> None:
    mean = {update: loss / 10 for update, loss in A.items()}
    summed, averaged = pair(tmp_path, mean, loss="mean")
    assert summed.losses.tolist() == averaged.losses.tolist() == [4.0, 3.0, 2.0]
    lowest = [run.lowest_smooth_loss for run in (summed, averaged)]
    assert lowest == [2.0, 2.0]


def test_places_follow_from_updates_by_what_an_update_takes(tmp_path: Path) -> None:
    a, b = pair(tmp_path, batch_size=4, seconds=8.0)
    assert a.places("update").tolist() == [1, 50, 100]
    assert a.places("character").tolist() == [10, 500, 1000]
    assert b.places("character").tolist() == [40, 4000, 8000]
    assert a.places("second")[-1] == pytest.approx(2.0)
    assert b.places("second")[-1] == pytest.approx(8.0)


def test_learned_parameters_are_counted_as_the_model_has_them(tmp_path: Path) -> None:
    (run, _) = pair(tmp_path, first={"m": 5})
    shapes = [(5, 5), (5, 4), (4, 5), (5,), (4,)]
    assert run.parameters == sum(math.prod(shape) for shape in shapes)


def test_only_what_differs_is_in_the_table_of_settings(tmp_path: Path) -> None:
    table = runs.settings_table(pair(tmp_path, m=7, clip=0, eta=0.05))
    assert table.to_dict("index") == {
        "m": {"a": "100", "b": "7"},
        "eta": {"a": "0.1", "b": "0.05"},
        "clip": {"a": "5", "b": "none"},
    }


def test_a_setting_an_older_version_did_not_know_is_a_dash(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    del b.settings["document_end"]
    assert runs.settings_table([a, b]).loc["document_end"].tolist() == ["none", "–"]


def test_another_text_is_among_what_differs(tmp_path: Path) -> None:
    other = {"title": "Another", "characters": 2000, "K": 5, "sha256": "1" * 64}
    both = pair(tmp_path / "other", book=other)
    assert list(runs.settings_table(both).index) == ["text", "characters of the text", "K"]
    # Texts that differ in nothing but their letters.
    both = pair(tmp_path / "like", book={"sha256": "1" * 64})
    digests = runs.settings_table(both).loc["sha256 of the text"]
    assert digests.tolist() == ["00000000…", "11111111…"]


def test_what_all_have_in_common_is_told_once(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, m=7)
    facts = runs.settings_facts(both)
    assert {"seq_length = 10", "eta = 0.1"} <= set(facts["common"])
    assert not [setting for setting in facts["common"] if setting.startswith("m =")]
    out = shown("runs.settings", both)
    for told in ("*a* and *b*", r"*A \*Book\**", "1,000 characters", "`seq_length = 10`"):
        assert told in out.words
    assert out.labels == ["tab-settings"]


def test_runs_with_the_same_settings_have_no_table_of_them(tmp_path: Path, shown: Show) -> None:
    out = shown("runs.settings", pair(tmp_path))
    assert not out.labels
    assert "*a* and *b*" in out.words


@pytest.mark.parametrize(
    ("about", "flag"),
    [
        ({"book": {"sha256": "1" * 64}}, "same_text"),
        ({"held_out": 0.1}, "same_held_out"),
        ({"provenance": {"commit": "d"}}, "same_commit"),
        ({"machine": "two"}, "same_machine"),
        ({"batch_size": 4}, "same_pace"),
        ({"seeds": 2}, "same_seeds"),
        ({"seeds": 2}, "one_seed"),
        ({"diverged": "the loss is not finite"}, "stopped"),
    ],
)
def test_what_keeps_runs_from_being_compared_is_said(
    about: dict[str, Any], flag: str, tmp_path: Path, shown: Show
) -> None:
    alike, unlike = pair(tmp_path / "alike"), pair(tmp_path / "unlike", **about)
    assert runs.settings_facts(alike)[flag] != runs.settings_facts(unlike)[flag]
    words = [shown("runs.settings", both).words for both in (alike, unlike)]
    assert len(words[0]) != len(words[1])


def test_a_run_too_short_to_be_timed_was_made_on_no_other_machine(tmp_path: Path) -> None:
    assert runs.settings_facts(pair(tmp_path, seconds=None))["same_machine"]


def test_a_slow_run_has_more_than_no_updates_per_second(tmp_path: Path) -> None:
    both = pair(tmp_path, seconds=1e4)
    table = runs.numbers_table(Section("runs_numbers", Sentences()), both)
    assert table.loc["updates per second", "b"] == "0.02"


def test_headline_numbers_are_those_of_the_files(tmp_path: Path) -> None:
    both = pair(tmp_path, batch_size=4, held_out=0.1, validation=1.25, seeds=3)
    table = runs.numbers_table(Section("runs_numbers", Sentences()), both)
    assert table.loc["updates"].tolist() == ["100", "200"]
    assert table.loc["epochs"].tolist() == ["2.5", "5"]
    assert table.loc["characters read"].tolist() == ["1,000", "8,000"]
    assert table.loc["lowest smooth loss"].tolist() == ["2.0000", "1.0000"]
    assert table.loc["lowest smooth loss (bits)"].tolist() == ["2.8854", "1.4427"]
    assert table.loc["lowest held-out loss"].tolist() == ["–", "1.2500"]
    assert table.loc["lowest held-out loss (bits)"].tolist() == ["–", "1.8034"]
    assert table.loc["last held-out loss"].tolist() == ["–", "1.2500"]
    # 10, 11 and 12 over ten characters
    assert table.loc["lowest, mean over seeds"].tolist() == ["–", "1.1000"]
    assert table.loc["standard deviation"].tolist() == ["–", "0.1000"]
    assert table.loc["updates per second"].tolist() == ["50", "100"]
    assert "stopped early" not in table.index


def test_held_out_losses_are_compared_where_the_same_part_was_held_out(
    tmp_path: Path, shown: Show
) -> None:
    less = {"held_out": 0.1, "validation": 1.5}
    both = pair(tmp_path, first=less, held_out=0.1, validation=1.25)
    found = runs.numbers_facts(both)["losses"]["held_out"]
    assert (found["names"], found["nats"], found["above"]) == (["b"], 1.25, 0.25)
    words = shown("runs.numbers", both).words
    assert "1.2500 nats" in words and "1.8034 bits" in words
    unlike = pair(tmp_path / "other", first=less, held_out=0.2, validation=1.25)
    assert "held_out" not in runs.numbers_facts(unlike)["losses"]


def test_the_lowest_held_out_loss_is_that_of_its_update(tmp_path: Path) -> None:
    _, run = pair(tmp_path, held_out=0.1, validation=1.25)
    assert (run.held_out_loss, run.last_held_out_loss, run.held_out_update) == (1.25, 1.25, 1)
    history = (tmp_path / "b" / "history.csv").read_text().splitlines()
    history[2] = history[2].replace("1.25", "0.75")
    (tmp_path / "b" / "history.csv").write_text("\n".join(history) + "\n")
    _, run = read_runs(f"{tmp_path / 'a'} {tmp_path / 'b'}")
    assert (run.held_out_loss, run.last_held_out_loss, run.held_out_update) == (0.75, 1.25, 100)


def test_the_lowest_is_named_with_its_distance_from_the_next(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, text_loss=2.5)
    smooth, text = runs.numbers_facts(both)["losses"].values()
    assert smooth == {"nats": 1.0, "names": ["b"], "others": 1, "next": "a", "above": 1.0}
    assert (text["names"], text["nats"], text["above"]) == (["a"], 2.0, 0.5)
    words = shown("runs.numbers", both).words
    for told in ("*b*", "1.0000 nats", "1.4427 bits", "0.5000 nats"):
        assert told in words


def test_runs_that_tie_share_the_lowest(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, A)
    assert runs.numbers_facts(both)["losses"]["smooth"]["names"] == ["a", "b"]
    assert "*a* and *b*" in shown("runs.numbers", both).words


def test_a_difference_of_seeds_comes_with_its_standard_error(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, seeds=3, first={"seeds": 3})
    found = runs.numbers_facts(both)["seeds"]
    assert (found["names"], round(found["apart"], 9)) == (["b", "a"], 1.0)
    # Both have a standard deviation of 0.1 over three seeds.
    assert found["error"] == pytest.approx(math.sqrt(2 * 0.01 / 3))
    assert f"{found['error']:.4f}" in shown("runs.numbers", both).words
    assert not runs.numbers_facts(pair(tmp_path / "c", seeds=3))["seeds"]


def test_smooth_losses_of_seeds_of_other_lengths_are_neither_averaged_nor_compared(
    tmp_path: Path, shown: Show
) -> None:
    def ended(seed: int, **told: int) -> dict[str, Any]:
        losses = {"lowest_smooth_loss": 20.0 + seed, "last_smooth_loss": 20.0}
        return losses | {"seed": seed} | told

    both = pair(tmp_path, seeds=2, first={"seeds": 2})
    section = Section("runs_numbers", Sentences())
    for seeds, comparable in (
        ([ended(0), ended(1)], True),
        ([ended(0), ended(1, updates=40)], False),
    ):
        both[0].training["seeds"] = seeds
        both[0] = FinishedRun("a", both[0].results, both[0].history, [], {})
        row = runs.numbers_table(section, both).loc["lowest, mean over seeds"].tolist()
        assert row == ["2.0500" if comparable else "–", "1.0500"]
        assert bool(runs.numbers_facts(both)["seeds"]) == comparable
        assert not runs.settings_facts(both)["one_seed"]
    assert shown("runs.numbers", both).prose


def test_losses_over_different_texts_are_not_ranked(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, book={"sha256": "1" * 64}, seeds=3, first={"seeds": 3})
    found = runs.numbers_facts(both)
    assert not found["losses"] and not found["seeds"]
    out = shown("runs.numbers", both)
    assert out.labels == ["tab-numbers"] and not out.prose
    assert not runs_curves.facts(both)["budgets"]
    assert not shown("runs_curves", both).prose


def test_table_of_provenance_has_what_each_run_was_made_by(tmp_path: Path) -> None:
    made = {"commit": "0123456789abcdef", "versions": {"numpy": "2.4"}}
    both = pair(tmp_path, first={"provenance": made}, book={"sha256": "1" * 64})
    table = runs.provenance_table(both)
    assert table.loc["commit"].tolist() == ["0123456789", "c"]
    assert table.loc["numpy"].tolist() == ["2.4", "–"]
    assert table.loc["sha256 of the text"].tolist() == ["0000000000…", "1111111111…"]


def test_many_runs_are_spread_over_tables_of_about_the_same_width(
    tmp_path: Path, shown: Show
) -> None:
    folders = [leave(tmp_path / f"r{i}", A, m=i + 1) for i in range(8)]
    out = shown("runs.settings", read_runs(" ".join(folders)))
    assert out.labels == ["tab-settings", "tab-settings-2"]
    tables = [one.data["text/html"] for one in out.stored if "text/html" in one.data]
    heads = [table.count('"col"') for table in tables]
    assert heads == [5, 5], "four runs each, and the names of the rows"


def test_losses_are_compared_where_the_shortest_run_ends(tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, batch_size=2, seconds=8.0)
    # 1,000 characters are 50 updates of b, between its losses at 1 and at 100.
    between = pytest.approx(np.interp(50, [1, 100], [4.0, 2.2]))
    assert runs_curves.facts(both)["budgets"] == [
        {"axis": "update", "amount": 100, "losses": {"a": 2.0, "b": pytest.approx(2.2)}},
        {"axis": "character", "amount": 1000, "losses": {"a": 2.0, "b": between}},
        {"axis": "second", "amount": 2.0, "losses": {"a": 2.0, "b": between}},
    ]
    words = shown("runs_curves", both).words
    for told in ("100 updates", "1,000 characters", "2 seconds", "2.0000 for *a*", "2.2000"):
        assert told in words


def test_characters_have_no_panel_of_their_own_where_they_follow_from_updates(
    tmp_path: Path, shown: Show
) -> None:
    alike = runs_curves.facts(pair(tmp_path / "alike"))
    assert (alike["panels"], alike["pace"]) == (["update", "second"], 10)
    assert alike["against"] == ["update", "character", "second"]
    unlike = runs_curves.facts(pair(tmp_path / "unlike", batch_size=2))
    assert unlike["panels"] == unlike["against"] == ["update", "character", "second"]
    assert "1,000 characters" in shown("runs_curves", pair(tmp_path / "c")).words


def test_a_run_that_was_not_timed_is_named_and_has_no_seconds(tmp_path: Path, shown: Show) -> None:
    one = pair(tmp_path / "one", seconds=None)
    facts = runs_curves.facts(one)
    assert (facts["untimed"], facts["panels"]) == (["b"], ["update", "second"])
    assert [budget["axis"] for budget in facts["budgets"]] == ["update"]
    neither = pair(tmp_path / "neither", seconds=None, first={"seconds": None})
    assert runs_curves.facts(neither)["panels"] == ["update"]
    assert "second" not in shown("runs_curves", neither).records[0].alt


def test_no_updates_in_the_time_is_no_time(tmp_path: Path) -> None:
    a, b = leave(tmp_path / "a", A), leave(tmp_path / "b", A)
    (tmp_path / "b" / "speed.json").write_text('{"seconds": 0.1, "updates": 0}')
    assert math.isnan(read_runs(f"{a} {b}")[1].seconds_per_update)


def test_names_are_data_in_every_sentence(tmp_path: Path, shown: Show) -> None:
    given = [leave(tmp_path / name, A, m=i + 1) for i, name in enumerate(["_<b>_", "$x*"])]
    both = read_runs(" ".join(given))
    for section in ("runs.settings", "runs.numbers", "runs_curves"):
        out = shown(section, both)
        assert r"*\_\<b\>\_*" in out.words
        assert r"*\$x\**" in out.words
    assert "_<b>_" in out.records[0].alt


def limits(folder: Path, *curves: dict[int, float]) -> tuple[float, float]:
    given = [leave(folder / str(i), c, loss="mean") for i, c in enumerate(curves)]
    return runs_curves.loss_limits(read_runs(" ".join(given)))


def test_the_fall_at_the_beginning_is_cut_but_no_lowest_loss_is(tmp_path: Path) -> None:
    long = {1: 4.4, 50: 2.2, 1000: 1.6}
    low, high = limits(tmp_path / "a", long, {1: 4.4, 50: 2.4, 1000: 1.8})
    assert low < 1.6 and 2.2 < high < 2.4
    low, high = limits(tmp_path / "b", long, {1: 4.4, 10: 3.0})
    assert low < 1.6 and 3.0 < high < 4.4


def test_limits_are_apart_also_where_there_is_nothing_to_see(tmp_path: Path) -> None:
    for number, curve in enumerate(({1: 2.0}, {1: 2.0, 9: 2.0}, {1: math.nan})):
        low, high = limits(tmp_path / str(number), curve, curve)
        assert low < high


@pytest.mark.parametrize(
    ("curve", "cut"),
    [
        ({1: 4.4, 50: 2.2, 1000: 1.6}, "fall"),
        ({1: 4.4, 100: 900.0, 1000: 9000.0}, "more"),
        ({1: 4.4}, ""),
    ],
)
def test_what_the_figure_cuts_off_is_said_as_it_is(
    curve: dict[int, float], cut: str, tmp_path: Path, shown: Show
) -> None:
    given = [leave(tmp_path / name, curve, loss="mean") for name in ("a", "b")]
    both = read_runs(" ".join(given))
    assert runs_curves.facts(both)["cut_off"] == cut
    (record,) = shown("runs_curves", both).records
    assert ("beginning" in record.caption) == (cut == "fall")
    lowest = min(curve, key=lambda update: curve[update])
    assert f"{curve[lowest]:.3f}" in record.alt and f"{lowest:,} of {max(curve):,}" in record.alt


LABELS = {"update": "updates", "character": "characters", "second": "seconds"}


def drawn(compared: list[FinishedRun]) -> Figure:
    figure = runs_curves.figure(compared, LABELS)
    assert svg(figure)
    return figure


def test_the_figure_has_every_run_in_every_panel_in_its_colour(tmp_path: Path) -> None:
    panels = drawn(pair(tmp_path, batch_size=2, seconds=None)).axes
    assert [axes.get_xlabel() for axes in panels] == list(LABELS.values())
    assert [len(axes.lines) for axes in panels] == [2, 2, 1]
    assert panels[1].lines[1].get_xdata()[-1] == 200 * 20
    assert panels[1].lines[1].get_ydata()[-1] == 1.0
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes in panels:
        for line, colour in zip(axes.lines, COLOURS, strict=False):
            assert to_rgb(str(line.get_color())) == to_rgb(colour)
            assert line.get_linestyle() == "-"


def test_the_first_panel_counts_characters_too_where_updates_read_alike(tmp_path: Path) -> None:
    figure = drawn(pair(tmp_path))
    assert [axes.get_xlabel() for axes in figure.axes] == ["updates", "seconds"]
    (above,) = figure.axes[0].child_axes
    assert above.get_xlabel() == "characters"
    assert above.get_xlim()[1] == pytest.approx(10 * figure.axes[0].get_xlim()[1])


def test_a_short_run_is_not_lost_beside_a_long_one(tmp_path: Path) -> None:
    long = {1: 4.0, 50: 3.0, 100_000: 1.0}
    assert drawn(pair(tmp_path / "a", long)).axes[0].get_xscale() == "log"
    assert drawn(pair(tmp_path / "c")).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("longest", [300, 3_000])
def test_every_curve_is_marked_at_its_end(longest: int, tmp_path: Path) -> None:
    given = [
        leave(tmp_path / name, {at: 1 + 1 / at for at in range(1, end)}, loss="mean")
        for name, end in (("a", longest), ("b", 200))
    ]
    for line in drawn(read_runs(" ".join(given))).axes[0].lines:
        marked = np.array(line.get_markevery())
        assert marked[-1] == len(np.asarray(line.get_xdata())) - 1
        assert 2 <= len(marked) <= 9


def test_the_legend_has_the_names_as_they_are_row_by_row(tmp_path: Path) -> None:
    names = ["_a", "$b$", "c^2", "d", "e", "f", "g"]
    figure = drawn(read_runs(" ".join(leave(tmp_path / name, A) for name in names)))
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    # Four columns, filled from top to bottom.
    assert told == ["_a", "e", "$b$", "f", "c^2", "g", "d"]
    colours = [to_rgb(str(line.get_color())) for line in legend.get_lines()]
    assert colours == [to_rgb(COLOURS[names.index(name) % len(COLOURS)]) for name in told]


def test_runs_of_one_colour_have_other_marks(tmp_path: Path) -> None:
    given = " ".join(leave(tmp_path / f"r{i}", A) for i in range(20))
    lines = drawn(read_runs(given)).axes[0].lines
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 20


def test_snapshots_are_taken_at_about_the_last_update_that_all_have(
    tmp_path: Path, shown: Show
) -> None:
    (told,) = shown("runs.snapshots", pair(tmp_path)).records
    assert [text for _, text in told.texts] == ["at 100", "at 100"]
    titles = [title.replace("\\", "") for title, _ in told.texts]
    assert titles == ["a, iter 100: 2.000 nats", "b, iter 100: 2.200 nats"]
    out = shown("runs.snapshots", pair(tmp_path / "c", {1: 40.0}))
    assert not out.records and out.prose


@pytest.mark.parametrize(
    ("sampling", "alike"),
    [
        ({}, True),
        ({"temperature": 1.0}, True),
        ({"temperature": 0.5}, False),
        ({"prime": "a"}, False),
        ({"best_by": "smooth"}, True),
        ({"best_by": "held_out"}, False),
    ],
)
def test_texts_that_were_not_drawn_alike_are_told_apart(
    tmp_path: Path, sampling: dict[str, Any], alike: bool
) -> None:
    assert runs.samples_facts(pair(tmp_path, sampling=sampling))["drawn_alike"] == alike


def test_samples_are_cut_to_the_length_asked_for(tmp_path: Path, shown: Show) -> None:
    (told,) = shown("runs.samples", pair(tmp_path, text_loss=math.nan), 7).records
    titles = [title.replace("\\", "") for title, _ in told.texts]
    assert titles == ["a: 2.000 nats", "b"]
    assert [text for _, text in told.texts] == ["text of", "text of"]


@pytest.mark.parametrize(
    "second",
    [
        {"losses": {1: math.nan}, "diverged": "the loss is not finite", "text_loss": math.nan},
        {"losses": {1: 44.0}, "seconds": None},
        {"losses": {1: 44.0, 100_000: 16.0}},
        {"losses": A},
    ],
)
def test_any_runs_can_be_shown(second: dict[str, Any], tmp_path: Path, shown: Show) -> None:
    both = pair(tmp_path, second.pop("losses"), **second)
    sections = "runs.settings runs.numbers runs_curves runs.snapshots runs.provenance".split()
    stored = [output for section in sections for output in shown(section, both).stored]
    stored += shown("runs.samples", both, 100).stored
    words = " ".join(output.data["text/plain"] for output in stored)
    assert not re.search(r"\b(nan|inf|None)\b", words)
    assert "text of <b>b</b>" in words


def execute(folder: Path, said: str) -> subprocess.CompletedProcess[str]:
    """Run the notebook with plain papermill, from another folder than the project's."""
    source = ROOT / "notebooks" / "04_compare_runs.ipynb"
    target = folder / "04_compare_runs.ipynb"
    return subprocess.run(
        [sys.executable, "-m", "papermill", str(source), str(target), "-p", "runs", said],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_notebook_makes_a_page_and_the_same_bytes_twice(tmp_path: Path) -> None:
    a = leave(tmp_path / "a_1", A, m=7)
    b = leave(tmp_path / "b", B, batch_size=4)
    done = execute(tmp_path, f"{a} {b}")
    assert done.returncode == 0, done.stderr
    first = [path.read_bytes() for path in render(tmp_path, title="Runs compared")]
    again = [path.read_bytes() for path in render(tmp_path, title="Runs compared")]
    assert first == again
    _, pdf, html = first
    for text in (pdf_text(pdf), Page(html.decode()).text):
        for told in ("2 runs: a_1 and b.", "Table 1: ", "Table 2: ", "Table 3: ", "Figure 1: "):
            assert told in text
        assert "a_1: 0.800 nats text of <b>a_1</b>" in text


def test_the_notebook_names_a_wrong_parameter(tmp_path: Path) -> None:
    source = ROOT / "notebooks" / "04_compare_runs.ipynb"
    with pytest.raises(PapermillExecutionError, match=r"did you mean runs\?"):
        execute_notebook(str(source), None, {"run": "a b"}, progress_bar=False)


@pytest.mark.slow
def test_the_notebook_tells_an_unfinished_run_in_one_line(tmp_path: Path) -> None:
    a = leave(tmp_path / "a", A)
    done = execute(tmp_path, f"{a} {tmp_path}/wide")
    assert done.returncode != 0
    assert "wide: expected a finished run in" in done.stderr
    assert "run make report RUN=wide" in done.stderr
