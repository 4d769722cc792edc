"""The rules and credentials of a cluster, and calls that change them."""

from __future__ import annotations

from collections.abc import Iterable
from ctypes import byref, c_char_p, c_int32, c_size_t, create_string_buffer
from functools import partial
from typing import Callable, Optional, Union, cast

from . import _orders
from ._convert import optional_text, text
from ._described import AccessDescription, RuleDescription
from ._errors import NotFound
from ._library import library
from ._native import Handle, Local, check, sized_text
from ._operate import interruptible
from ._rule import Rule, Rules

Rights = Union[str, Iterable[str]]

# The largest text of a rule.
_RULE_BYTES = 512


class Access(Local):
    """The rules and credentials of a client's cluster; `client.access`. Each change is durable and in force when its call returns.

    Unavailable: surely nothing was done, and the text says why. Unknown: the change may have been done; repeat the call. Denied:
    the text says who lacks which right; changes take "admin", or while rights are off an operator. Invalid: a bad principal,
    right or name. A call takes at most the client's `request_timeout`."""

    def __init__(self, client: Handle) -> None:
        self._client = client

    def on(self) -> None:
        """Denies from now on, to all clients of the cluster, every call that no rule allows.

        Raises Unavailable if nobody has "admin", or a node takes connections without TLS."""
        interruptible(lambda: turn_on(self._client))

    def off(self) -> None:
        """Lets the kind of identity alone decide from now on; rules and credentials stay."""
        interruptible(lambda: turn_off(self._client))

    def allow(self, principal: str, rights: Rights, names: Optional[str] = None) -> None:
        """Adds `rights` ("acquire,read", or a list of them) on `names` to the rule of `principal`, in force while rights are on.

        See Rule for the form of principals and names."""
        interruptible(lambda: allow(self._client, principal, rights, names))

    def deny(self, principal: str, rights: Rights, names: Optional[str] = None) -> Optional[Rule]:
        """Takes `rights` away from the rule of exactly this `principal` and `names`. Waiters and observers that lost the right are
        refused; held locks stay until released or broken.

        Returns another rule that still allows some of `rights`, None if there is none. Raises NotFound if there was no such
        rule: nothing was taken away, and the `still` of the exception is the other rule."""
        return interruptible(lambda: deny(self._client, principal, rights, names))

    def test(self, principal: str, right: str, name: Optional[str] = None) -> bool:
        """Whether the rules, on or off, allow `right` on the lock `name` (None: of the cluster) to `principal`."""
        return interruptible(lambda: test(self._client, principal, right, name))

    def list(self) -> Rules:
        """All rules, and the principals with a credential."""
        return interruptible(lambda: listed(self._client))

    def create_credential(self, principal: str) -> str:
        """Creates a credential of `principal` ("client/billing", "operator/alice"): a client that shows it needs no certificate.

        Returns the line of a file that its user alone reads, for connect(credential=…); shown once. An earlier credential of
        `principal` is void, and its clients are disconnected. An interrupted call may leave a credential that nobody knows:
        create another."""
        return interruptible(lambda: create_credential(self._client, principal))

    def revoke_credential(self, principal: str) -> None:
        """Revokes the credential of `principal`: its clients are disconnected, and refused from then on.

        Their locks stay held until the sessions end, or until broken. Raises NotFound if `principal` has none."""
        interruptible(lambda: revoke_credential(self._client, principal))


def turn_on(client: Handle) -> None:
    """Turns rights on."""
    check(library.tenure_access_on, client.pointer)


def turn_off(client: Handle) -> None:
    """Turns rights off."""
    check(library.tenure_access_off, client.pointer)


def allow(client: Handle, principal: str, rights: Rights, names: Optional[str]) -> None:
    """Adds rights to a rule."""
    check(library.tenure_access_allow, client.pointer, *_rule(principal, rights, names))


def deny(client: Handle, principal: str, rights: Rights, names: Optional[str]) -> Optional[Rule]:
    """Takes rights away from a rule; returns another rule that still allows some. NotFound carries it as `still`."""
    buffer, length = create_string_buffer(_RULE_BYTES), c_size_t(_RULE_BYTES)
    arguments = _rule(principal, rights, names)
    try:
        check(library.tenure_access_deny, client.pointer, *arguments, buffer, byref(length))
    except NotFound as error:
        error.still = _rule_of(buffer.value)
        raise
    return _rule_of(buffer.value)


def test(client: Handle, principal: str, right: str, name: Optional[str]) -> bool:
    """Whether the rules allow `right` on `name` to `principal`."""
    is_allowed = c_int32()
    arguments = (text(principal, "principal"), text(right, "right"), optional_text(name, "name"))
    check(library.tenure_access_test, client.pointer, *arguments, byref(is_allowed))
    return bool(is_allowed.value)


def listed(client: Handle) -> Rules:
    """The rules and credentials of describe("access")."""
    described = cast(AccessDescription, _orders.describe(client, "access", None))
    rules = tuple(_described(rule) for rule in described["rules"])
    return Rules(described["on"], rules, tuple(described["credentials"]))


def create_credential(client: Handle, principal: str) -> str:
    """The line of a new credential; a call whose buffer is too small creates none."""
    encoded = text(principal, "principal")
    call: Callable[..., None] = partial(check, library.tenure_credential_create, client.pointer, encoded)
    return sized_text(call).decode()


def revoke_credential(client: Handle, principal: str) -> None:
    """Voids the credential of `principal`."""
    check(library.tenure_credential_revoke, client.pointer, text(principal, "principal"))


def _rule(principal: str, rights: Rights, names: Optional[str]) -> tuple[bytes, bytes, Optional[bytes]]:
    listed = rights if isinstance(rights, str) else ",".join(rights)
    return text(principal, "principal"), text(listed, "list of rights"), optional_text(names, "pattern of names")


def _rule_of(said: bytes) -> Optional[Rule]:
    if not said:
        return None
    principal, rights, *names = said.decode().split(" ", 2)
    return Rule(principal, tuple(rights.split(",")), names[0] if names else None)


def _described(rule: RuleDescription) -> Rule:
    return Rule(rule["principal"], tuple(rule["rights"]), rule["names"])
