"""What single hidden units tell: the table, the coloured text and the sentences."""

import numpy as np
import pandas as pd

from rnn.analysis.hidden_units import CLEARLY, FEATURES, Stretch
from rnn.report.sections.figures_meaning import Passage
from rnn.report.sections.words import count, enumerate_all
from rnn.report.show_old import escape

__all__ = [
    "clear_units",
    "passages",
    "units_alt",
    "units_caption",
    "units_reading",
    "units_table_caption",
    "units_view",
]

_SHOWN = 3  # units whose text is coloured
_PASSAGE = 252  # characters of a passage


def clear_units(table: pd.DataFrame) -> pd.DataFrame:
    """Return the features that a unit tells clearly, those told best over chance first.

    Parameters
    ----------
    table : pandas.DataFrame
        From `rnn.analysis.hidden_units.tell`.
    """
    clear = table[table["clear"].astype(bool)]
    gain = clear["score"] - clear["character_alone"]
    return clear.loc[gain.sort_values(ascending=False, kind="stable").index]


def units_view(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the table of what units tell into one to be shown: clear ones alone."""
    clear = clear_units(table)
    return pd.DataFrame(
        {
            "feature": clear["feature"],
            "unit": clear["unit"].map(str),
            "measure": clear["measure"],
            "unit's score": clear["score"].map("{:.2f}".format),
            "character alone": clear["character_alone"].map("{:.2f}".format),
        }
    ).reset_index(drop=True)


def passages(stretch: Stretch, table: pd.DataFrame) -> list[Passage]:
    """Choose the units and the text to be coloured.

    Of the clearly told features the three in which the unit surpasses the character just read
    most, each with a unit of its own; of the stretch's second half, for a yes-or-no feature the
    passage with the most equal share of both, else the first.
    """
    chosen = clear_units(table).drop_duplicates("unit").head(_SHOWN)
    by_name = {feature.name: feature for feature in FEATURES}
    found = []
    for row in chosen.to_dict("records"):
        begins = np.arange(stretch.half, max(len(stretch.text) - _PASSAGE, stretch.half) + 1)
        begin = stretch.half
        values = by_name[row["feature"]].values(stretch.text)
        if values.dtype == bool:
            yes = np.append(0, np.cumsum(values))
            ends = np.minimum(begins + _PASSAGE, len(values))
            uneven = np.abs((yes[ends] - yes[begins]) / (ends - begins) - 0.5)
            begin = int(begins[np.argmin(uneven)])
        part = slice(begin, begin + _PASSAGE)
        score = f"{row['measure']} {row['score']:.2f}"
        high = "high" if row["sign"] > 0 else "low"
        title = f"unit {row['unit']}, {high}: {row['feature']} ({score})"
        H = stretch.H[part, row["unit"] - 1].astype(float)
        found.append(Passage(title, stretch.text[part], H))
    return found


def units_table_caption(stretch: Stretch) -> str:
    """Caption the table of what units tell."""
    return (
        f"What single units tell clearly of {len(stretch.text) - stretch.half:,} characters that "
        "had no part in choosing them, beside what the character just read tells alone."
    )


def units_caption(shown: list[Passage]) -> str:
    """Caption the coloured text."""
    whose = "a hidden unit" if len(shown) == 1 else f"{len(shown)} hidden units"
    return (
        f"Text of the book that had no part in the choice of the units, coloured by the activation "
        f"of {whose} after each character was read: orange is positive, blue with a bar below is "
        "negative, white is near zero. A line end is shown as ↵, a character without a glyph by "
        "its code point."
    )


def units_alt(shown: list[Passage]) -> str:
    """Tell the coloured text to those who cannot see it."""
    told = "; ".join(
        f"{passage.title}, positive at {np.mean(passage.activations > 0):.0%} of "
        f"{len(passage.text)} characters"
        for passage in shown
    )
    return f"Passages of text, each character on a colour for a hidden unit's activation: {told}."


def units_reading(stretch: Stretch, table: pd.DataFrame) -> str:
    """Say which features units tell, and which of them need a memory."""
    if table.empty:
        return (
            "The text is too short, or too much the same, to ask what single hidden units tell "
            "about it."
        )
    clear = clear_units(table)
    asked = (
        f"I looked for units that tell {count(len(table), 'feature')} of the text by a single "
        f"number, their activation. On {stretch.half:,} characters the unit that tells each best "
        f"was chosen among {stretch.H.shape[1]:,}, on the {len(stretch.text) - stretch.half:,} "
        "that follow it was measured: by the area under the curve (AUC), the probability that the "
        "activation tells a character with the feature from one without (chance: 0.5), or by "
        "Spearman's rank correlation (chance: 0)."
    )
    bounds = f"an AUC of {CLEARLY['AUC']} or a correlation of {CLEARLY['rank correlation']}"
    if clear.empty:
        return f"{asked} No unit reaches {bounds} for any of them."
    sentences = [
        asked,
        f"For {len(clear)} of the {len(table)} a unit reaches {bounds}."
        if len(clear) < len(table)
        else f"For {'each' if len(table) > 1 else 'it'} a unit reaches {bounds}.",
    ]
    more = clear[clear["score"] - clear["character_alone"] >= 0.01]
    if len(more):
        told = [
            f"unit {row['unit']} tells '{escape(row['feature'])}' with {row['score']:.2f}, where "
            f"the character alone gives {row['character_alone']:.2f}"
            for row in more.to_dict("records")
        ]
        sentences.append(
            "To tell more than the character just read does by itself takes a memory of what came "
            f"before: {'; '.join(told)}."
        )
    else:
        sentences.append(
            "None of them tells more than the character just read does by itself, so none shows a "
            "memory of what came before."
        )
    missed = table[~table["clear"].astype(bool)]
    if len(missed):
        names = [f"'{escape(name)}'" for name in missed["feature"]]
        sentences.append(f"No single unit tells {enumerate_all(names, 'or')} clearly.")
    return " ".join(sentences)
