"""What others report for the assignment's own book, to hold a run against."""

from rnn.settings import Settings

__all__ = ["published_points"]

# The assignment's handouts (KTH DD2424, Assignment 4) print the smooth loss of the staff's own
# run; 'students' are lowest smooth losses in reports that were made public, all with the classic
# settings on this book: the third is the report that this project re-creates.
_CLASSIC = {
    "course staff": [(1, 109.236), (1000, 86.412), (4000, 60.063), (30_000, 47.612),
                     (363_000, 39.451)],
    "students": [(256_086, 42.23), (441_000, 39.21), (308_052, 40.0659)],
}  # fmt: skip
_2026 = {
    "course staff": [(1, 4.605), (1000, 3.381), (4000, 2.260), (30_000, 1.786), (150_000, 1.534)]
}


def published_points(
    name: str, settings: Settings, last_update: int
) -> dict[str, list[tuple[int, float]]]:
    """Return the published smooth losses that a run can be held against.

    Parameters
    ----------
    name : str
        The corpus's; only 'goblet' has any.
    settings : Settings
        Losses are comparable only if the units are: the course's settings and defaults.
    last_update : int
        Later points are left out.

    Returns
    -------
    dict
        From who reports them to updates with their smooth losses; empty if there are none.
    """
    s = settings
    if name != "goblet" or s.held_out or s.document_end or s != _course(s):
        return {}
    published = _2026 if s.course == "2026" else _CLASSIC
    within = {
        who: sorted(point for point in points if point[0] <= last_update)
        for who, points in published.items()
    }
    return {who: points for who, points in within.items() if points}


def _course(settings: Settings) -> Settings:
    """Return the course's own settings, for as long and with the snapshots that were asked for."""
    kept = ("epochs", "max_updates", "snapshot_every", "snapshot_length", "seed", "dtype", "course")
    return Settings(**{name: getattr(settings, name) for name in kept})
