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

from rnn import ROOT
from rnn.errors import ReportError
from rnn.report import show
from rnn.report.figures import COLOURS, svg
from rnn.report.pages.render import render
from rnn.report.sections import contrast_story
from rnn.report.sections.contrast import (
    differing,
    in_columns,
    numbers_table,
    provenance_table,
    settings_table,
)
from rnn.report.sections.contrast_prose import (
    budget_reading,
    cautions_reading,
    curves_alt,
    curves_caption,
    numbers_reading,
    samples_reading,
    setting_reading,
)
from rnn.report.sections.figures_runs import loss_limits, runs_figure
from rnn.runs import finished as runs
from rnn.runs.finished import FinishedRun, read_runs
from rnn.settings import Settings

SHA = "0" * 64


def leave(
    folder: Path,
    losses: dict[int, float],
    *,
    book: dict[str, Any] | None = None,
    seconds: float | None = 2.0,
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
        "provenance": {"commit": "c", "machine": "one", **(provenance or {})},
    }
    (folder / "results.json").write_text(json.dumps(results))
    end = "" if validation is None else f",{validation}"
    rows = [f"{at},1,{loss}{end}" for at, loss in losses.items()]
    head = f"update,epoch,smooth_loss{'' if validation is None else ',validation_loss'}"
    (folder / "history.csv").write_text("\n".join([head, *rows]) + "\n")
    snapshots = [{"update": at, "smooth_loss": x, "text": f"at {at}"} for at, x in losses.items()]
    (folder / "snapshots.json").write_text(json.dumps(snapshots))
    if seconds is not None:
        (folder / "speed.json").write_text(json.dumps({"seconds": seconds, "updates": last}))
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
    monkeypatch.setattr(runs, "ROOT", tmp_path)
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
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    for name in ("a", "wide"):
        leave(tmp_path / "reports" / name, A)
    with pytest.raises(ReportError, match=r"^runs: .* two runs, got (none|a); .* a, wide$"):
        read_runs(said)


def test_a_run_named_twice_is_refused_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    leave(tmp_path / "reports" / "a", A)
    with pytest.raises(ReportError, match="expected every run once, got reports/a again"):
        read_runs("a reports/a")


