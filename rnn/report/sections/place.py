"""The smooth loss and the place in the text: the lowest may fall where the text is easiest."""

import numpy as np
import pandas as pd

from rnn.report.sections.words import count
from rnn.settings import Settings

__all__ = ["lowest_places", "place_alt", "place_caption", "place_reading", "places_differ"]

_LOOKS_BACK = 1000  # updates after which a loss counts 1/e in the smooth loss
_CLOSE = 0.1  # of the text: lowest losses within this much lie close together


def lowest_places(history: pd.DataFrame, updates_per_epoch: int) -> pd.DataFrame:
    """Find the lowest smooth loss of every epoch.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``epoch`` and ``smooth_loss``.
    updates_per_epoch : int
        Updates that read the text once.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: ``epoch``, ``update``, ``place`` (how much of the text was read then, 0
        to 1), ``lowest``, ``highest``, ``complete`` (whether the epoch was read to its end).
        Epochs without a finite loss have none.
    """
    rows = []
    last = history["update"].max()
    for epoch, part in history[np.isfinite(history["smooth_loss"])].groupby("epoch"):
        lowest = part.loc[part["smooth_loss"].idxmin()]
        update = int(lowest["update"])
        place = ((update - 1) % updates_per_epoch + 1) / updates_per_epoch
        rows.append(
            (epoch, update, place, lowest["smooth_loss"], part["smooth_loss"].max(),
             bool(last >= epoch * updates_per_epoch))
        )  # fmt: skip
    columns = ["epoch", "update", "place", "lowest", "highest", "complete"]
    return pd.DataFrame(rows, columns=columns)


def places_differ(history: pd.DataFrame, updates_per_epoch: int, settings: Settings) -> str:
    """Say why the smooth loss cannot be held against the place in the text; empty if it can."""
    if settings.order != "sequential" or settings.batch_size > 1:
        how = {
            "sequential": f"in {settings.batch_size} streams at once",
            "chunks": "in shuffled chunks",
            "random": "at random positions",
        }[settings.order]
        return (
            f"The text was read {how}, so that an update stands for no one place in it: the "
            "lowest smooth loss is not that of the easiest pages."
        )
    if updates_per_epoch < 5 * _LOOKS_BACK:
        return (
            f"The smooth loss looks back over some {_LOOKS_BACK:,} updates and an epoch has "
            f"{updates_per_epoch:,}, so that it cannot tell easy pages of the text from hard ones."
        )
    if lowest_places(history, updates_per_epoch)["complete"].sum() < 2:
        return (
            "The text was not read twice to its end, so that it cannot be seen whether the lowest "
            "smooth loss falls at the same place every time."
        )
    return ""


def place_caption(history: pd.DataFrame, updates_per_epoch: int) -> str:
    """Caption the figure of the smooth loss against the place in the text."""
    first = (
        " The first epoch's fall from the start is cut off."
        if len(lowest_places(history, updates_per_epoch)) > 1
        else ""
    )
    return (
        "Smooth loss against the place in the text, one line an epoch, the later the darker. The "
        f"dots mark the lowest smooth loss of each epoch.{first}"
    )


def place_alt(history: pd.DataFrame, updates_per_epoch: int) -> str:
    """Tell the figure to those who cannot see it."""
    lowest = lowest_places(history, updates_per_epoch)
    told = "; ".join(
        f"epoch {row['epoch']}: {row['lowest']:.1f} at {row['place']:.2f} of the text"
        for row in lowest.to_dict("records")
    )
    return f"Curves of the smooth loss over the text, one an epoch. Lowest in {told}."


def place_reading(history: pd.DataFrame, updates_per_epoch: int, settings: Settings) -> str:
    """Say where in the text the lowest smooth losses fall, and what that means."""
    why_not = places_differ(history, updates_per_epoch, settings)
    if why_not:
        return why_not
    part = "the part of the text that was trained on" if settings.held_out else "the text"
    table = lowest_places(history, updates_per_epoch)
    table = table[table["complete"]]
    later = table[table["epoch"] > 1]
    swing = float((later["highest"] - later["lowest"]).mean())
    fall = -float(np.diff(table["lowest"]).mean())
    unit = "nats" if settings.loss == "mean" else "nats a segment"
    sentences = [
        f"After the first epoch, which falls from the start, the smooth loss goes up and down by "
        f"{swing:.2f} {unit} within an epoch{'' if len(later) == 1 else ' on average'}; from one "
        f"epoch to the next its lowest value {'falls' if fall >= 0 else 'rises'} by {abs(fall):.2f}"
        f"{'' if len(later) == 1 else ' on average'}."
    ]
    begin, end = _arc(later["place"].to_numpy())
    width = (end - begin) % 1
    if len(later) == 1:
        sentences.append(
            f"The lowest smooth loss of the second epoch falls at {end:.2f} of {part}; one such "
            "place does not show whether it is always the same."
        )
    elif width <= _CLOSE:
        where = (
            f"between {begin:.2f} and {end:.2f} of {part}"
            if begin <= end
            else f"between {begin:.2f} of {part} and {end:.2f} of its next reading"
        )
        if f"{begin:.2f}" == f"{end:.2f}":
            where = f"at {end:.2f} of {part}"
        sentences.append(
            f"The lowest smooth loss of each of these {len(later)} epochs falls {where}."
        )
        if swing > fall:
            sentences.append(
                "So the lowest smooth loss says as much about the text as about the model: it is "
                "reached where the text is easiest to predict, and a loss over the whole text is "
                "the fairer measure of a model."
            )
    else:
        spread = ", ".join(f"{place:.2f}" for place in later["place"])
        sentences.append(
            f"The lowest smooth losses of the {count(len(later), 'epoch')} after the first fall at "
            f"{spread} of {part}, not all at one place."
        )
    sentences.append(
        f"A loss counts in the smooth loss for some {_LOOKS_BACK:,} updates, "
        f"{_LOOKS_BACK / updates_per_epoch:.2f} of {part}, after it was read."
    )
    return " ".join(sentences)


def _arc(places: np.ndarray) -> tuple[float, float]:
    """Return the begin and the end of the shortest arc with all places, as one reads in circles."""
    around = np.sort(places)
    gaps = np.diff(np.append(around, around[0] + 1))
    widest = int(np.argmax(gaps))
    return float(around[(widest + 1) % len(around)]), float(around[widest])
