"""From numbers to pages: figures, tables, sentences, the assembled report and its two exporters."""
