"""One subject of the report a module, with its sentences beside it in Markdown."""
