"""The page of a sweep: which point is best, how sure that is, and what lies beyond the grid."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from section_outputs import Show

from rnn.errors import ReportError
from rnn.report.figures import svg
from rnn.report.sections import sweep as sections
from rnn.report.sections import sweep_curves, sweep_effects
from rnn.report.sections.sweep_finished import Sweep, read_sweep
from rnn.runs.run import LOWEST_SMOOTH
from rnn.settings import Settings


def told(seed: int, loss: float | None, seconds: float = 2.0, **more: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"seed": seed, "updates": 300, "seconds": seconds / 2}
    facts |= {"timed_updates": 150, "diverged": "", "validation_loss": None}
    return facts | {"text_losses": {LOWEST_SMOOTH: loss}, "stages": [[300, loss]]} | more


def written(
    folder: Path, points: dict[str, tuple[dict[str, Any], list[Any]]], grid: str = "", **asked: Any
) -> Sweep:
    """Write a sweep's record, from the points' settings and what their seeds reached; read it."""
    varied = list(dict.fromkeys(name for given, _ in points.values() for name in given))
    facts = [
        {
            "name": name,
            "parameters": Settings(**given).as_dict(),
            "stopped": 0,
            "seeds": [
                one if isinstance(one, dict) else told(i, one) for i, one in enumerate(seeds)
            ],
        }
        for name, (given, seeds) in points.items()
    ]
    content = {"corpus": "saltmarrow", "title": "A text", "grid": grid, "varied": varied}
    content |= {"halving": 0, "seeds": list(range(len(facts[0]["seeds"]))), "points": facts}
    content["stages"] = [{"fraction": 1, "points": len(facts), "kept": len(facts)}]
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(content | asked))
    for name, (_, seeds) in points.items():
        (folder / name).mkdir(exist_ok=True)
        first = seeds[0] if isinstance(seeds[0], float) else 2.0
        rows = [f"{update},1,{25 * (first + 100 / update)}" for update in (1, 100, 200, 300)]
        (folder / name / "history.csv").write_text(
            "\n".join(["update,epoch,smooth_loss", *rows]) + "\n"
        )
    return read_sweep(folder)


def grid(folder: Path, **more: Any) -> Sweep:
    """Two settings with three values each; the loss falls with m and is lowest at eta 0.1."""
    points = {}
    for m, eta in itertools.product((5, 10, 20), (0.05, 0.1, 0.2)):
        loss = 2 - m / 100 + abs(math.log(eta / 0.1))
        points[f"m{m}-eta{eta:g}"] = {"m": m, "eta": eta}, [loss - 0.01, loss, loss + 0.01]
    return written(folder, points, "m=5,10,20 eta=0.05,0.1,0.2", **more)


def test_best_is_the_lowest_mean_with_its_standard_error(tmp_path: Path) -> None:
    facts = sections.answer_facts(grid(tmp_path))
    assert facts["best"].name == "m20-eta0.1" and facts["next"].name == "m10-eta0.1"
    assert facts["best"].loss == pytest.approx(1.8)
    assert facts["best"].error == pytest.approx(0.01 / math.sqrt(3))
    assert facts["apart"] == pytest.approx(0.1)
    assert facts["error"] == pytest.approx(math.sqrt(2) * 0.01 / math.sqrt(3))


def test_a_difference_is_sure_where_welch_s_test_finds_it(tmp_path: Path) -> None:
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(0)
    both = set()
    for number in range(30):
        one, other = rng.normal(2, 0.01, 3).tolist(), rng.normal(2.02, 0.02, 3).tolist()
        points = {"a": ({"m": 5}, one), "b": ({"m": 6}, other)}
        facts = sections.answer_facts(written(tmp_path / str(number), points))
        oracle = ttest_ind(one, other, equal_var=False).pvalue < 0.05
        assert facts["sure"] == oracle
        both.add(bool(oracle))
    assert both == {True, False}


def test_one_seed_makes_nothing_sure(tmp_path: Path, shown: Show) -> None:
    sweep = written(tmp_path, {"a": ({"m": 5}, [1.0]), "b": ({"m": 6}, [2.0])})
    facts = sections.answer_facts(sweep)
    assert not facts["sure"] and math.isnan(facts["error"])
    assert "SEEDS" in shown("sweep.answer", sweep).prose
    quick = {"a": ({"m": 5}, [told(0, 1.0, 2.0)]), "b": ({"m": 6}, [told(0, 9.0, 1.0)])}
    facts = sections.answer_facts(written(tmp_path / "quick", quick))
    assert facts["cheapest"] is None and not facts["close"]
    words = [shown(name, sweep).words for name in ("sweep_effects", "sweep_curves.cost")]
    assert not [told for told in words if "standard error" in told]


def test_the_first_sentence_has_the_setting_the_loss_and_both_errors(
    tmp_path: Path, shown: Show
) -> None:
    sweep = grid(tmp_path)
    first = shown("sweep.answer", sweep).prose.split("**")[1]
    for part in ("m = 20", "eta = 0.1", "1.8000 ± 0.0058", "0.1000 ± 0.0082"):
        assert part in first.replace("\\", "")


def test_what_lies_beyond_an_edge_is_proposed_with_the_grid_that_tries_it(tmp_path: Path) -> None:
    facts = sections.answer_facts(grid(tmp_path))
    (edge,) = facts["edges"]
    assert (edge["name"], edge["side"], edge["beyond"]) == ("m", "highest", 40)
    assert facts["larger"] == 'GRID="m=5,10,20,40 eta=0.05,0.1,0.2"'


def test_a_larger_grid_is_no_command_that_leaves_out_what_else_was_asked(
    tmp_path: Path, shown: Show
) -> None:
    sweep = grid(tmp_path, corpus="texts/a.txt", encoding="latin-1", halving=2)
    assert "make sweep" not in shown("sweep.answer", sweep).prose
    assert "CORPUS=texts/a.txt ENCODING=latin-1" in sections.answer_facts(sweep)["command"]


def test_no_value_beyond_an_edge_is_proposed_that_cannot_be(tmp_path: Path) -> None:
    def edges(**values: list[Any]) -> list[Any]:
        (name, (worse, best)), *_ = values.items()
        points = {
            "a": ({name: worse}, [told(0, 2.0, validation_loss=2.0)]),
            "b": ({name: best}, [told(0, 1.0, validation_loss=1.0)]),
        }
        found = sections.answer_facts(written(tmp_path, points))["edges"]
        return [one["beyond"] for one in found]

    assert edges(batch_size=[2, 1]) == []  # half a stream
    assert edges(held_out=[0.4, 0.8]) == []  # more than all of the text
    assert edges(optimizer=["adam", "rmsprop"]) == []
    assert edges(eta=[0.1, 0.01]) == [0.001]
    assert edges(max_updates=[0, 100]) == [200]
    assert edges(eta=[1e30, 0.1]) == [0.01] and edges(m=[1, 1000]) == [10_000]  # ten times at most


def test_the_quickest_of_those_that_cannot_be_told_from_the_best_is_named(tmp_path: Path) -> None:
    points = {
        "slow": ({"m": 20}, [told(0, 1.00, 8.0), told(1, 1.02, 8.0)]),
        "quick": ({"m": 10}, [told(0, 1.01, 2.0), told(1, 1.03, 2.0)]),
        "bad": ({"m": 5}, [told(0, 1.91, 1.0), told(1, 1.93, 1.0)]),
    }
    facts = sections.answer_facts(written(tmp_path, points))
    assert facts["best"].name == "slow" and facts["best"].seconds == pytest.approx(8.0)
    assert facts["cheapest"].name == "quick" and facts["close"] == 1


def test_only_points_that_ran_to_the_end_are_compared_after_a_halving(
    tmp_path: Path, shown: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "load_model", lambda path: path)
    monkeypatch.setattr(sections, "write", lambda *asked: "a text")
    points = {f"m{m}": ({"m": m}, [told(i, 2 - m / 100, m) for i in range(2)]) for m in range(1, 8)}
    written(tmp_path, points, halving=2)
    record = json.loads((tmp_path / "sweep.json").read_text())
    for kept in (1, 2):
        for one in record["points"][:-kept]:
            one["stopped"] = 1
        for one in record["points"][-kept:]:
            one["stopped"] = 0
        (tmp_path / "sweep.json").write_text(json.dumps(record))
        sweep = read_sweep(tmp_path)
        answer = shown("sweep.answer", sweep)
        assert not answer.labels, "five of the points would be of different stages"
        median = sections.answer_facts(sweep)["median_seconds"]
        assert math.isnan(median) if kept == 1 else median == pytest.approx(6.5)
        (texts,) = shown("sweep.samples", sweep, 10).records
        assert len(texts.texts) == kept
        # m7 would be the quickest and the best of one.
        assert ("7 s" in shown("sweep_curves.cost", sweep).prose) == (kept == 2)


def test_a_setting_that_alone_was_varied_has_no_others(tmp_path: Path, shown: Show) -> None:
    alone = shown(
        "sweep_effects", written(tmp_path, {"a": ({"m": 5}, [1.0]), "b": ({"m": 6}, [2.0])})
    )
    assert alone.prose.startswith("m = 5")
    assert "other" not in alone.words and "each" not in alone.words


def test_huge_losses_and_short_times_are_written_with_few_digits(tmp_path: Path) -> None:
    points = {"a": ({"eta": 0.1}, [told(0, 1.0, 0.02)]), "b": ({"eta": 1e30}, [told(0, 7.5e31, 3)])}
    table = sections.table(written(tmp_path, points))
    assert table["loss"].tolist() == ["1.0000", "7.5e+31"]
    assert table["seconds"].tolist() == ["0.020", "3.000"]


def test_no_fall_is_said_to_be_cut_off_where_the_losses_rise(tmp_path: Path, shown: Show) -> None:
    sweep = written(tmp_path, {"a": ({"m": 5}, [1.0]), "b": ({"m": 6}, [1.1])})
    assert "beginning" in shown("sweep_curves", sweep).words
    for folder in ("a", "b"):
        rows = [f"{update},1,{50 + update}" for update in (1, 100, 200, 300)]
        (tmp_path / folder / "history.csv").write_text(
            "\n".join(["update,epoch,smooth_loss", *rows]) + "\n"
        )
    assert "beginning" not in shown("sweep_curves", read_sweep(tmp_path)).words


def test_points_are_compared_by_the_held_out_part_where_all_have_one(tmp_path: Path) -> None:
    points = {
        "a": ({"held_out": 0.1, "m": 5}, [told(0, 1.0, validation_loss=1.9)]),
        "b": ({"held_out": 0.1, "m": 6}, [told(0, 1.1, validation_loss=1.8)]),
    }  # as version 1.0 told it
    assert written(tmp_path, points).points[0].name == "b"
    points["b"][1][0]["held_out_loss"], points["a"][1][0]["held_out_loss"] = 1.75, 1.7
    assert written(tmp_path, points).points[0].name == "a", "the lowest counts, not the last"
    points["a"][0]["held_out"] = 0.0
    assert written(tmp_path, points).points[0].name == "a"


def test_failed_and_diverged_points_are_listed_with_their_reasons(
    tmp_path: Path, shown: Show
) -> None:
    points = {
        "a": ({"m": 5}, [1.0, 1.1]),
        "b": ({"m": 6}, [0.5, {"seed": 1, "error": "no memory"}]),
        "c": ({"m": 7}, [told(0, 0.5, diverged="not a finite number"), 0.5]),
        "d": ({"m": 8}, [told(0, None), told(1, None)]),
    }
    sweep = written(tmp_path, points)
    assert [one.name for one in sweep.points] == ["a"]
    assert [one.name for one in sweep.failed] == ["b", "c", "d"]
    (text,) = shown("sweep.troubles", sweep).texts
    assert "no memory" in text and "not a finite number" in text
    assert len(sections.table(sweep)) == 4


def test_main_effects_average_over_the_others_and_their_seeds(tmp_path: Path) -> None:
    effects = sweep_effects.facts(grid(tmp_path))["effects"]
    assert list(effects) == ["eta", "m"]
    assert effects["m"]["best"] == "20" and effects["m"]["span"] == pytest.approx(0.15)
    assert effects["eta"]["best"] == "0.1"
    assert effects["eta"]["span"] == pytest.approx(math.log(2))


def test_a_map_has_the_lowest_loss_of_each_pair(tmp_path: Path) -> None:
    points = {
        "a": ({"m": 5, "eta": 0.1, "seq_length": 25}, [1.5]),
        "b": ({"m": 5, "eta": 0.1, "seq_length": 50}, [1.4]),
        "c": ({"m": 6, "eta": 0.2, "seq_length": 50}, [1.3]),
    }
    sweep = written(tmp_path, points)
    np.testing.assert_array_equal(
        sweep_effects.pair_map(sweep, "m", "eta"), [[1.4, math.nan], [math.nan, 1.3]]
    )
    assert len(sweep_effects.shown_pairs(sweep)) == 3


def test_no_point_beats_one_of_the_front_in_both(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    points = {
        f"p{i}": ({"m": i + 1}, [told(0, float(loss), float(seconds))])
        for i, (loss, seconds) in enumerate(rng.uniform(1, 2, (40, 2)))
    }
    sweep = written(tmp_path, points)
    front = sweep_curves.pareto_front(sweep.points)
    assert front and front == sorted(front, key=lambda one: one.seconds)
    for one in sweep.points:
        beaten = any(o.loss < one.loss and o.seconds < one.seconds for o in sweep.points)
        assert (one in front) != beaten


@pytest.mark.parametrize("side", [2, 3, 6])
def test_what_is_written_beside_figures_is_whole_and_on_no_curve(side: int, tmp_path: Path) -> None:
    points = {
        f"m{m}-eta{eta}": ({"m": m, "eta": eta / 100}, [1 + m / 100 + eta / 1000])
        for m, eta in itertools.product(range(1, side + 1), repeat=2)
    }
    sweep = written(tmp_path, points)
    maps = sweep_effects.pair_figure(sweep, [("m", "eta")])
    svg(maps)
    label = maps.axes[-1].yaxis.label.get_window_extent()
    assert maps.bbox.y0 <= label.y0 and label.y1 <= maps.bbox.y1
    facts = sweep_curves.facts(sweep)
    curves = sweep_curves.figure(sweep, facts["named"], facts["characters"])
    svg(curves)
    (legend,) = curves.legends
    assert legend.get_window_extent().y0 >= curves.axes[0].get_window_extent().y1
    assert legend.get_window_extent().x1 <= curves.bbox.x1


@pytest.mark.parametrize("side", [2, 20])
def test_all_sections_show_four_points_and_four_hundred(
    side: int, tmp_path: Path, shown: Show
) -> None:
    points = {
        f"m{m}-eta{eta}": ({"m": m, "eta": eta / 100}, [1 + m / 100 + eta / 1000, 1.1 + m / 100])
        for m, eta in itertools.product(range(1, side + 1), repeat=2)
    }
    sweep = written(tmp_path, points)
    labels: list[str] = []
    for name in "sweep.answer sweep_effects sweep_effects.pairs sweep_curves".split():
        labels += shown(name, sweep).labels
    labels += [*shown("sweep_curves.cost", sweep).labels, *shown("sweep.points", sweep).labels]
    assert set(labels) >= {"fig-effects", "fig-pairs", "fig-curves", "fig-cost", "tab-points"}
    assert shown("sweep.points", sweep).records[0].sortable
    assert len(sections.table(sweep)) == side**2


def test_one_point_alone_has_a_page_too(tmp_path: Path, shown: Show) -> None:
    sweep = written(tmp_path, {"point": ({"m": 5}, [1.0])})
    assert not sweep.varied
    for name in "sweep.answer sweep_effects sweep_effects.pairs sweep_curves".split():
        shown(name, sweep)
    cost = shown("sweep_curves.cost", sweep)
    assert cost.prose and not cost.labels, "there is nothing to compare"
    assert shown("sweep.troubles", sweep).prose


def test_stages_tell_what_was_stopped_when(tmp_path: Path, shown: Show) -> None:
    stages = [
        {"fraction": 1 / 3, "points": 9, "kept": 3},
        {"fraction": 1.0, "points": 3, "kept": 3},
    ]
    sweep = grid(tmp_path, halving=3, stages=stages)
    outputs = shown("sweep.troubles", sweep)
    assert outputs.labels == ["tab-stages"] and "33.3 %" in outputs.texts[0]


def test_an_unfinished_sweep_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"expected .*, got none; run make sweep"):
        read_sweep(tmp_path)
