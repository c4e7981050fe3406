"""A lock that a fork waits for.

A process that is forked while another thread holds a lock inherits the lock, but not the thread
that would release it. Python holds one for each module that is being imported, and OpenSSL holds
some while it makes a context. SQLite remembers which locks of a file its process holds. What takes
such locks holds `fork_lock` meanwhile.
"""

from __future__ import annotations

import os
import threading

fork_lock = threading.RLock()
"""Held by imports, the making of a TLS context and transactions; `os.fork` waits for it."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=fork_lock.acquire,
        after_in_parent=fork_lock.release,
        after_in_child=fork_lock.release,
    )
