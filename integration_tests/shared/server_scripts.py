"""Scripts of a `RawServer`: streams over one connection, and responses that are too slow."""

import time

ONE, TWO = b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'
DONE = b"data: [DONE]\n\n"


def keep_alive(server, *, done=True, end=True):
    """Stream two events per request; the connection stays open."""

    def script(connection, n):
        while server.take(connection):
            connection.head()
            connection.chunk(ONE, TWO)
            if done:
                connection.chunk(DONE)
            time.sleep(0.005)
            if end:
                connection.end()
            else:
                server.stall()

    return script


def nothing(server, connection):
    server.stall()


def half_a_head(server, connection):
    connection.send(b"HTTP/1.1 200 OK\r\n")
    server.stall()


def trickling_head(server, connection):
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 500:
        connection.send(bytes([byte]))
        if server.stopping.wait(0.05):
            return


def head_only(server, connection):
    connection.head()
    server.stall()


def pings(server, connection):
    connection.head()
    while not server.stopping.wait(0.05):
        connection.chunk(b": ping\n\n")


def trickling_event(server, connection):
    connection.head()
    connection.chunk(b"data: ")
    while not server.stopping.wait(0.05):
        connection.chunk(b" ")


def trickling_body(server, connection):
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not server.stopping.wait(0.05):
        connection.send(b" ")


def after_an_event(repeated):
    """Send the first event, then `repeated` again and again, or nothing if it is None."""

    def script(server, connection):
        connection.head()
        connection.chunk(ONE)
        while not server.stopping.wait(0.05):
            if repeated is not None:
                connection.chunk(repeated)

    return script


# script, whether it is streamed, limit that expires, events before
SLOW_RESPONSES = {
    "no response to a stream request": (nothing, True, "first_event", 0),
    "no response": (nothing, False, "first_event", 0),
    "half a head": (half_a_head, True, "first_event", 0),
    "slow loris in the head of a stream": (trickling_head, True, "first_event", 0),
    "slow loris in the head": (trickling_head, False, "first_event", 0),
    "head only": (head_only, True, "first_event", 0),
    "pings only": (pings, True, "first_event", 0),
    "slow loris in the first event": (trickling_event, True, "first_event", 0),
    "slow loris in the body": (trickling_body, False, "first_event", 0),
    "silence after an event": (after_an_event(None), True, "idle", 1),
    "pings after an event": (after_an_event(b": ping\n\n"), True, "idle", 1),
    "slow loris after an event": (after_an_event(b"data: x"), True, "idle", 1),
    "empty events after an event": (after_an_event(b"data:\n\n"), True, "idle", 1),
}
