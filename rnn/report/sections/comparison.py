"""Losses over the whole text: models beside one another and beside what needs no network."""

import math

import pandas as pd

from rnn.report.sections.words import enumerate_all
from rnn.report.show_old import escape

__all__ = ["comparison_alt", "comparison_caption", "comparison_reading", "comparison_table"]

Losses = dict[str, float]


def comparison_table(models: Losses, baselines: Losses) -> pd.DataFrame:
    """Put losses into a table, the baselines first.

    Parameters
    ----------
    models, baselines : dict
        From a name, such as 'last model', to nats a character over the whole text; not a number
        where there is none.

    Returns
    -------
    pandas.DataFrame
        One row a name: ``nats a character``, ``bits a character``, ``perplexity``, as text.
    """
    rows = [
        (f"{nats:.4f}", f"{nats / math.log(2):.4f}", f"{math.exp(nats):.3f}")
        if math.isfinite(nats)
        else ("–",) * 3
        for nats in (*baselines.values(), *models.values())
    ]
    columns = ["nats a character", "bits a character", "perplexity"]
    return pd.DataFrame(rows, columns=columns, index=[*baselines, *models])


def comparison_caption(models: Losses) -> str:
    """Caption the table or the figure of the losses."""
    whose = f"{len(models)} models" if len(models) > 1 else "the model"
    return (
        f"Loss of {whose} over the whole text, read once from the state that training left, "
        "beside what can be predicted by counting the characters and pairs of the same text."
    )


def comparison_alt(models: Losses, baselines: Losses) -> str:
    """Tell the figure to those who cannot see it."""
    told = "; ".join(
        f"{name} {nats:.3f}" if math.isfinite(nats) else f"{name} none"
        for name, nats in {**baselines, **models}.items()
    )
    return f"Dots on an axis of nats a character: {told}."


def comparison_reading(models: Losses, baselines: Losses) -> str:
    """Say which model predicts the whole text best, and what the network adds to counting."""
    finite = {name: nats for name, nats in models.items() if math.isfinite(nats)}
    if not finite:
        return "No model has a finite loss over the whole text."
    best = min(finite, key=lambda name: finite[name])
    sentences = [
        f"Over the whole text {_the(best)} has {'the lowest' if len(finite) > 1 else 'a'} loss"
        f"{' of' if len(finite) == 1 else ','} {finite[best]:.4f} nats or "
        f"{finite[best] / math.log(2):.4f} bits a character."
    ]
    others = [
        f"{_the(name)} has {nats - finite[best]:.4f} nats more"
        if round(nats - finite[best], 4)
        else f"{_the(name)} has the same"
        for name, nats in finite.items()
        if name != best
    ]
    if others:
        told = enumerate_all(others)
        sentences.append(f"{told[0].upper()}{told[1:]}.")
    weakest_first = sorted(baselines, key=lambda name: -baselines[name])
    beaten = [name for name in weakest_first if baselines[name] > finite[best]]
    if len(beaten) == len(baselines) and beaten:
        strongest = baselines[beaten[-1]]
        sentences.append(
            f"Counting cannot do this: {escape(beaten[-1])} of the same text give {strongest:.4f} "
            f"nats, {1 - finite[best] / strongest:.0%} of which the network saves."
        )
    elif beaten:
        missed = next(name for name in weakest_first if name not in beaten)
        sentences.append(
            f"That is better than {escape(beaten[-1])} ({baselines[beaten[-1]]:.4f} nats) but not "
            f"than {escape(missed)} ({baselines[missed]:.4f})."
        )
    else:
        sentences.append("That is no better than counting: the network has learned nothing yet.")
    return " ".join(sentences)


def _the(name: str) -> str:
    return f"the {escape(name)}"
