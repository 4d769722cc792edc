"""TLS options of clients and nodes, and certificates for them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ctypes import byref, sizeof
from dataclasses import dataclass
from typing import Literal, Optional, Union

from ._abi import CertsOptions, ClientOptions, NodeOptions
from ._convert import optional_text, text, u32
from ._errors import Invalid
from ._library import library
from ._native import check

Path = Union[str, "os.PathLike[str]"]
TLSMode = Literal["off", "optional", "required"]

_VERIFY = {"host": 0, "node": 1}
_MODES = {"off": 1, "optional": 2, "required": 3}
_REPLACE = 1


@dataclass(frozen=True)
class TLS:
    """The certificate of a client or a node, and the authority it trusts: PEM files, read by connect() or Node().

    `ca` is the authority of the nodes; `cert` and `key` are the client's or the node's own: a node's certificate is no
    client's. `verify`: "host": a node's certificate names the dialed host; "node": any node of `ca`, at any address."""

    ca: Path
    cert: Optional[Path] = None
    key: Optional[Path] = None
    verify: Literal["host", "node"] = "host"


def write_certificate(
    directory: Path,
    what: str,
    *,
    hosts: Iterable[str] = (),
    ca_dir: Optional[Path] = None,
    days: int = 0,
    replace: bool = False,
) -> None:
    """Makes a certificate and its key in `directory`, as `tenure certs` does.

    `what` is the identity: "ca" makes an authority (ca.crt, ca.key), which certifies the others: "node/1" (node-1.crt,
    node-1.key), "client/NAME", "operator/NAME"; a "/" in NAME is a "=" in the files' names. `hosts` are the dialed
    names and addresses of a node, without ports. The authority is that in `ca_dir`, else in `directory`; `days` (365, an
    authority 3650) is the validity. The holder of ca.key can pose as anybody: keep ca.key off the nodes. Raises Invalid
    if a file exists, unless `replace` is set."""
    if isinstance(hosts, str):
        raise TypeError('hosts is a list of names and addresses: ["127.0.0.1"]')
    options = CertsOptions(
        struct_size=sizeof(CertsOptions),
        flags=_REPLACE if replace else 0,
        hosts=optional_text(",".join(hosts) or None, "list of hosts"),
        ca_dir=optional_path(ca_dir, "ca_dir"),
        days=u32(days, "days"),
    )
    place = text(os.fspath(directory), "directory")
    check(library.tenure_certs_write, place, text(what, "identity"), byref(options))


def secure_client(options: ClientOptions, tls: Union[TLS, Literal[False], None]) -> None:
    """Fills in the TLS options of a client. None: those of the environment; False: plaintext, whatever the environment says."""
    if tls is False:
        options.ca = b""
    elif tls is not None:
        _fill(options, tls)


def secure_node(
    options: NodeOptions,
    tls: Optional[TLS],
    mode: Optional[TLSMode],
    client_ca: Optional[Path],
    crl: Optional[Path],
) -> None:
    """Fills in the TLS options of a node."""
    if tls is not None:
        _fill(options, tls)
    options.client_ca = optional_path(client_ca, "client_ca")
    options.crl = optional_path(crl, "crl")
    if mode is not None:
        if mode not in _MODES:
            raise Invalid(f'tls_mode is "off", "optional" or "required", not {mode!r}')
        options.tls = _MODES[mode]


def optional_path(path: Optional[Path], what: str) -> Optional[bytes]:
    """The path as bytes; None stays None."""
    return None if path is None else text(os.fspath(path), what)


def _fill(options: Union[ClientOptions, NodeOptions], tls: TLS) -> None:
    if not isinstance(tls, TLS):
        raise TypeError(f"tls must be a tenure.TLS, not {type(tls).__name__}")
    if tls.verify not in _VERIFY:
        raise Invalid(f'verify is "host" or "node", not {tls.verify!r}')
    options.ca = text(os.fspath(tls.ca), "ca")
    options.cert = optional_path(tls.cert, "cert")
    options.key = optional_path(tls.key, "key")
    options.verify = _VERIFY[tls.verify]
