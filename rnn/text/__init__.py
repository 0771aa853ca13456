"""Texts: their encodings, their characters, and the order in which they are read."""
