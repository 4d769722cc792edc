"""The members of a cluster, and calls that change them."""

from __future__ import annotations

from typing import List, cast

from . import _operate, _orders
from ._described import MemberDescription, MembersDescription
from ._native import Handle, Local
from ._operate import interruptible


class Members(Local):
    """The members of a client's cluster; `client.members`. Each change is durable and in force when its call returns.

    Unavailable: surely nothing was done; try again. Unknown: the change may have been done: look at list(), or repeat the
    call, since promote(), demote() and move() are idempotent. A call takes at most the client's `request_timeout`."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    def list(self) -> List[MemberDescription]:
        """The members of describe("members"), as the leader knows them, else the node with the newest log."""
        return listed(self._client)

    def add(self, id: int, address: str) -> None:
        """Adds a node without a vote, under an id that was never used; the others dial `address` ("host:port").

        Then start the node there, as Node(id, …, join=…), and promote() it. Raises Invalid if the node is a member already,
        the id was used before, or the address is malformed."""
        interruptible(lambda: _operate.add(self._client, id, address))

    def promote(self, id: int) -> None:
        """Waits until a node has joined and caught up with the log, and gives it a vote.

        Raises NotFound if there is no such member, Unavailable if the node has not caught up yet."""
        interruptible(lambda: _operate.promote(self._client, id))

    def demote(self, id: int) -> None:
        """Takes a node's vote; the node goes on copying the log. A leader hands leadership over first."""
        interruptible(lambda: _operate.demote(self._client, id))

    def remove(self, id: int) -> None:
        """Removes a node for good: the node ends by itself, and its id is never used again.

        A leader hands leadership over first. Raises NotFound if there is no such member."""
        interruptible(lambda: _operate.remove(self._client, id))

    def move(self, id: int, address: str) -> None:
        """Changes the address ("host:port") at which the others dial a node: start the node there."""
        interruptible(lambda: _operate.move(self._client, id, address))


def listed(client: Handle) -> List[MemberDescription]:
    """The members of describe("members")."""
    return cast(MembersDescription, _orders.describe(client, "members", None))["members"]
