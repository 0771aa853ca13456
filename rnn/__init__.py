"""A character-level recurrent network with hand-written gradients, and the report about it."""

import os
from pathlib import Path

from rnn.errors import ReportError, shown

_source_tree = Path(__file__).resolve().parent.parent

#: The folder that holds ``data/`` and ``reports/``: the source tree that the package is used from,
#: or the working directory where the package was installed without one.
ROOT = _source_tree if (_source_tree / "notebooks").is_dir() else Path.cwd()

# Numba meets another value with a traceback.
_threads = os.environ.get("NUMBA_NUM_THREADS", "1")
if not (_threads.isdecimal() and int(_threads)):
    raise ReportError(
        f"NUMBA_NUM_THREADS: expected a whole number of at least 1, got {shown(_threads)}; unset it"
    )
