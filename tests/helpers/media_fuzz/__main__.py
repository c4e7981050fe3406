"""The worker: runs the cases of one seed and prints one JSON line before and after each.

python -m media_fuzz SEED FIRST END STEP
"""

import faulthandler
import json
import pathlib
import resource
import sys
import tempfile
import traceback

from media_fuzz.calls import check
from media_fuzz.mutants import make_mutant

CASE_SECONDS = 60
"""A case takes milliseconds; one that takes this long hangs."""

ADDRESS_SPACE = 6 * 2**30
"""Bytes. A guard for the machine; what counts is the peak of resident memory."""


def main(seed, first, end, step):
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for number in range(first, end, step):
        mutant = make_mutant(seed, number)
        say(case=number, how=mutant.how)
        # Its watchdog is a thread of C: it ends the process even when a library hangs.
        faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
        error = None
        try:
            check(mutant)
        except Exception:
            error = f"{saved(mutant)}\n{traceback.format_exc()}"
        faulthandler.cancel_dump_traceback_later()
        say(done=number, error=error, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def saved(mutant):
    """Save a mutant that failed: another collection has other mutants of the same number."""
    path = pathlib.Path(tempfile.gettempdir(), f"fuzz-{mutant.seed}-{mutant.number}")
    path.write_bytes(mutant.data)
    return f"The file is {path}."


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