@pytest.mark.parametrize("section", ["", "training", "text_losses", "sampling"])
def test_an_unfinished_run_is_told_with_what_makes_it(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ROOT", tmp_path)
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
    lowest = [run.per_character(run.lowest_smooth_loss) for run in (summed, averaged)]
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
    table = settings_table(pair(tmp_path, m=7, clip=0, eta=0.05))
    assert table.to_dict("index") == {
        "m": {"a": "100", "b": "7"},
        "eta": {"a": "0.1", "b": "0.05"},
        "clip": {"a": "5", "b": "none"},
    }


def test_another_text_is_among_what_differs_and_warned_of(tmp_path: Path) -> None:
    other = {"title": "Another", "characters": 2000, "K": 5, "sha256": "1" * 64}
    both = pair(tmp_path, book=other)
    assert list(differing(both)) == ["text", "characters of the text", "K"]
    assert "cannot be held against" in cautions_reading(both)
    assert "All were trained on" not in setting_reading(both)


def test_texts_that_differ_in_nothing_but_their_letters_are_told_apart(tmp_path: Path) -> None:
    both = pair(tmp_path, book={"sha256": "1" * 64})
    assert settings_table(both).loc["sha256 of the text"].tolist() == ["00000000…", "11111111…"]


def test_runs_that_were_told_the_same_are_said_to_be(tmp_path: Path) -> None:
    both = pair(tmp_path)
    assert len(settings_table(both)) == 0
    assert "told the same" in setting_reading(both)


def test_what_all_have_in_common_is_told_once(tmp_path: Path) -> None:
    said = setting_reading(pair(tmp_path, m=7))
    assert r"*A \*Book\**, a text of 1,000 characters with K = 4" in said
    assert "`seq_length = 10`" in said and "`eta = 0.1`" in said
    assert "`m = " not in said


def test_a_setting_an_older_version_did_not_know_is_a_dash(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    del b.settings["document_end"]
    assert settings_table([a, b]).loc["document_end"].tolist() == ["none", "–"]


def test_headline_numbers_are_those_of_the_files(tmp_path: Path) -> None:
    table = numbers_table(pair(tmp_path, batch_size=4, held_out=0.1, validation=1.25, seeds=3))
    assert table.loc["updates"].tolist() == ["100", "200"]
    assert table.loc["epochs"].tolist() == ["2.50", "5.00"]
    assert table.loc["characters read"].tolist() == ["1,000", "8,000"]
    assert table.loc["lowest smooth loss"].tolist() == ["2.0000", "1.0000"]
    assert table.loc["lowest smooth loss (bits)"].tolist() == ["2.8854", "1.4427"]
    assert table.loc["validation loss"].tolist() == ["–", "1.2500"]
    # 10, 11 and 12 over ten characters
    assert table.loc["lowest, mean of the seeds"].tolist() == ["–", "1.1000"]
    assert table.loc["lowest, their deviation"].tolist() == ["–", "0.1000"]
    assert table.loc["updates a second"].tolist() == ["50", "100"]
    assert "stopped early" not in table.index


def test_table_of_provenance_has_what_each_run_was_made_by(tmp_path: Path) -> None:
    made = {"commit": "0123456789abcdef", "versions": {"numpy": "2.4"}}
    table = provenance_table(pair(tmp_path, first={"provenance": made}, book={"sha256": "1" * 64}))
    assert table.loc["commit"].tolist() == ["0123456789", "c"]
    assert table.loc["numpy"].tolist() == ["2.4", "–"]
    assert table.loc["machine"].tolist() == ["one", "one"]
    assert table.loc["sha256 of the text"].tolist() == ["0000000000…", "1111111111…"]


def test_many_runs_are_spread_over_tables_of_about_the_same_width(tmp_path: Path) -> None:
    folders = [leave(tmp_path / f"r{i}", A, m=i + 1) for i in range(8)]
    table = settings_table(read_runs(" ".join(folders)))
    assert [part.shape[1] for part in in_columns(table)] == [4, 4]
    assert [part.shape[1] for part in in_columns(table.iloc[:, :6])] == [6]


def test_the_lowest_is_named_with_its_distance_from_the_next(tmp_path: Path) -> None:
    said = numbers_reading(pair(tmp_path, text_loss=2.5))
    assert (
        "*b* has the lowest smooth loss, 1.0000 nats or 1.4427 bits a character, "
        "1.0000 nats below *a*." in said
    )
    assert "*a* has the lowest loss over the whole text, 2.0000 nats" in said


def test_runs_that_tie_share_the_lowest(tmp_path: Path) -> None:
    assert "*a* and *b* share the lowest smooth loss" in numbers_reading(pair(tmp_path, A))


def test_a_difference_of_seeds_comes_with_its_standard_error(tmp_path: Path) -> None:
    said = numbers_reading(pair(tmp_path, seeds=3, first={"seeds": 3}))
    # Both have a deviation of 0.1 over three seeds.
    assert f"1.0000 nats apart, with a standard error of {math.sqrt(2 * 0.01 / 3):.4f}" in said
    assert "one seed" not in cautions_reading(pair(tmp_path / "c", seeds=2, first={"seeds": 2}))


def test_losses_are_held_against_each_other_where_the_shortest_ends(tmp_path: Path) -> None:
    said = budget_reading(pair(tmp_path, batch_size=2, seconds=8.0))
    assert "After 100 updates the smooth loss stood at 2.0000 for *a* and 2.2000 for *b*" in said
    # 1,000 characters are 50 updates of b, between its losses at 1 and at 100.
    between = np.interp(50, [1, 100], [4.0, 2.2])
    assert f"after 1,000 characters read, at 2.0000 for *a* and {between:.4f} for *b*" in said
    assert f"after 2 seconds of training, at 2.0000 for *a* and {between:.4f} for *b*" in said


def test_characters_have_no_panel_of_their_own_where_they_follow_from_updates(
    tmp_path: Path,
) -> None:
    alike = pair(tmp_path / "alike")
    assert "100 updates, or 1,000 characters read, the smooth loss stood at" in budget_reading(
        alike
    )
    assert "the updates, the characters read and the seconds" in curves_caption(alike)
    unlike = pair(tmp_path / "unlike", batch_size=2)
    assert "against updates, characters read and seconds" in curves_alt(unlike)
    assert "reads more characters in one run" in cautions_reading(unlike)


def test_a_run_that_was_not_timed_is_named_and_has_no_seconds(tmp_path: Path) -> None:
    one = pair(tmp_path / "one", seconds=None)
    assert "No time is known of *b*." in curves_caption(one)
    assert "seconds of training, at" not in budget_reading(one)
    neither = pair(tmp_path / "neither", seconds=None, first={"seconds": None})
    assert "against updates: " in curves_alt(neither)


def test_no_updates_in_the_time_is_no_time(tmp_path: Path) -> None:
    a, b = leave(tmp_path / "a", A), leave(tmp_path / "b", A)
    (tmp_path / "b" / "speed.json").write_text('{"seconds": 0.1, "updates": 0}')
    assert math.isnan(read_runs(f"{a} {b}")[1].seconds_per_update)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"held_out": 0.1}, "different parts of the text"),
        ({"provenance": {"commit": "d"}}, "different versions of the project"),
        ({"provenance": {"machine": "two"}}, "different machines, so their seconds"),
        ({"diverged": "the loss is not finite"}, "training of *b* stopped early"),
        ({"seeds": 2}, "Seeds that train side by side"),
        ({}, "Each run has one seed"),
    ],
)
def test_what_keeps_runs_from_being_compared_is_said(
    about: dict[str, Any], words: str, tmp_path: Path
) -> None:
    assert words in cautions_reading(pair(tmp_path / "with", **about))
    if about:
        assert words not in cautions_reading(pair(tmp_path / "without"))


