"""Damages files of the collection at random, by a seed, and makes every public call with them.

`runner.run` starts worker processes, so that a crash or a hang of a native library is a failure
with a case number, not the end of the tests. A case is fully given by seed and number.
"""
