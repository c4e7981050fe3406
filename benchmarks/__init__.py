"""How fast ChatMiMo is, beside other chat models and the floors beneath them all.

`make benchmark` runs everything; `python -m benchmarks --help` tells what can be left out.
"""
