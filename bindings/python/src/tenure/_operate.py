"""Orders of operators, in calls of C that may take long: Ctrl-C works at once, and the order goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from ctypes import byref, c_uint64, sizeof
from typing import Callable, Optional, TypeVar, Union

from ._abi import RestoreOptions
from ._convert import grace_ms, option_ms, optional_text, text, u64, wait_ms
from ._errors import Invalid
from ._library import library
from ._native import Handle, check
from ._orders import about

Path = Union[str, os.PathLike[str]]
Result = TypeVar("Result")


def add(client: Handle, id: int, address: str) -> None:
    """Adds a member, without a vote."""
    check(library.tenure_member_add, client.pointer, u64(id, "id"), text(address, "address"))


def promote(client: Handle, id: int) -> None:
    """Gives a member its vote."""
    check(library.tenure_member_promote, client.pointer, u64(id, "id"))


def demote(client: Handle, id: int) -> None:
    """Takes a member's vote."""
    check(library.tenure_member_demote, client.pointer, u64(id, "id"))


def remove(client: Handle, id: int) -> None:
    """Removes a member."""
    check(library.tenure_member_remove, client.pointer, u64(id, "id"))


def move(client: Handle, id: int, address: str) -> None:
    """Changes the address of a member."""
    check(library.tenure_member_move, client.pointer, u64(id, "id"), text(address, "address"))


def move_leader(client: Handle, to: int, timeout: Optional[float]) -> None:
    """Moves leadership to the voter `to`; 0: to the one with the longest log."""
    check(library.tenure_move_leader, client.pointer, u64(to, "to"), wait_ms(timeout))


def handover(client: Handle, name: str, to: Optional[str], grace: Optional[float], reason: str) -> None:
    """Asks the holder to end and hands the lock to a waiter."""
    arguments = (text(name, "name"), optional_text(to, "client's name"), grace_ms(grace), text(reason, "reason"))
    with about(name):
        check(library.tenure_handover, client.pointer, *arguments)


def save_snapshot(client: Handle, path: Path) -> None:
    """Writes the state to a file."""
    check(library.tenure_snapshot_save, client.pointer, text(os.fspath(path), "path"))


def restore_snapshot(
    path: Path,
    id: int,
    data_dir: Path,
    cluster: str,
    *,
    epoch: Optional[int] = None,
    largest_ttl_max: Optional[float] = None,
    largest_lease: Optional[float] = None,
    ancestors: Sequence[str] = (),
    waive_wait: bool = False,
) -> float:
    """Makes the data directory of one node of a new cluster from the file `path` of Client.save_snapshot() or
    `tenure snapshot save`.

    Use the same file and options for each node of `cluster`, "1=host:port,2=host:port,3=host:port"; then start the nodes
    with this `cluster`. `data_dir` must be empty or missing. No node of the old cluster may run. All tokens of the new
    cluster are larger than all before; the sessions and locks are gone.

    Returns how many seconds the new cluster, once it has a leader, grants nothing, since programs may still believe in
    earlier leases: the largest `ttl_max` and the longest `lease` that any node ever ran with, and an hour where
    `largest_ttl_max` and `largest_lease` state nothing; with `waive_wait` only tokens protect. `epoch`: give one larger than
    all before if this snapshot or an older one was restored already. `ancestors`: the whole ids of more clusters whose
    clients come over by themselves, besides those in the file."""
    if isinstance(ancestors, str):
        raise TypeError("ancestors must be a sequence of ids, not a str")
    if epoch is not None and epoch < 1:
        raise Invalid(f"an epoch is 1 or larger, not {epoch}")
    options = RestoreOptions(
        struct_size=sizeof(RestoreOptions),
        flags=1 if waive_wait else 0,
        id=u64(id, "id"),
        data_dir=text(os.fspath(data_dir), "data_dir"),
        cluster=text(cluster, "cluster"),
        epoch=u64(epoch or 0, "epoch"),
        largest_ttl_max_ms=option_ms(largest_ttl_max, "largest_ttl_max"),
        largest_lease_ms=option_ms(largest_lease, "largest_lease"),
        ancestors=text(",".join(ancestors), "list of ancestors") if ancestors else None,
    )
    file, wait = text(os.fspath(path), "path"), c_uint64()
    interruptible(lambda: check(library.tenure_snapshot_restore, file, byref(options), byref(wait)))
    return wait.value / 1000


def interruptible(call: Callable[[], Result]) -> Result:
    """Runs a call on a thread of its own, since Ctrl-C ends a wait for a thread, but not a call of C."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="tenure-operate", daemon=True)
    thread.start()
    thread.join()
    if errors:
        try:
            raise errors[0]
        finally:
            # Breaks the reference cycle of exception and frame.
            errors.clear()
    return results[0]
