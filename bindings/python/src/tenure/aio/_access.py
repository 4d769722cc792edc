"""Access rules and credentials, read and changed from the running loop."""

from __future__ import annotations

from typing import Optional

from .. import _access
from .._access import Rights
from .._native import Handle, Local
from .._rule import Rule, Rules
from ._requests import in_executor


class Access(Local):
    """The access rules of a client's cluster; see tenure.Access. An order outlives the cancellation of its task."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    async def on(self) -> None:
        """Turns the rules on: requests that no rule allows are denied; see tenure.Access.on()."""
        await in_executor(lambda: _access.turn_on(self._client))

    async def off(self) -> None:
        """Turns the rules off: the kind of identity alone decides; rules and credentials stay."""
        await in_executor(lambda: _access.turn_off(self._client))

    async def allow(self, principal: str, rights: Rights, names: Optional[str] = None) -> None:
        """Allows `rights` on `names` to `principal`; see tenure.Access.allow()."""
        await in_executor(lambda: _access.allow(self._client, principal, rights, names))

    async def deny(self, principal: str, rights: Rights, names: Optional[str] = None) -> Optional[Rule]:
        """Takes `rights` away from a rule; returns a rule that still allows some of them; see tenure.Access.deny()."""
        return await in_executor(lambda: _access.deny(self._client, principal, rights, names))

    async def test(self, principal: str, right: str, name: Optional[str] = None) -> bool:
        """Whether the rules allow `right` of the lock `name` (None: of the cluster) to `principal`, on or off."""
        return await in_executor(lambda: _access.test(self._client, principal, right, name))

    async def list(self) -> Rules:
        """All rules, and the principals with a credential."""
        return await in_executor(lambda: _access.listed(self._client))

    async def create_credential(self, principal: str) -> str:
        """Returns a new credential of `principal`; see tenure.Access.create_credential().

        A task that is cancelled leaves a credential that nobody knows: create another."""
        return await in_executor(lambda: _access.create_credential(self._client, principal))

    async def revoke_credential(self, principal: str) -> None:
        """Revokes the credential of `principal`; see tenure.Access.revoke_credential()."""
        await in_executor(lambda: _access.revoke_credential(self._client, principal))
