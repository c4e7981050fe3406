"""The command line: `python -m langchain_mimo.emulator --port 8123`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from langchain_mimo.emulator.expected import Expected
from langchain_mimo.emulator.faults.table import ArmedFault, fault_lines, parse_fault
from langchain_mimo.emulator.server import MiMoEmulator
from langchain_mimo.emulator.settings import DAY, FOLDER, HOST, KEY, PORT

_RECORDED = 100


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    command = argparse.ArgumentParser(
        prog="python -m langchain_mimo.emulator",
        description="MiMo's API on this machine, strict.",
        epilog="faults:\n" + "\n".join(f"  {line}" for line in fault_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--port", type=_port, default=8123, help="TCP port, 0 for a free one")
    command.add_argument(
        "--host", type=_checked(HOST), default="127.0.0.1", help="address to listen on"
    )
    command.add_argument("--api-key", type=_key, help="the key it takes (default: sk-emulator)")
    command.add_argument(
        "--as-of",
        type=_checked(DAY),
        metavar="DAY",
        help="the day it pretends, such as 2026-04-22",
    )
    command.add_argument(
        "--lenient", action="store_true", help="take tool calls without their reasoning_content"
    )
    command.add_argument(
        "--media-root",
        action="append",
        default=[],
        metavar="PREFIX=DIR",
        type=_mapping,
        help="serve addresses that begin with PREFIX from the files in DIR; may be repeated",
    )
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="NAME[:KEY=VALUE,...]",
        help="let something go wrong, such as cut_after:bytes=100,times=2; times=None for always, "
        "skip and every choose requests; may be repeated",
    )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted or terminated; print one line when ready."""
    command = parser()
    options = command.parse_args(arguments)
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    try:
        emulator = MiMoEmulator(
            options.api_key,
            port=options.port,
            host=options.host,
            as_of=options.as_of,
            lenient=options.lenient,
            media_root=dict(options.media_root),
            keep_bodies=False,
            max_recorded=_RECORDED,
        )
        for fault in options.fault:
            emulator.arm(fault)
        emulator.start()
    except ImportError as error:
        command.exit(1, f"{error}\n")
    except OSError as error:
        command.exit(1, f"The emulator cannot start: {error.strerror}\n")
    sys.stdout.write(f"MiMo emulator ready at {emulator.base_url} (key {emulator.api_key})\n")
    sys.stdout.flush()
    stopped.wait()
    emulator.stop()
    return 0


def _mapping(text: str) -> tuple[str, str]:
    prefix, separator, folder = text.rpartition("=")
    if not separator or not prefix or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not PREFIX=DIR")
    return prefix, _checked(FOLDER)(folder)


def _checked(expected: Expected) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not expected.fits(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected.words}")
        return text

    return check


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and PORT.fits(int(text))):
        raise argparse.ArgumentTypeError(f"{text!r} is not {PORT.words}")
    return int(text)


def _key(text: str) -> str:
    if not KEY.fits(text):  # a key is nothing to be shown
        raise argparse.ArgumentTypeError(f"this is not {KEY.words}")
    return text


def _fault(text: str) -> ArmedFault:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
