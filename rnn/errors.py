"""The one family of errors that a person is meant to read."""

__all__ = ["ReportError"]


class ReportError(Exception):
    """Something a person can put right, said in one line.

    The message follows the pattern 'expected ..., got ...; do ...'.  In a notebook it is shown
    as that line alone, without a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the message instead of the stack."""
        return [f"{type(self).__name__}: {self}"]
