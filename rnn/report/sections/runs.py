"""Several runs side by side: settings, what they reached and wrote, and what made them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from rnn.report.sections.runs_finished import FinishedRun
from rnn.report.show import Section
from rnn.settings import Settings
from rnn.text.characters import printable

Runs = Sequence[FinishedRun]

_COLUMNS = 6  # runs that one table has room for, side by side on the page
_NONE = "–"

#: What None, zero or an empty text stands for, where it says more than itself.
_WORDS = {"clip": "none", "held_out": "none", "max_updates": "no limit", "document_end": "none"}
_WORDS |= {"patience": "none"}

#: What is worth saying where all runs have it in common.
_COMMON = ("m", "seq_length", "eta", "optimizer", "order", "batch_size", "epochs", "seed")

#: How a version that did not say so drew: from the network's own probabilities, without a prime.
_OWN = {"temperature": 1.0, "top_p": 1.0, "prime": "", "best_by": "smooth"}


def settings(section: Section, runs: Runs) -> None:
    """Show the settings that differ, and what has to be kept in mind."""
    values, different = settings_facts(runs), settings_table(runs)
    section.prose("setting", values)
    if len(different):
        _table(section, different, "tab-settings", values)
    section.prose("cautions", values)


def settings_facts(runs: Runs) -> dict[str, Any]:
    """Return what the sentences about the settings of runs mention."""
    settings, different = runs[0].settings, list(settings_table(runs).index)
    common = [name for name in _COMMON if name not in different and settings.get(name) is not None]
    sources = [run.results.get("provenance", {}) for run in runs]
    return {
        "runs": runs,
        "common": [f"{name} = {_written(name, settings[name])}" for name in common],
        "differing": different,
        "same_text": alike(run.book["sha256"] for run in runs),
        "same_held_out": alike(run.settings["held_out"] for run in runs),
        "stopped": [run.name for run in runs if run.training.get("diverged")],
        "early": [run.name for run in runs if run.training.get("early_stopping")],
        "same_pace": alike(run.characters_per_update for run in runs),
        "same_commit": alike(source.get("commit") for source in sources),
        "same_machine": len({run.machine for run in runs} - {None}) < 2,
        "same_seeds": alike(max(len(run.seed_losses), 1) for run in runs),
        "pretrained": [run.name for run in runs if "from_run" in run.training],
        "timed": any(math.isfinite(run.seconds_per_update) for run in runs),
        "one_seed": all(len(run.seed_losses) < 2 for run in runs),
    }


def settings_table(runs: Runs) -> pd.DataFrame:
    """Put what differs into a table: a row per setting, a column per run, all as text.

    The text's own facts come first; a setting that an older version did not have is a dash.
    """
    facts = {"text": "title", "characters of the text": "characters", "K": "K"}
    found = {name: [run.book[key] for run in runs] for name, key in facts.items()}
    if all(map(alike, found.values())):
        found["sha256 of the text"] = [f"{run.book['sha256'][:8]}…" for run in runs]
    others = [name for run in runs for name in run.settings]
    for name in [*(field.name for field in fields(Settings)), *others]:
        found[name] = [run.settings.get(name) for run in runs]
    found["from_run"] = [run.training.get("from_run", {}).get("name") for run in runs]
    found["seeds"] = [len(run.seed_losses) or 1 for run in runs]
    rows = {
        name: [_written(name, value) for value in values]
        for name, values in found.items()
        if not alike(values)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[run.name for run in runs])


def numbers(section: Section, runs: Runs) -> None:
    """Show the headline numbers and what they say."""
    values = numbers_facts(runs)
    _table(section, numbers_table(section, runs), "tab-numbers", values)
    section.prose("reading", values)


def numbers_facts(runs: Runs) -> dict[str, Any]:
    """Return what the sentences about the numbers of runs mention.

    ``losses`` has, of each kind of loss (of the held-out one if all runs held out the same part),
    the ``names`` with the lowest, ``others`` that are finite, the ``next`` one and how far it is
    ``above``.  ``seeds`` has the two lowest means over seeds.  Nothing is compared over different
    texts.
    """
    if not alike(run.book["sha256"] for run in runs):
        return {"losses": {}, "seeds": {}}

    def lowest(losses: Mapping[str, float]) -> dict[str, Any]:
        finite = ranked(losses)
        lowest = min(finite.values(), default=math.nan)
        above = {name: loss - lowest for name, loss in finite.items() if round(loss - lowest, 4)}
        return {
            "nats": lowest,
            "names": [name for name in finite if name not in above],
            "others": len(finite) - 1,
            "next": next(iter(above), ""),
            "above": min(above.values(), default=math.nan),
        }

    smooth = {run.name: run.lowest_smooth_loss for run in runs}
    text = {run.name: run.text_loss for run in runs}
    values: dict[str, Any] = {"losses": {"smooth": lowest(smooth), "text": lowest(text)}}
    if alike(run.settings["held_out"] for run in runs) and runs[0].settings["held_out"]:
        values["losses"]["held_out"] = lowest({run.name: run.held_out_loss for run in runs})
    seeds = {run.name: run.seed_losses for run in runs if len(run.seed_losses) > 1}
    means = ranked({name: over.mean() for name, over in seeds.items()})
    if len(means) < len(runs):
        return values | {"seeds": {}}
    names = list(means)[:2]
    errors = [seeds[name].std(ddof=1) / math.sqrt(len(seeds[name])) for name in names]
    apart = means[names[1]] - means[names[0]]
    return values | {"seeds": {"names": names, "apart": apart, "error": math.hypot(*errors)}}


def numbers_table(section: Section, runs: Runs) -> pd.DataFrame:
    """Put what the runs reached into a table: a row per number, a column per run, all as text.

    Losses are in nats per character; rows without any number are left out.
    """
    values = {"dash": _NONE, "ln2": math.log(2)}
    told = {run.name: section.rows("table", values | {"run": run}) for run in runs}
    table = pd.DataFrame({name: rows.set_index("number")["value"] for name, rows in told.items()})
    return table[(table != _NONE).any(axis=1)].rename_axis(None)


def provenance(section: Section, runs: Runs) -> None:
    """Show where the numbers of the runs come from."""
    _table(section, provenance_table(runs), "tab-provenance", {})


def provenance_table(runs: Runs) -> pd.DataFrame:
    """Put what made the runs into a table: a row per fact, a column per run, all as text."""
    columns = {}
    for run in runs:
        source = run.results.get("provenance", {})
        versions = {"commit": (source.get("commit") or _NONE)[:10]} | source.get("versions", {})
        digest = f"{run.book['sha256'][:10]}…"
        facts = versions | {"sha256 of the text": digest}
        columns[run.name] = {name: _written(name, value) for name, value in facts.items()}
    return pd.DataFrame(columns).fillna(_NONE)


def samples(section: Section, runs: Runs, length: int) -> None:
    """Show the first `length` characters of every run's text."""
    titles = [section.line("title", {"run": run}, plain=True) for run in runs]
    texts = [run.results["sampling"]["text"][:length] for run in runs]
    section.texts(dict(zip(titles, texts, strict=True)), samples_facts(runs))


