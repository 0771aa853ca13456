"""The results as tables on the terminal, as `bench.json` and as a figure."""

import json
import platform
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.measure import CHECK_ETA, TOLERANCE, Measurement
from benchmarks.studies import SWEEPS
from benchmarks.systems import CORE, SYSTEMS, System

_OURS = "rnn"
_INK, _OTHER, _ACCENT = "#222222", "#8a8a8a", "#0b6e99"
_GOALS = {system.name: system.goal for system in SYSTEMS}


def document(
    results: list[Measurement],
    others: dict[str, Any],
    missing: list[System],
    load: float,
    interrupted: bool,
) -> dict[str, Any]:
    """Return everything that was measured as plain data that JSON can hold.

    `load` is that of the machine before the first measurement: how many processes wanted to run in
    the last minute.
    """
    return {
        "machine": {
            "processor": _processor(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "pinned_to_core": CORE,
            "load_average": load,
        },
        "interrupted": interrupted,
        "check": {"eta": CHECK_ETA, "tolerance": TOLERANCE},
        "missing": [system.name for system in missing],
        "measurements": [
            asdict(one)
            | {"median_us": one.median_us, "characters_per_second": one.characters_per_second}
            for one in results
        ],
        "ratios": _ratios(results),
    } | others


def _ratios(results: list[Measurement]) -> dict[str, float]:
    """Divide the times of the comparison by those of this project in float32."""
    peers = {one.name: one for one in results if one.study == "peers"}
    ours = peers.get(_OURS)
    return {name: one.ratio_to(ours) for name, one in peers.items()} if ours else {}


def _ratio_of_fastest_peer(found: dict[str, Measurement]) -> str:
    """Divide the time of the fastest other system by this project's."""
    ours = found.get(_OURS)
    ratios = [one.ratio_to(ours) for name, one in found.items() if ours and name != _OURS]
    return f"{min(ratios):.2f}" if ratios else ""


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def table(results: list[Measurement], others: dict[str, Any], missing: list[System]) -> str:
    """Return the results as text for a terminal."""
    parts = []
    peers = [one for one in results if one.study == "peers"]
    if peers:
        parts.append(_peers_table(peers))
    if cells := [one for one in results if one.study == "cells"]:
        parts.append(_cells_table(cells))
    for study in SWEEPS:
        if rows := [one for one in results if one.study == study]:
            parts.append(_sweep_table(study, rows))
    parts += [_WORDS[name](found) for name, found in others.items()]
    if results and missing:
        parts.append(
            f"Not installed, and so not measured: {', '.join(s.title for s in missing)}.\n"
            "They come with the extra 'bench': pip install -e '.[bench]'"
        )
    return "\n\n".join(parts)


def _peers_table(peers: list[Measurement]) -> str:
    first, ratios = peers[0], _ratios(peers)
    rows = []
    for one in peers:
        goal = _GOALS[one.name]
        rows.append([
            one.title, one.version, one.dtype, f"{one.median_us:,.1f}",
            f"{min(one.repetitions_us):,.1f} to {max(one.repetitions_us):,.1f}",
            f"{one.characters_per_second:,.0f}",
            f"{ratios[one.name]:.2f}" if ratios else "", f"{goal:g}" if goal else "",
            f"{one.difference:.0e}",
        ])  # fmt: skip
    head = ["", "version", "type", "us per update", "from to", "characters/s", "ratio", "goal"]
    title = (
        f"One update on one core: m {first.m}, tau {first.tau}, K {first.K}, batch {first.batch}; "
        f"medians of {len(first.repetitions_us)}\nturns; ratio: to this project in float32, the "
        f"median of the turns'; difference: of the\nlosses of the check (eta {CHECK_ETA:g}), at "
        f"most {TOLERANCE:g} is allowed"
    )
    return f"{title}\n\n{_aligned([[*head, 'difference'], *rows])}"


def _cells_table(rows: list[Measurement]) -> str:
    names = list(dict.fromkeys(one.name for one in rows))
    lines = [["cell", "m", "layers", "batch", *(f"{name}, us" for name in names), "ratio"]]
    for network, group in groupby(rows, attrgetter("cell", "m", "layers", "batch")):
        found = {one.name: one for one in group}
        columns = map(found.get, names)
        lines.append([
            *map(str, network), *(f"{one.median_us:,.1f}" if one else "" for one in columns),
            _ratio_of_fastest_peer(found),
        ])  # fmt: skip
    first = rows[0]
    title = f"Other cells; tau {first.tau}, K {first.K}; ratio: the fastest peer's time by ours"
    return f"{title}\n\n{_aligned(lines)}"


def _sweep_table(study: str, rows: list[Measurement]) -> str:
    names = list(dict.fromkeys(one.name for one in rows))
    lines = [[study, *(f"{name}, us" for name in names), "rnn, characters/s", "ratio"]]
    for value, group in groupby(rows, attrgetter(study)):
        found = {one.name: one for one in group}
        ours, columns = found.get(_OURS), map(found.get, names)
        lines.append([
            f"{value}", *(f"{one.median_us:,.1f}" if one else "" for one in columns),
            f"{ours.characters_per_second:,.0f}" if ours else "", _ratio_of_fastest_peer(found),
        ])  # fmt: skip
    first = rows[0]
    rest = ", ".join(f"{name} {getattr(first, name)}" for name in SWEEPS if name != study)
    title = f"Cost of an update against {study}; {rest}; ratio: the fastest peer's time by ours"
    return f"{title}\n\n{_aligned(lines)}"


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = [all(c[:1].isdigit() for c in column[1:] if c) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    )


def _precision_words(found: dict[str, Any]) -> str:
    lines = ["float32 against float64"]
    for one in found["first"]:
        lines.append(
            f"  over the first {one['updates']} updates at eta {one['eta']:g} the losses differ by "
            f"at most {one['largest_difference']:.1e} of them"
        )
    end = found["end"]
    less = end["types_difference"] <= end["seeds_deviation"]
    lines.append(
        f"  after {end['updates']:,} updates at eta 0.1 the mean end losses of "
        f"{len(end['float32'])} seeds differ by {end['types_difference']:.3f}, "
        f"{'no more' if less else 'MORE'} than\n  seeds do (standard deviation "
        f"{end['seeds_deviation']:.3f})"
    )
    return "\n".join(lines)


def _memory_words(found: dict[str, Any]) -> str:
    return (
        f"A text of {found['text_mb']:,.0f} MB: peak memory {found['peak_memory_mb']:,.0f} MB, "
        f"read in {found['load_seconds']:.1f} s"
    )


def _run_words(found: dict[str, Any]) -> str:
    return (
        f"The classic run, {found['updates']:,} updates with snapshots and history: "
        f"{found['train_seconds']:.1f} s, lowest smooth loss {found['lowest_smooth_loss']:.4f}.\n"
        f"A new process has made its first update after {found['start_seconds']:.1f} s."
    )


def _watched_words(found: dict[str, Any]) -> str:
    batch, watched = np.array(found["batch"]), np.array(found["watched"])
    ratios = watched / batch
    return (
        f"Trainings of {found['updates']:,} updates in a notebook: {np.median(batch):,.0f} updates "
        f"per second alone, {np.median(watched):,.0f} with\na live view, drawn "
        f"{np.median(found['pictures']):.0f} times: {np.median(ratios):.3f} of the speed "
        f"({ratios.min():.3f} to {ratios.max():.3f} in {len(ratios)} pairs)."
    )


def _parts_words(found: dict[str, Any]) -> str:
    rows = [["part", "us", "GFLOP/s", "of the peak"]]
    for name, (seconds, flops) in found["parts"].items():
        speed = flops / seconds
        told = [f"{speed / 1e9:.0f}", f"{speed / found['peak']:.0%}"] if flops else ["", ""]
        rows.append([name, f"{1e6 * seconds:.1f}", *told])
    rows.append(["bound", f"{1e6 * found['bound']:.1f}", f"{found['peak'] / 1e9:.0f}", "100%"])
    return (
        f"The parts of an update, vectors of {found['vector_bytes']} bytes; each is called by "
        f"itself, for about 0.3 us more;\nbound: products at the peak, parameters read and written "
        f"once, and pointwise functions\n\n{_aligned(rows)}"
    )


def _targets_words(found: dict[str, Any]) -> str:
    rows = [["compiled for", "vector, bytes", "us per update", "hash"]]
    for name, one in found.items():
        rows.append([name, f"{one['vector_bytes']}", f"{1e6 * one['seconds']:.1f}", one["hash"]])
    same = len({one["hash"] for one in found.values()}) == 1
    result = "the same bits for all" if same else "DIFFERENT BITS"
    return f"A training compiled for several processors: {result}\n\n{_aligned(rows)}"


def _char_rnn_words(found: dict[str, Any]) -> str:
    recipe = found["recipe"]
    options = " ".join(f"-p {name} {value}" for name, value in recipe.items())
    rows = [["", "held-out loss, nats per character", "s"]]
    for name, title in (("rnn", "this project"), ("pytorch", "PyTorch, char-rnn's settings")):
        if one := found.get(name):
            rows.append([title, f"{one['held_out_loss']:.4f}", f"{one['seconds']:.0f}"])
    return (
        f"char-rnn's default network on {found['text']}, {recipe['epochs']} epochs on one core, "
        f"the last {recipe['held_out']:.0%} held out\n\n{_aligned(rows)}\n\n"
        f'make report CORPUS={found["text"]} PARAMS="{options}"'
    )


_WORDS = {
    "parts": _parts_words,
    "targets": _targets_words,
    "precision": _precision_words,
    "memory": _memory_words,
    "run": _run_words,
    "watched": _watched_words,
    "char-rnn": _char_rnn_words,
}


def figure(results: list[Measurement]) -> Figure | None:
    """Draw the comparison as bars, and the sweeps as lines over logarithmic axes.

    Returns
    -------
    Figure or None
        None if nothing was timed.
    """
    peers = [one for one in results if one.study == "peers"]
    sweeps = [study for study in SWEEPS if any(one.study == study for one in results)]
    rows: list[Any] = [["peers", "peers"]] if peers else []
    rows += [
        [*sweeps[i : i + 2], *["."] * (i + 1 == len(sweeps))] for i in range(0, len(sweeps), 2)
    ]
    if not rows:
        return None
    plotted = Figure(figsize=(9, 2.8 * len(rows)), layout="constrained")
    places = plotted.subplot_mosaic(rows)
    for study, axes in places.items():
        if study == "peers":
            _draw_peers(axes, peers)
        else:
            _draw_sweep(axes, study, [one for one in results if one.study == study])
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK)
    return plotted


