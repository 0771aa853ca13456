"""The sentences of a comparison of runs: Markdown with every number and name computed."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnn.report.sections.contrast import differing
from rnn.report.sections.words import count, enumerate_all
from rnn.report.show_old import escape
from rnn.runs.finished import AXES, FinishedRun

__all__ = [
    "LABELS",
    "axes_of",
    "budget_reading",
    "cautions_reading",
    "curves_alt",
    "curves_caption",
    "numbers_reading",
    "read_alike",
    "samples_reading",
    "setting_reading",
]

Runs = Sequence[FinishedRun]

#: What a panel's axis is called.
LABELS = {"update": "updates", "character": "characters read", "second": "seconds of training"}

#: What is worth saying where all runs have it in common.
_COMMON = ("m", "seq_length", "eta", "optimizer", "order", "batch_size", "epochs", "seed")


def setting_reading(runs: Runs) -> str:
    """Say which runs are compared, on what text, and what they have in common."""
    told, book = differing(runs), runs[0].book
    sentences = [f"This page compares {count(len(runs), 'run')}: {_names(runs)}."]
    if _alike(run.book["sha256"] for run in runs):
        sentences.append(
            f"All were trained on *{escape(book['title'])}*, a text of {book['characters']:,} "
            f"characters with K = {book['K']} distinct ones."
        )
    common = [
        f"`{name} = {_code(runs[0].settings[name])}`"
        for name in _COMMON
        if name not in told and runs[0].settings.get(name) is not None
    ]
    if told and common:
        sentences.append(f"In common they have {enumerate_all(common)}.")
    if not told:
        sentences.append(
            "They were told the same, so only the version of the project, the machine and the "
            "time that they took can differ."
        )
    return " ".join(sentences)


def cautions_reading(runs: Runs) -> str:
    """Say what keeps the runs' numbers from being held against one another, if anything does."""
    sentences = []
    if not _alike(run.book["sha256"] for run in runs):
        sentences.append(
            "**The runs were not trained on the same text, and a loss over one text cannot be held "
            "against a loss over another:** the lower one may only belong to the easier text."
        )
    if not _alike(run.settings["held_out"] for run in runs):
        sentences.append(
            "The runs keep different parts of the text for validation, so they were trained and "
            "measured on different parts of it."
        )
    stopped = [run for run in runs if run.training.get("diverged")]
    if stopped:
        sentences.append(
            f"The training of {_names(stopped)} stopped early, because a loss was not finite."
        )
    if not read_alike(runs):
        sentences.append(
            "An update reads more characters in one run than in another. The smooth loss looks "
            "back over about a thousand updates, so where an update reads more it lags further "
            "behind, counted in characters."
        )
    for key, what in (("commit", "versions of the project"), ("machine", "machines")):
        if not _alike(run.results.get("provenance", {}).get(key) for run in runs):
            timed = ", so their seconds cannot be compared" if key == "machine" else ""
            sentences.append(f"The runs were made by different {what}{timed}.")
    if not _alike(max(len(run.seed_losses), 1) for run in runs) and "second" in axes_of(runs):
        sentences.append(
            "Seeds that train side by side slow each other down, so a run with more of them took "
            "more seconds."
        )
    if all(len(run.seed_losses) < 2 for run in runs):
        sentences.append(
            "Each run has one seed, so how much of a difference is chance cannot be told; "
            "`SEEDS=5` would show it."
        )
    return " ".join(sentences)


def numbers_reading(runs: Runs) -> str:
    """Say which run reached the lowest losses, and by how much."""
    smooth = [(run.per_character(run.lowest_smooth_loss), run) for run in runs]
    text = [(run.text_loss, run) for run in runs]
    sentences = [
        _lowest(smooth, "the lowest smooth loss"),
        _lowest(text, "the lowest loss over the whole text"),
    ]
    ranked = _finite([(float(run.seed_losses.mean()), run) for run in runs if _several(run)])
    if len(ranked) > 1 and len(ranked) == len(runs):
        (one, first), (other, second) = ranked[:2]
        error = math.sqrt(sum(_variance(run) for run in (first, second)))
        sentences.append(
            f"Over their seeds the means of {_name(first)} and {_name(second)} lie "
            f"{other - one:.4f} nats apart, with a standard error of {error:.4f}."
        )
    return " ".join(sentences)