def samples_facts(runs: Runs) -> dict[str, Any]:
    """Return whether the texts were drawn in the same way, and any run held out a part."""
    drawn = (run.results["sampling"] for run in runs)
    return {
        "drawn_alike": alike([one.get(name, _OWN[name]) for name in _OWN] for one in drawn),
        "held_out": any(math.isfinite(run.held_out_loss) for run in runs),
    }


def snapshots(section: Section, runs: Runs) -> None:
    """Show what every run wrote at about the last update at which all took a snapshot.

    Nothing but a sentence where a run has no snapshot after its first.
    """
    if any(len(run.snapshots) < 2 for run in runs):
        section.prose("none", {})
        return
    last, texts = min(run.snapshots[-1]["update"] for run in runs), {}
    for run in runs:
        one = min(run.snapshots, key=lambda one: abs(one["update"] - last))
        texts[section.line("title", one | {"run": run}, plain=True)] = one["text"]
    section.texts(texts, {})


def _table(section: Section, table: pd.DataFrame, label: str, values: Mapping[str, Any]) -> None:
    section.table(table, label, values, source="results.json", columns=_COLUMNS)


def _written(name: str, value: Any) -> str:
    """Write the value of a setting."""
    if value is None:
        return _NONE
    if not value and name in _WORDS:
        return _WORDS[name]
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def alike(values: Iterable[Any]) -> bool:
    """Tell whether all values are the same."""
    first, *others = values
    return all(value == first for value in others)


def ranked(losses: Mapping[str, float]) -> dict[str, float]:
    """Return the finite losses of runs by their names, the lowest first."""
    finite = {name: float(loss) for name, loss in losses.items() if math.isfinite(loss)}
    return dict(sorted(finite.items(), key=lambda one: one[1]))
