"""The systems that are compared, each in a file of its own.

Each has a function ``prepare(problem)`` that returns a function ``run(updates, eta)``, which trains
from the first parameters for so many updates and returns the loss of each, as float64.
"""
