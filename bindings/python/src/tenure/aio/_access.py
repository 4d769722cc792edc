"""Who may what, asked for and changed from the running loop."""

from __future__ import annotations

from typing import Optional

from .. import _access
from .._access import Rights
from .._native import Handle, Local
from .._rule import Rule, Rules
from ._requests import in_executor


class Access(Local):
    """Who may what in a client's cluster; see tenure.Access. A task that is cancelled does not end what it ordered."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    async def on(self) -> None:
        """From now on whatever no rule allows is denied; see tenure.Access.on()."""
        await in_executor(lambda: _access.turn_on(self._client))

    async def off(self) -> None:
        """From now on the kind of identity alone decides; rules and credentials stay."""
        await in_executor(lambda: _access.turn_off(self._client))

    async def allow(self, principal: str, rights: Rights, names: Optional[str] = None) -> None:
        """Allows `rights` to `principal`, of `names`; see tenure.Access.allow()."""
        await in_executor(lambda: _access.allow(self._client, principal, rights, names))

    async def deny(self, principal: str, rights: Rights, names: Optional[str] = None) -> Optional[Rule]:
        """Takes `rights` away from a rule; gives another that still allows some of it; see tenure.Access.deny()."""
        return await in_executor(lambda: _access.deny(self._client, principal, rights, names))

    async def test(self, principal: str, right: str, name: Optional[str] = None) -> bool:
        """Whether the rules allow `right` of the lock `name` (None: of the cluster) to `principal`, on or off."""
        return await in_executor(lambda: _access.test(self._client, principal, right, name))

    async def list(self) -> Rules:
        """All rules, and who has a credential."""
        return await in_executor(lambda: _access.listed(self._client))

    async def create_credential(self, principal: str) -> str:
        """Gives the credential by which its user is `principal`; see tenure.Access.create_credential().

        A task that is cancelled leaves one that nobody has: create another."""
        return await in_executor(lambda: _access.create_credential(self._client, principal))

    async def revoke_credential(self, principal: str) -> None:
        """Has nobody be `principal` by a credential any more; see tenure.Access.revoke_credential()."""
        await in_executor(lambda: _access.revoke_credential(self._client, principal))