def budget_reading(runs: Runs) -> str:
    """Say where the runs stood after as many updates, characters and seconds as all of them had."""
    parts: list[str] = []
    for axis in axes_of(runs):
        known = [run for run in runs if np.isfinite(run.places(axis)).all()]
        most = min(float(run.places(axis)[-1]) for run in known)
        losses = [(float(np.interp(most, run.places(axis), run.losses)), run) for run in known]
        told = [f"{loss:.4f} for {_name(run)}" for loss, run in _finite(losses)]
        amount = f"{most:.3g}" if axis == "second" else f"{most:,.0f}"
        if axis == "update" and read_alike(runs):
            amount += f" updates, or {most * runs[0].characters_per_update:,.0f}"
            amount += f" {LABELS['character']},"
        else:
            amount += f" {LABELS[axis]}"
        if len(told) > 1:
            stood = "," if parts else " the smooth loss stood"
            parts.append(f"after {amount}{stood} at {enumerate_all(told)}")
    if not parts:
        return ""
    compared = "; ".join(parts)
    return (
        "The runs can be held against one another as far as the shortest of them goes. "
        f"{compared[0].upper()}{compared[1:]}."
    )


def samples_reading(runs: Runs) -> str:
    """Say what the texts of the runs are, and whether they were drawn alike."""
    told = (
        "This is how the texts of the best models begin, with their losses over the whole text in "
        "nats a character"
    )
    drawn = [run.results["sampling"] for run in runs]
    # A version that did not tell drew from the network's own probabilities, without a prime.
    own = {"temperature": 1.0, "top_p": 1.0, "prime": ""}
    how = [tuple(one.get(name, value) for name, value in own.items()) for one in drawn]
    if not _alike(how):
        told += ". They were not drawn alike, but with other temperatures, nuclei or primes"
    return f"{told}:"


def curves_caption(runs: Runs) -> str:
    """Caption the figure of the losses."""
    against = [*axes_of(runs), *(["character"] if read_alike(runs) else [])]
    named = enumerate_all([f"the {LABELS[axis]}" for axis in AXES if axis in against])
    caption = f"Smooth loss against {named}; the fall at the beginning is cut off."
    if "second" in against:
        caption += (
            " Seconds are updates times the run's mean time of one, as measured when it was "
            "trained."
        )
    untimed = [run for run in runs if math.isnan(run.seconds_per_update)]
    if untimed:
        caption += f" No time is known of {_names(untimed)}."
    return caption + " From `history.csv` and `speed.json` of every run."


def curves_alt(runs: Runs) -> str:
    """Tell the figure to those who cannot see it."""
    told = "; ".join(
        f"{run.name} falls to {run.per_character(run.lowest_smooth_loss):.3f} within "
        f"{count(run.last_update, 'update')}"
        if math.isfinite(run.lowest_smooth_loss)
        else f"{run.name} has none"
        for run in runs
    )
    against = enumerate_all([LABELS[axis] for axis in axes_of(runs)])
    return f"Curves of the smooth loss in nats a character against {against}: {told}."


def axes_of(runs: Runs) -> list[str]:
    """Return what the losses have a panel against.

    None of characters where it would only repeat that of updates, none of seconds where no run was
    timed.
    """
    timed = any(math.isfinite(run.seconds_per_update) for run in runs)
    without = {"character"} if read_alike(runs) else set()
    return [axis for axis in AXES if axis not in without and (timed or axis != "second")]


def read_alike(runs: Runs) -> bool:
    """Tell whether an update reads as many characters in all runs."""
    return _alike(run.characters_per_update for run in runs)


def _lowest(losses: list[tuple[float, FinishedRun]], what: str) -> str:
    """Say whose loss is the lowest, and how far below the next."""
    ranked = _finite(losses)
    if not ranked:
        return f"No run has {what.replace('the lowest', 'a finite')}."
    (nats, best), *others = ranked
    told = f"{nats:.4f} nats or {nats / math.log(2):.4f} bits a character"
    if not others:
        return f"{_name(best)} alone has {what.replace('the lowest', 'a finite')}, {told}."
    tied = [best, *(run for loss, run in others if round(loss - nats, 4) == 0)]
    if len(tied) > 1:
        return f"{_names(tied)} share {what}, {told}."
    below = others[0][0] - nats
    return f"{_name(best)} has {what}, {told}, {below:.4f} nats below {_name(others[0][1])}."


def _finite(losses: list[tuple[float, FinishedRun]]) -> list[tuple[float, FinishedRun]]:
    """Return the losses that are numbers, the lowest first."""
    return sorted((one for one in losses if math.isfinite(one[0])), key=lambda one: one[0])


def _several(run: FinishedRun) -> bool:
    return len(run.seed_losses) > 1


def _variance(run: FinishedRun) -> float:
    """Return the variance of the mean over the seeds."""
    return float(run.seed_losses.var(ddof=1)) / len(run.seed_losses)


def _alike(values: Any) -> bool:
    return len(set(values)) == 1


def _code(value: object) -> str:
    """Write a setting so that nothing of it can end Markdown's code."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(x for x in text if x.isalnum() or x in "._+-")


def _name(run: FinishedRun) -> str:
    return f"*{escape(run.name)}*"


def _names(runs: Runs) -> str:
    return enumerate_all([_name(run) for run in runs])
