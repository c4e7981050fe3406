"""Measures ChatMiMo's speed and memory against other chat models and two kinds of floor.

`make benchmark` runs everything; `python -m benchmarks --help` lists the options.
"""
