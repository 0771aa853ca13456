"""From numbers to pages: figures, tables, sentences, the assembled report and its two exporters."""

import os

from rnn.errors import ReportError, shown

# matplotlib meets a backend that it does not know with a traceback.
if (_backend := os.environ.get("MPLBACKEND", "module://")) and "://" not in _backend:
    try:
        import matplotlib  # noqa: F401
    except ValueError:
        raise ReportError(
            f"MPLBACKEND: expected a backend of matplotlib, got {shown(_backend)}; unset it"
        ) from None
