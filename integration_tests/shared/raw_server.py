"""Servers on 127.0.0.1 that do exactly what a test says, byte by byte, and a proxy."""

import contextlib
import socket
import ssl
import struct
import threading
import time


class Connection:
    """One accepted connection."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(30)
        self.buffer = b""

    def read_request(self):
        """Return head and body of the next request, or None at the end of the connection."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(self.buffer) < length:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return head, body

    def send(self, *parts):
        for part in parts:
            self.sock.sendall(part)

    def head(self, status="200 OK", *headers):
        """Start a chunked response, of events unless the headers say otherwise."""
        lines = [f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *headers]
        if not any(line.lower().startswith("content-type") for line in headers):
            lines.append("Content-Type: text/event-stream")
        self.send("\r\n".join([*lines, "", ""]).encode())

    def chunk(self, *parts):
        for data in parts:
            self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def respond(self, body=b'{"a": 1}', status="200 OK", *headers):
        """Send a complete response."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def reset(self):
        """End with a TCP reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def seconds_until_closed(self, limit=20.0):
        """Wait until the client hangs up, and return how long that took."""
        start = time.monotonic()
        self.sock.settimeout(limit)
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass
        return time.monotonic() - start


class RawServer:
    """Runs `script(connection, n)` in a thread for each connection; n counts them from 1."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        self.script = None
        self.connections = 0
        self.requests = []
        self.times = []
        self.failures = []
        self.stopping = threading.Event()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def use_tls(self, certificate, key):
        """Expect TLS on every connection from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        serve = self._serve

        def serve_tls(connection, n):
            try:
                connection.sock = context.wrap_socket(connection.sock, server_side=True)
            except OSError:
                return
            serve(connection, n)

        self._serve = serve_tls
        self.url = self.url.replace("http://", "https://")

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(sock)
            threading.Thread(
                target=self._serve, args=(Connection(sock), self.connections), daemon=True
            ).start()

    def _serve(self, connection, n):
        try:
            self.script(connection, n)
        except (OSError, ValueError) as error:
            self.failures.append(error)
        finally:
            connection.sock.close()

    def take(self, connection):
        """Read and record a request; return False at the end of the connection."""
        request = connection.read_request()
        if request is None:
            return False
        self.requests.append(request)
        self.times.append(time.monotonic())
        return True

    def stall(self, seconds=20.0):
        self.stopping.wait(seconds)

    def close(self):
        self.stopping.set()
        self.listener.close()
        for sock in self.sockets:
            sock.close()


class Proxy(RawServer):
    """An HTTP proxy that tunnels CONNECT and forwards everything else.

    Attributes:
        heads: Head of each request that it got.
    """

    def __init__(self):
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.heads = []
        self.script = self._proxy

    def _proxy(self, connection, n):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.sock.recv(65536)
        self.heads.append(head)
        method, target = head.split(b" ", 2)[:2]
        address = target if method == b"CONNECT" else target.split(b"/")[2]
        host, _, port = address.decode().rpartition(":")
        with socket.create_connection((host, int(port)), 5) as upstream:
            self.sockets.append(upstream)
            if method == b"CONNECT":
                connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(head)
            back = threading.Thread(target=_copy, args=(upstream, connection.sock), daemon=True)
            back.start()
            _copy(connection.sock, upstream)
            back.join(20)


def _copy(source, target):
    """Copy bytes until one side closes, then close the other."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
