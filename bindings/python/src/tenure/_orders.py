"""Calls of a client that wait in C for the servers: at most the request timeout each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_void_p, cast
from functools import partial
from typing import Optional

from ._convert import Value, grace_ms, octets, optional_text, text, token as checked_token, wait_ms
from ._described import Description
from ._errors import Closed, Error, Lost, NotFound
from ._grant import LeaseHandle, loss
from ._holder import Holder, copy_of
from ._library import library
from ._native import Handle, check, opened, sized_text


def holder_of(client: Handle, name: str) -> Optional[Holder]:
    """The holder of `name`, None if there is none."""
    question = library.tenure_holder_of
    encoded = text(name, "name")
    try:
        with about(name):
            holder = opened(library.tenure_holder_free, question, client.pointer, encoded)
    except NotFound:
        return None
    return copy_of(holder)


def validate(client: Handle, name: str, token: int) -> bool:
    """Whether `token` holds `name`."""
    encoded, checked = text(name, "name"), checked_token(token)
    try:
        with about(name):
            check(library.tenure_validate, client.pointer, encoded, checked)
    except Lost:
        return False
    return True


def break_(client: Handle, name: str, grace: Optional[float], token: int, reason: str) -> None:
    """Takes `name` from the holder with `token`; 0: from all holders."""
    named = 0 if token == 0 else checked_token(token)
    arguments = (text(name, "name"), named, grace_ms(grace), text(reason, "reason"))
    with about(name):
        check(library.tenure_break, client.pointer, *arguments)


def describe(client: Handle, what: str, name: Optional[str]) -> Description:
    """The parsed JSON of tenure_describe."""
    arguments = (client.pointer, text(what, "kind"), optional_text(name, "name"))
    described: Description = json.loads(sized_text(partial(check, library.tenure_describe, *arguments)))
    return described


def proclaim(lease: LeaseHandle, value: Value) -> None:
    """Replaces the value that others see."""
    copy = octets(value, "value")
    with under(lease):
        check(library.tenure_proclaim, lease.pointer, cast(c_char_p(copy), c_void_p), len(copy))


def transfer(lease: LeaseHandle, to_client: Optional[str]) -> None:
    """Hands the lock to a waiter."""
    to = optional_text(to_client, "client's name")
    with under(lease):
        check(library.tenure_transfer, lease.pointer, to)


def close(client: Handle, timeout: Optional[float]) -> None:
    """Ends the session. Idempotent."""
    try:
        check(library.tenure_client_close, client.pointer, wait_ms(timeout))
    except Closed:
        pass


@contextmanager
def about(name: str) -> Iterator[None]:
    """Sets the name of the lock in a raised Error."""
    try:
        yield
    except Error as error:
        error.name = name
        raise


@contextmanager
def under(lease: LeaseHandle) -> Iterator[None]:
    """As about(); a Lost is replaced by one that says how the lease was lost."""
    try:
        with about(lease.name):
            yield
    except Lost:
        raise loss(lease) from None
