"""What is allowed to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Rule:
    """That `principal` is allowed `rights`, of `names`.

    `principal` is one ("client/billing"), or the begin of several and a "*" ("client/team-a/*", "*"). `names` is the name of a lock,
    a prefix ("jobs/" is jobs and all below it), or "*"; None if the rights are of the cluster ("operate", "admin")."""

    principal: str
    rights: tuple[str, ...]
    names: Optional[str]


@dataclass(frozen=True)
class Rules:
    """Which rules there are, whether they are in force (`on`), and who has a credential."""

    on: bool
    rules: tuple[Rule, ...]
    credentials: tuple[str, ...]
