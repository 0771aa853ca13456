"""What ``make sweep`` is asked for: the points of a grid, and the folders that they have."""

import ast
import dataclasses
import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rnn import ROOT
from rnn.errors import ReportError, require_whole, shown
from rnn.pipeline.execute import prepared_parameters
from rnn.pipeline.parameters import (
    accept_parameters,
    declared_parameters,
    read_values,
    refuse_unknown,
)
from rnn.report.pages import nbformat
from rnn.settings import Settings

_NOTEBOOK = ROOT / "notebooks" / "02_training_evolution.ipynb"
_ADDRESS = r"[a-z]+://(\[[0-9A-Fa-f:.]+(%\w+)?\]|[^\s/:\[\]]+):\d+/?"  # with brackets if it is IPv6
_LENGTH = ("epochs", "max_updates")  # a checkpoint serves for other values of these


@dataclass
class Point:
    """A setting that is to be trained with every seed."""

    name: str  # that of its folder
    settings: Settings  # with the first seed
    told: dict[int, dict[str, Any]] = field(default_factory=dict)  # by seed: what has ended
    pending: set[int] = field(default_factory=set)  # seeds that this stage still trains
    stopped: int = 0  # after which stage of a halving, from 1


@dataclass
class Asked:
    """What the environment asks for."""

    corpus: str
    encoding: str
    seeds: list[int]
    halving: int
    scheduler: str
    grid: str
    varied: list[str]  # the settings that differ
    wanted: list[Settings]  # one a point, with the first seed

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Asked":
        """Read and check it all, before anything long starts."""
        given = environment.get
        cells = [cell.source for cell in nbformat.read(_NOTEBOOK, as_version=4).cells]
        declared = declared_parameters(cells)
        names = ("corpus", "encoding", "seed", "seeds")
        options = [word for name in names if given(name.upper()) for word in
                   ("-d", name, environment[name.upper()])]  # fmt: skip
        base = {name: ast.literal_eval(line.value) for name, line in declared.items()}
        chosen = prepared_parameters(_NOTEBOOK, [*options, "--options", given("PARAMS") or ""])
        refuse_unknown(chosen, declared)
        base |= chosen
        if chosen.get("from_run") or given("FROM"):
            raise ReportError(
                "from_run: expected none for a sweep, whose trainings begin anew, got "
                f"{shown(given('FROM') or chosen['from_run'])}; let make report go on from a run"
            )
        points = list(_points(given("GRID") or ""))
        settings = [one.name for one in dataclasses.fields(Settings) if one.name != "seed"]
        refuse_unknown({name: None for point in points for name in point}, settings)
        wanted: dict[Settings, None] = {}
        for point in points:
            values = base | point | {"In": cells}
            accept_parameters(values)
            wanted[Settings.among(values)] = None
        # The text and the seeds are the same at every point, so that the last one tells them too.
        dicts = [one.as_dict() for one in wanted]
        swept = dict.fromkeys(name for point in points for name in point)
        varied = [name for name in swept if len({str(one[name]) for one in dicts}) > 1]
        seeds = require_whole("seeds", values["seeds"], 1)
        text = given("HALVING") or "1"
        halving = require_whole("HALVING", int(text) if text.isdecimal() else text, 1)
        scheduler = given("SCHEDULER") or ""
        if scheduler and not re.fullmatch(_ADDRESS, scheduler):
            raise ReportError(
                "SCHEDULER: expected an address such as tcp://host:8786, got "
                f"{shown(scheduler)}; leave it out to use this machine's cores"
            )
        return cls(
            values["corpus"],
            values["encoding"],
            [values["seed"] + i for i in range(seeds)],
            halving,
            scheduler,
            given("GRID") or "",
            varied,
            list(wanted),
        )


def _points(grid: str) -> Iterator[dict[str, Any]]:
    """Yield the settings of each point, as they came: from words ``m=50,100``, or from a file.

    A file is YAML: a mapping from names to values or lists of them, or a list of points.
    """
    grid = grid.strip()
    if not grid:
        raise ReportError(
            "GRID: expected settings to vary, got none; say GRID='m=50,100 eta=0.05,0.1'"
        )
    if re.fullmatch(r"\S+\.ya?ml", grid):
        file = next((p for p in (Path(grid), ROOT / grid) if p.is_file()), Path(grid))
        try:
            choices = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise ReportError(f"GRID: expected a YAML file, got {grid!r}: {reason}") from None
    else:
        pairs = [word.split("=", 1) for word in grid.split()]
        if any(len(pair) < 2 or not pair[1] for pair in pairs):
            raise ReportError(
                f"GRID: expected words such as m=50,100 or a YAML file, got {grid!r}; "
                "put a comma between values and a space between settings"
            )
        choices = {name: [_value(text) for text in texts.split(",")] for name, texts in pairs}
    if isinstance(choices, dict) and choices and [] not in choices.values():
        lists = [value if isinstance(value, list) else [value] for value in choices.values()]
        for values in itertools.product(*lists):
            yield dict(zip(choices, values, strict=True))
    elif isinstance(choices, list) and choices and all(isinstance(one, dict) for one in choices):
        yield from choices
    else:
        raise ReportError(
            "GRID: expected a mapping from names to values, or a list of points, in "
            f"{grid!r}, got {shown(choices)}; write lines such as m: [50, 100]"
        )


def _value(text: str) -> Any:
    """Return a number, None or a truth value that a word says, else the word."""
    with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ast.literal_eval(text)
    return text


def named_points(folder: Path, asked: Asked) -> list[Point]:
    """Return the points with the names of their folders: those that are there already keep theirs.

    A point whose training only was shorter or longer keeps its folder too, unless that is also
    asked for.
    """
    there = {}
    for path in sorted(folder.glob("*/parameters.yaml")):
        with suppress(OSError, ValueError):
            there[path.parent.name] = read_values(path)
    text = {"corpus": asked.corpus, "encoding": asked.encoding}
    names: dict[Settings, str] = {}
    for leave_out in ((), _LENGTH):
        for settings in asked.wanted:
            wanted = _without(settings.as_dict() | text, leave_out)
            same = [name for name, one in there.items() if _without(one, leave_out) == wanted]
            if same and settings not in names:
                names[settings] = same[0]
                del there[same[0]]
    taken = {path.name for path in folder.glob("*")}
    for settings in asked.wanted:
        if settings not in names:
            names[settings] = _new_name(settings.as_dict(), asked.varied, taken)
            taken.add(names[settings])
    return [Point(names[settings], settings) for settings in asked.wanted]


def _without(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    left_out = {*names, "seeds", "checkpoints"}
    return {name: value for name, value in values.items() if name not in left_out}


def _new_name(values: Mapping[str, Any], varied: Sequence[str], taken: Collection[str]) -> str:
    """Make a name of the settings that differ: ``m50-eta0.1``."""
    parts = []
    for name in varied:
        value = values[name]
        text = f"{value:g}" if isinstance(value, float) else str(value)
        parts.append(f"{name}{text}" if isinstance(value, int | float) else text or name)
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", "-".join(parts))[:60].strip(".-_") or "point"
    names = itertools.chain([plain], (f"{plain}-{i}" for i in itertools.count(2)))
    return next(name for name in names if name not in taken)


def fractions(points: int, halving: int) -> list[float]:
    """Return which fraction of its training each stage brings a point to; the last is 1."""
    stages = 1
    while halving > 1 and halving**stages <= points:
        stages += 1
    return [float(halving) ** -left for left in reversed(range(stages))]
