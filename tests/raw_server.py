"""A server on a real socket that sends whatever bytes it is given: what is not HTTP, or comes in drips."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress


@contextmanager
def raw_server(*pieces: bytes, pause: float = 0.0, echoes: bool = False) -> Iterator[str]:
    """Answer each connection with these pieces, and close it; gives the server's URL.

    :param pieces: what is sent.
    :param pause: seconds before each piece but the first.
    :param echoes: whether the request is sent back first.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, pieces, pause, echoes), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _serve(listener: socket.socket, pieces: Sequence[bytes], pause: float, echoes: bool) -> None:
    with suppress(OSError):  # the listener is closed at the end
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, pieces, pause, echoes), daemon=True).start()


def _answer(connection: socket.socket, pieces: Sequence[bytes], pause: float, echoes: bool) -> None:
    with connection, suppress(OSError):  # the client may have gone
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        if echoes:
            connection.sendall(request)
        for number, piece in enumerate(pieces):
            time.sleep(pause if number else 0)
            connection.sendall(piece)
