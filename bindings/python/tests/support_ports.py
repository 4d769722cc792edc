"""Ports of loopback for nodes that are yet to listen."""

import socket
from typing import List

_reserved: List[socket.socket] = []


def free_address() -> str:
    """An address that nobody else is given until this process ends: bound here but not listened on, it leaves itself to a
    listener that says SO_REUSEADDR, as a node does."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    _reserved.append(reserved)
    return f"127.0.0.1:{reserved.getsockname()[1]}"