def _draw_peers(axes: Any, peers: list[Measurement]) -> None:
    # Points and not bars: on a logarithmic axis the length of a bar says nothing.
    for place, one in enumerate(peers):
        colour = _ACCENT if one.name == _OURS else _OTHER
        axes.plot([min(one.repetitions_us), max(one.repetitions_us)], [place] * 2, color=colour)
        axes.plot(one.median_us, place, "o", color=colour)
        label = f"{one.median_us:,.0f}"
        axes.annotate(
            label, (one.median_us, place), (0, 6), textcoords="offset points", ha="center"
        )
    axes.set_yticks(range(len(peers)), [f"{one.title}, {one.dtype}" for one in peers])
    axes.set(xscale="log", xlabel="microseconds per update, one core; median, fastest and slowest")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.08, y=0.15)


def _draw_sweep(axes: Any, study: str, found: list[Measurement]) -> None:
    for name, colour, marker in (("jax", _OTHER, "s"), (_OURS, _ACCENT, "o")):
        rows = [one for one in found if one.name == name]
        if rows:
            x = [getattr(one, study) for one in rows]
            axes.plot(x, [one.median_us for one in rows], color=colour, marker=marker, label=name)
    values = sorted({getattr(one, study) for one in found})
    axes.set(xscale="log", yscale="log", xlabel=study, ylabel="us per update")
    axes.set_xticks(values, [str(value) for value in values])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(frameon=False)


def write(folder: Path, found: dict[str, Any], plotted: Figure | None) -> list[Path]:
    """Write `bench.json` and, if there is one, the figure into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    files = [folder / "bench.json"]
    if plotted:
        files += [folder / "bench.svg", folder / "bench.png"]
        for file in files[1:]:
            plotted.savefig(file, dpi=150)
    return files
