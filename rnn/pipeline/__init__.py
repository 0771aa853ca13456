"""What the Makefile calls around its steps, run by path with the standard library alone."""
