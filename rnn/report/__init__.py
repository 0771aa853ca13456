"""From numbers to pages: figures, tables, the assembled report and its two exporters."""
