"""The members of a cluster, read and changed from the running loop."""

from __future__ import annotations

from typing import List

from .. import _operate
from .._described import MemberDescription
from .._members import listed
from .._native import Handle, Local
from ._requests import in_executor


class Members(Local):
    """The members of a client's cluster; see tenure.Members. An order outlives the cancellation of its task."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    async def list(self) -> List[MemberDescription]:
        """The members of describe("members")."""
        return await in_executor(lambda: listed(self._client))

    async def add(self, id: int, address: str) -> None:
        """Adds a node, without a vote; see tenure.Members.add()."""
        await in_executor(lambda: _operate.add(self._client, id, address))

    async def promote(self, id: int) -> None:
        """Gives a node a vote once its log has caught up; see tenure.Members.promote()."""
        await in_executor(lambda: _operate.promote(self._client, id))

    async def demote(self, id: int) -> None:
        """Takes a node's vote."""
        await in_executor(lambda: _operate.demote(self._client, id))

    async def remove(self, id: int) -> None:
        """Removes a node for good; see tenure.Members.remove()."""
        await in_executor(lambda: _operate.remove(self._client, id))

    async def move(self, id: int, address: str) -> None:
        """Changes the address of a node; see tenure.Members.move()."""
        await in_executor(lambda: _operate.move(self._client, id, address))