def test_names_are_data_in_every_sentence(tmp_path: Path) -> None:
    given = [leave(tmp_path / name, A, m=i + 1) for i, name in enumerate(["_<b>_", "$x*"])]
    both = read_runs(" ".join(given))
    for said in (setting_reading(both), numbers_reading(both), budget_reading(both)):
        assert r"*\_\<b\>\_*" in said
        assert r"*\$x\**" in said


def limits(*curves: dict[float, float]) -> tuple[float, float]:
    return loss_limits([(np.array([*c]), np.array([*c.values()])) for c in curves])


def test_the_fall_at_the_beginning_is_cut_but_no_lowest_loss_is() -> None:
    low, high = limits({1: 4.4, 50: 2.2, 1000: 1.6}, {1: 4.4, 50: 2.4, 1000: 1.8})
    assert low < 1.6 and 2.2 < high < 2.4
    low, high = limits({1: 4.4, 50: 2.2, 1000: 1.6}, {1: 4.4, 10: 3.0})
    assert low < 1.6 and 3.0 < high < 4.4


def test_limits_are_apart_also_where_there_is_nothing_to_see() -> None:
    for curves in ([{1: 2.0}], [{1: 2.0, 9: 2.0}], [{1: math.nan}], []):
        low, high = limits(*curves)
        assert low < high


def drawn(both: list[FinishedRun], monkeypatch: pytest.MonkeyPatch) -> Figure:
    figures: list[Figure] = []
    monkeypatch.setattr(contrast_story, "show_prose", lambda _: None)
    monkeypatch.setattr(contrast_story, "show_figure", lambda figure, **_: figures.append(figure))
    contrast_story.show_curves(both)
    return figures[0]


def test_the_figure_has_every_run_in_every_panel_in_its_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(pair(tmp_path, batch_size=2, seconds=None), monkeypatch)
    panels = figure.axes
    assert [axes.get_xlabel() for axes in panels] == [
        "updates",
        "characters read",
        "seconds of training",
    ]
    assert [len(axes.lines) for axes in panels] == [2, 2, 1]
    assert panels[1].lines[1].get_xdata()[-1] == 200 * 20
    assert panels[1].lines[1].get_ydata()[-1] == 1.0
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes in panels:
        for line, colour in zip(axes.lines, COLOURS, strict=False):
            assert to_rgb(str(line.get_color())) == to_rgb(colour)


def test_the_first_panel_counts_characters_too_where_updates_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = drawn(pair(tmp_path), monkeypatch)
    assert [axes.get_xlabel() for axes in figure.axes] == ["updates", "seconds of training"]
    (above,) = figure.axes[0].child_axes
    assert above.get_xlabel() == "characters read"
    svg(figure)
    assert above.get_xlim()[1] == pytest.approx(10 * figure.axes[0].get_xlim()[1])


def test_a_short_run_is_not_lost_beside_a_long_one() -> None:
    x = np.arange(1.0, 101.0)
    short, long = (x, 3 - x / 200), (1000 * x, 2 - x / 200)
    assert runs_figure({"updates": {"a": short, "b": long}}, "ab").axes[0].get_xscale() == "log"
    assert runs_figure({"updates": {"a": long, "b": long}}, "ab").axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("longest", [3_000, 30_000])
