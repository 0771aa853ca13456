"""The engine of this project and its peers, measured side by side: ``make bench``.

The reading order of this package: `problem` is what every system is given, `peers` are the
systems, `worker` is the process that each runs in, `measure` takes turns between them, `studies`
says what is measured, `output` writes it down.
"""
