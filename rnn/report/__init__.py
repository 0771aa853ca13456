"""From numbers to pages: figures, tables, the assembled report and its two exporters."""

import sys

# jsonschema, which nbformat loads, would spend seconds on building the grammar of this optional
# format check; no notebook's schema asks for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