def test_every_curve_is_marked_at_its_end(longest: int) -> None:
    curves = {
        name: (np.arange(1.0, end), 1 + 1 / np.arange(1.0, end))
        for name, end in (("a", longest), ("b", 2_000))
    }
    figure = runs_figure({"updates": curves}, list(curves))
    svg(figure)
    for line in figure.axes[0].lines:
        marked = np.array(line.get_markevery())
        assert marked[-1] == len(np.asarray(line.get_xdata())) - 1
        assert 2 <= len(marked) <= 9


def test_the_legend_has_the_names_as_they_are_row_by_row() -> None:
    names = ["_a", "$b$", "c^2", "d", "e", "f", "g"]
    curve = (np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    figure = runs_figure({"updates": dict.fromkeys(names, curve)}, names)
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    # Four columns, filled from top to bottom.
    assert told == ["_a", "e", "$b$", "f", "c^2", "g", "d"]
    shown = [to_rgb(str(line.get_color())) for line in legend.get_lines()]
    assert shown == [to_rgb(COLOURS[names.index(name) % len(COLOURS)]) for name in told]
    assert svg(figure)


def test_runs_of_one_colour_have_other_marks() -> None:
    curve = (np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    names = [f"r{i}" for i in range(20)]
    lines = runs_figure({"updates": dict.fromkeys(names, curve)}, names).axes[0].lines
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 20


def test_snapshots_are_taken_at_about_the_last_update_that_all_have(tmp_path: Path) -> None:
    texts = contrast_story.common_snapshots(pair(tmp_path))
    assert texts == {"a, iter 100: 2.000 nats": "at 100", "b, iter 100: 2.200 nats": "at 100"}
    assert contrast_story.common_snapshots(pair(tmp_path / "c", {1: 40.0})) == {}


@pytest.mark.parametrize(
    ("sampling", "alike"),
    [
        ({}, True),
        ({"temperature": 1.0}, True),
        ({"temperature": 0.5}, False),
        ({"prime": "a"}, False),
    ],
)
def test_texts_that_were_not_drawn_alike_are_said_to_be(
    tmp_path: Path, sampling: dict[str, Any], alike: bool
) -> None:
    said = samples_reading(pair(tmp_path, sampling=sampling))
    assert ("They were not drawn alike" not in said) == alike
    assert said.endswith(":")


def test_samples_are_cut_to_the_length_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(contrast_story, "show_texts", lambda texts, lead: shown.append(texts))
    contrast_story.show_samples(pair(tmp_path, text_loss=math.nan), 7)
    assert shown == [{"a: 2.000 nats": "text of", "b": "text of"}]


@pytest.mark.parametrize(
    "second",
    [
        {"losses": {1: math.nan}, "diverged": "the loss is not finite", "text_loss": math.nan},
        {"losses": {1: 44.0}, "seconds": None},
        {"losses": {1: 44.0, 100_000: 16.0}},
        {"losses": A},
    ],
)
def test_any_runs_can_be_shown(
    second: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(show, "display", lambda bundle, **_: shown.append(bundle["text/plain"]))
    both = pair(tmp_path, second.pop("losses"), **second)
    contrast_story.show_settings(both)
    contrast_story.show_numbers(both)
    contrast_story.show_curves(both)
    contrast_story.show_samples(both, 100)
    contrast_story.show_snapshots(both)
    words = " ".join(shown)
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
        assert "This page compares 2 runs: a_1 and b." in text
        assert "Table 1: What the runs were told" in text
        assert "Table 2: What the runs reached" in text
        assert "Figure 1: Smooth loss against" in text
        assert "a_1: 0.800 nats text of <b>a_1</b>" in text


def test_the_notebook_names_a_wrong_parameter(tmp_path: Path) -> None:
    source = ROOT / "notebooks" / "04_compare_runs.ipynb"
    with pytest.raises(PapermillExecutionError, match=r"do you mean runs\?"):
        execute_notebook(str(source), None, {"run": "a b"}, progress_bar=False)


def test_the_notebook_tells_an_unfinished_run_in_one_line(tmp_path: Path) -> None:
    a = leave(tmp_path / "a", A)
    done = execute(tmp_path, f"{a} {tmp_path}/wide")
    assert done.returncode != 0
    assert "wide: expected a finished run in" in done.stderr
    assert "run make report RUN=wide" in done.stderr
