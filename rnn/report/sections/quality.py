"""The reading of the synthesized texts: words, frequencies, copying and names, told in numbers."""

import math

import pandas as pd

from rnn.analysis.text_quality import Book
from rnn.report.sections.words import enumerate_all, percent
from rnn.report.show_old import escape

__all__ = [
    "quality_alt",
    "quality_caption",
    "quality_reading",
    "quality_view",
    "table_caption",
]

_CHANGED = 0.1  # shares that differ by less are said to have hardly changed
_AS_NEAR = 0.1  # of the book's own difference, or of what it lacks to 1: so much more is as near
_BY_HEART = 2  # times what the book repeats of itself: longer copies look learned by heart


def quality_view(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a `rnn.analysis.text_quality.quality_table` into one to be shown.

    Columns that say nothing in any snapshot (words of a text without words, names of one
    without names) are left out.
    """
    view = {
        "update": [f"{update:,}" for update in table["update"]],
        "smooth loss": [f"{loss:.4f}" for loss in table["smooth_loss"]],
        "words": table["words"].map(percent),
        "words of 4+ letters": table["long_words"].map(percent),
        "characters off": table["characters_off"].map(percent),
        "pairs off": table["pairs_off"].map(percent),
        "copied": table["copied"].map(str),
        "new names": [", ".join(names) for names in table["names"]],
    }
    if table["words"].isna().all():
        del view["words"], view["words of 4+ letters"]
    if not table["names"].map(len).any():
        del view["new names"]
    return pd.DataFrame(view)


def table_caption(figure: str) -> str:
    """Caption the table of the texts' quality, whose columns the figure's caption explains."""
    return f"The numbers behind [Figure](#{figure}), and the names that no earlier snapshot has."


def quality_caption(table: pd.DataFrame, own: dict[str, float]) -> str:
    """Caption the figure of the texts' quality."""
    words = (
        ""
        if table["words"].isna().all()
        else "the share of the words that are words of the book, of all and of those with at least "
        "four letters; "
    )
    dashed = (
        ""
        if math.isnan(own["copied"])
        else " Stretches of the book itself, as long as a snapshot (thin dotted lines), are "
        f"{own['characters_off']:.0%} and {own['pairs_off']:.0%} off and have "
        f"{own['copied']:.1f} characters in a row that stand elsewhere in it, on average."
    )
    return (
        f"The snapshots beside the book: {words}how many of the characters, and of the pairs of "
        "neighbours, are off, which means too many to be as frequent as in the book (the total "
        "variation distance); the characters of the longest stretch copied from the book."
        f"{dashed}"
    )


def quality_alt(table: pd.DataFrame) -> str:
    """Tell the figure to those who cannot see it."""
    first, last = table.iloc[0], table.iloc[-1]
    told = [
        f"{name} from {percent(first[column])} to {percent(last[column])}"
        for name, column in (
            ("words of the book", "words"),
            ("words of at least four letters", "long_words"),
            ("characters off", "characters_off"),
            ("pairs off", "pairs_off"),
        )
        if not table[column].isna().all()
    ]
    told.append(f"longest stretch copied from {first['copied']} to {last['copied']} characters")
    return (
        f"Curves over the updates, from the first snapshot at update {first['update']:,} to the "
        f"last at update {last['update']:,}: {'; '.join(told)}."
    )


def quality_reading(table: pd.DataFrame, book: Book, own: dict[str, float]) -> str:
    """Say what the snapshots are like and how that changed, in one or two paragraphs.

    Parameters
    ----------
    table : pandas.DataFrame
        From `rnn.analysis.text_quality.quality_table`.
    book : Book
        What was learned from.
    own : dict
        What `Book.own` gives for the length of a snapshot.
    """
    if table.empty:
        return "There is no snapshot to read."
    first = " ".join(filter(None, [_words(table, book), _frequencies(table, own)]))
    second = " ".join(filter(None, [_names(table, book), _copying(table, own)]))
    return f"{first}\n\n{second}"


def _words(table: pd.DataFrame, book: Book) -> str:
    if not book.has_words:
        return (
            "Most words of this text, as far as blanks set words apart, occur in it only once, so "
            "that synthesized words are not held against it."
        )
    known = table.dropna(subset=["words"])
    if known.empty:
        return "No snapshot has a whole word."
    last = known.iloc[-1]
    if len(known) == 1:
        return (
            f"Before update {last['update']:,}, {_share(last['words'])} of the synthesized words "
            f"are words of the book{_long(last)}."
        )
    begin = known.iloc[0]
    text = (
        f"Before update {begin['update']:,}, {_share(begin['words'])} of the synthesized words are "
        f"words of the book{_long(begin)}; before update {last['update']:,} it is "
        f"{_share(last['words'])}{_long(last)}."
    )
    if begin["words"] - begin["long_words"] >= _CHANGED:
        text += " Letters drawn by chance make short words, so that the longer ones tell more."
    column = "words" if known["long_words"].isna().any() else "long_words"
    which = "words" if column == "words" else "words of at least four letters"
    change = last[column] - begin[column]
    if change >= _CHANGED:
        done = "has learned to spell" if last[column] >= 0.5 else "begins to spell"
        best = known.iloc[int(known[column].to_numpy().argmax())]
        text += f" So the network {done}"
        if best[column] - last[column] >= _CHANGED:
            text += (
                f"; it did so best before update {best['update']:,}, with {best[column]:.0%} of "
                f"real {which}"
            )
        elif last["words"] < 1:
            text += f", while {1 - last['words']:.0%} of its words are made up"
        text += "."
    elif change <= -_CHANGED:
        text += f" The share of real {which} fell: the later model spells worse than the first."
    else:
        text += f" The share of real {which} hardly changed."
    return text


def _share(share: float) -> str:
    return {0.0: "none", 1.0: "all"}.get(share, f"{share:.0%}")


def _long(row: pd.Series) -> str:
    share = row["long_words"]
    return "" if math.isnan(share) else f" ({_share(share)} of those with at least four letters)"


def _frequencies(table: pd.DataFrame, own: dict[str, float]) -> str:
    known = table.dropna(subset=["characters_off", "pairs_off"])
    if known.empty:
        return ""
    begin, last = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        text = (
            f"Of its characters {begin['characters_off']:.0%}, and of its pairs of characters "
            f"{begin['pairs_off']:.0%}, are too many to be as frequent as in the book."
        )
    else:
        text = (
            f"Of the characters {begin['characters_off']:.0%} are too many at first to be as "
            f"frequent as in the book, in the last snapshot {last['characters_off']:.0%}; of the "
            f"pairs of characters it is {begin['pairs_off']:.0%} and {last['pairs_off']:.0%}."
        )
    if math.isnan(own["pairs_off"]):
        return text
    near = known[_near(known, own, "characters_off") & _near(known, own, "pairs_off")]
    text += (
        " A stretch of the book itself, as long as a snapshot, has "
        f"{own['characters_off']:.0%} and {own['pairs_off']:.0%}"
    )
    if near.empty:
        return f"{text}, which no snapshot comes near."
    return (
        f"{text}: the snapshot before update {near['update'].iloc[0]:,} is the first whose "
        "characters and pairs are as near to the book's frequencies as that."
    )


def _near(table: pd.DataFrame, own: dict[str, float], column: str) -> pd.Series:
    return table[column] <= own[column] + _AS_NEAR * min(own[column], 1 - own[column])


def _names(table: pd.DataFrame, book: Book) -> str:
    seen = [
        f"{escape(name)} ({row['update']:,})"
        for row in table.to_dict("records")
        for name in row["names"]
    ]
    if seen:
        if len(seen) == len(book.names):
            some = f"all {len(seen)} appear" if len(seen) > 1 else "the only one appears"
        else:
            some = f"{len(seen)} of the {len(book.names)} most frequent "
            some += "appears" if len(seen) == 1 else "appear"
        return (
            f"Of the book's recurring names {some} in the snapshots, here with the update of the "
            f"first: {enumerate_all(seen)}."
        )
    if book.names:
        most = enumerate_all([escape(name) for name in book.names[:3]])
        one = "name" if len(book.names) == 1 else "names"
        such = ", " if len(book.names) == 1 else ", such as "
        return f"The book's recurring {one}{such}{most}, {_appear(len(book.names))}."
    return ""


def _appear(names: int) -> str:
    return "does not appear in any snapshot" if names == 1 else "do not appear in any snapshot"


def _copying(table: pd.DataFrame, own: dict[str, float]) -> str:
    row = table.iloc[int(table["copied"].to_numpy().argmax())]
    if not row["copied"]:
        return "No character of the snapshots stands in the book."
    text = (
        f"The longest stretch that stands in the book word for word has {row['copied']:,} of the "
        f"{row['length']:,} characters of its snapshot, “{escape(row['copy'])}” (before update "
        f"{row['update']:,})."
    )
    if math.isnan(own["copied"]):
        return text
    shared = (
        f"Stretches of the book itself have {own['copied']:.1f} characters in a row, on average, "
        "that stand elsewhere in it too"
    )
    if row["copied"] <= own["copied"]:
        return f"{text} {shared}: the network writes its own text and does not recite."
    if row["copied"] <= _BY_HEART * own["copied"]:
        return f"{text} {shared}, so that this is nothing unusual."
    return f"{text} {shared}: so long a copy looks learned by heart."
