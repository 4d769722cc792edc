"""The members of a cluster: who they are, and how that is changed."""

from __future__ import annotations

from typing import List, cast

from . import _operate, _orders
from ._described import MemberDescription, MembersDescription
from ._native import Handle, Local
from ._operate import interruptible


class Members(Local):
    """The members of a client's cluster; `client.members`. Each change is in force for good when its call returns.

    Unavailable always means that surely nothing was done, and that it may be tried again; Unknown that it may have been done:
    look at list(), or give it again: a promote(), demote() or move() that is in force already is done. A call takes at most the
    client's `request_timeout`."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    def list(self) -> List[MemberDescription]:
        """The members as the leader knows them, else the node with the newest log: as describe("members") has them."""
        return listed(self._client)

    def add(self, id: int, address: str) -> None:
        """Adds a node, without a vote, under an id that was never used: the others reach it at `address` ("host:port").

        Then start it there, as Node(id, …, join=…), and promote() it. Raises Invalid if it is a member already, the id was
        used before, or the address cannot be one."""
        interruptible(lambda: _operate.add(self._client, id, address))

    def promote(self, id: int) -> None:
        """Gives a node a vote, once it has joined and caught up with the log, for which it waits.

        Raises NotFound if it is no member, Unavailable if it has not caught up yet."""
        interruptible(lambda: _operate.promote(self._client, id))

    def demote(self, id: int) -> None:
        """Takes a node's vote; it goes on copying the log. If it leads, it hands leadership over first."""
        interruptible(lambda: _operate.demote(self._client, id))

    def remove(self, id: int) -> None:
        """Removes a node for good: it ends by itself, and its id is never used again.

        If it leads, it hands leadership over first. Raises NotFound if it is no member."""
        interruptible(lambda: _operate.remove(self._client, id))

    def move(self, id: int, address: str) -> None:
        """Tells the others that a node is reached at `address` ("host:port") from now on: start it there."""
        interruptible(lambda: _operate.move(self._client, id, address))


def listed(client: Handle) -> List[MemberDescription]:
    """The members as they are described."""
    return cast(MembersDescription, _orders.describe(client, "members", None))["members"]
