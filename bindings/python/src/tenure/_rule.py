"""Rules of rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Rule:
    """Allows `rights` on `names` to `principal`.

    `principal` is one ("client/billing"), or a prefix of several and "*" ("client/team-a/*", "*"). `names` is the name of a lock,
    a prefix ("jobs/" is jobs and all below it), or "*"; None if the rights are of the cluster ("operate", "admin")."""

    principal: str
    rights: tuple[str, ...]
    names: Optional[str]


@dataclass(frozen=True)
class Rules:
    """The rules, whether they are in force (`on`), and the principals with a credential."""

    on: bool
    rules: tuple[Rule, ...]
    credentials: tuple[str, ...]
