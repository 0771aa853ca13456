"""From executed notebooks to the PDF and the HTML page."""

import sys

# nbformat loads jsonschema, which takes more than a second to build the grammar of a format that
# no notebook's schema has.  It does without where that cannot be imported, as here for a moment.
_GRAMMAR = "rfc3987_syntax"
if _GRAMMAR not in sys.modules:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
    try:
        import nbformat as nbformat
    finally:
        del sys.modules[_GRAMMAR]
