"""The fixtures that pytest finds through the entry point of this package.

Only pytest loads this module; Tenure itself never imports pytest, and is loaded when a fixture is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure import Client
    from tenure.testing import Cluster

# Its host, which is there already.
_fixture = sys.modules["pytest"].fixture


def _cluster() -> Iterator[Cluster]:
    """Three nodes in this process, for the whole run of the tests."""
    from tenure.testing import Cluster

    with Cluster() as cluster:
        yield cluster


def _client(tenure_cluster: Cluster) -> Iterator[Client]:
    """A client of tenure_cluster; its locks are released after the test."""
    with tenure_cluster.connect() as client:
        yield client


tenure_cluster = _fixture(scope="session", name="tenure_cluster")(_cluster)
tenure_client = _fixture(name="tenure_client")(_client)
