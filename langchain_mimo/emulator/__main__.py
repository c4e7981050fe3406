"""The command line: `python -m langchain_mimo.emulator --port 8123`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from langchain_mimo.emulator.expected import Expected
from langchain_mimo.emulator.faults.queue import ArmedFault, fault_lines, parse_fault
from langchain_mimo.emulator.server import MiMoEmulator
from langchain_mimo.emulator.settings import DATE, FOLDER, HOST, KEY, PORT

_MAX_RECORDED = 100
"""Requests that the command line's emulator keeps."""


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    command = argparse.ArgumentParser(
        prog="python -m langchain_mimo.emulator",
        description="Run a local emulator of MiMo's API.",
        epilog="faults:\n" + "\n".join(f"  {line}" for line in fault_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--port",
        type=_port,
        default=8123,
        help="TCP port to listen on, 0 for a free one (default: 8123)",
    )
    command.add_argument(
        "--host",
        type=_checked(HOST),
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1)",
    )
    command.add_argument("--api-key", type=_key, help="API key to accept (default: sk-emulator)")
    command.add_argument(
        "--as-of",
        type=_checked(DATE),
        metavar="DATE",
        help="date to simulate, such as 2026-04-22 (default: today)",
    )
    command.add_argument(
        "--lenient", action="store_true", help="accept tool calls without their reasoning_content"
    )
    command.add_argument(
        "--strict-parameters",
        action="store_true",
        help="refuse parameters that MiMo does not know, instead of ignoring them as MiMo does",
    )
    command.add_argument(
        "--cors", action="store_true", help="let the pages of all web sites read responses"
    )
    command.add_argument(
        "--media-root",
        action="append",
        default=[],
        metavar="PREFIX=DIR",
        type=_mapping,
        help="serve URLs that start with PREFIX from the files in DIR; may be repeated",
    )
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="NAME[:KEY=VALUE,...]",
        help="inject a fault, such as cut_after:bytes=100,times=2; times=None repeats it without "
        "end, skip and every select the requests; may be repeated",
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
            strict_parameters=options.strict_parameters,
            media_root=dict(options.media_root),
            cors=options.cors,
            keep_bodies=False,
            max_recorded=_MAX_RECORDED,
        )
        for fault in options.fault:
            emulator.arm(fault)
        emulator.start()
    except ImportError as error:
        command.exit(1, f"{error}\n")
    except OSError as error:
        command.exit(1, f"cannot start the emulator: {error.strerror}\n")
    sys.stdout.write(f"MiMo emulator ready at {emulator.base_url} (key {emulator.api_key})\n")
    sys.stdout.flush()
    stopped.wait()
    emulator.stop()
    return 0


def _mapping(text: str) -> tuple[str, str]:
    prefix, separator, folder = text.rpartition("=")
    if not separator or not prefix or not folder:
        raise argparse.ArgumentTypeError(f"must be PREFIX=DIR, got {text!r}")
    return prefix, _checked(FOLDER)(folder)


def _checked(expected: Expected) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not expected.fits(text):
            raise argparse.ArgumentTypeError(f"must be {expected.description}, got {text!r}")
        return text

    return check


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and PORT.fits(int(text))):
        raise argparse.ArgumentTypeError(f"must be {PORT.description}, got {text!r}")
    return int(text)


def _key(text: str) -> str:
    if not KEY.fits(text):  # the message must not contain the key
        raise argparse.ArgumentTypeError(f"must be {KEY.description}")
    return text


def _fault(text: str) -> ArmedFault:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
