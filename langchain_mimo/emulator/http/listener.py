"""Opens the socket that the emulator listens on."""

from __future__ import annotations

import errno
import os
import socket


def open_listener(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to an address.

    Args:
        host: A host name or an IP address of this machine.
        port: The port; 0 for a free one.

    Raises:
        OSError: The port is in use, or the host is not an address of this machine; the message
            names both, and what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm (40 ms per response) only if the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:  # UnicodeError: not a valid host name
        listener.close()
        code = error.errno if isinstance(error, OSError) else errno.EADDRNOTAVAIL
        place = f"[{host}]" if ":" in host else host
        raise OSError(code, f"cannot listen on {place}:{port}: {_explain(error)}") from None
    return listener


def _explain(error: OSError | UnicodeError) -> str:
    """Say why an address cannot be used, and what to do."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            f"{os.strerror(errno.EADDRINUSE)}; stop the program that uses it, or choose another "
            "port with --port (0 for a free one), in Python with port="
        )
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"{os.strerror(errno.EACCES)}; choose a port above 1023 with --port or port="
    reason = error.strerror if isinstance(error, OSError) else "not a valid host name"
    return f"{reason}; choose an address of this machine with --host or host=, such as 127.0.0.1"
