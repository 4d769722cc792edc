"""The fixtures for pytest, tried without pytest."""

import sys
import types
import unittest
from typing import Any, Callable, Dict, Tuple
from unittest import mock

import tenure
from support import python


class PytestTest(unittest.TestCase):
    def test_tenure_does_not_import_pytest(self) -> None:
        found = python("-c", "import sys, tenure, tenure.testing; print('pytest' in sys.modules)")
        self.assertEqual(found, "False\n")

    def test_the_fixtures_give_a_cluster_and_a_client(self) -> None:
        fixtures: Dict[str, Tuple[str, Callable[..., Any]]] = {}

        def fixture(*, name: str, scope: str = "function") -> Callable[[Any], Any]:
            return lambda function: fixtures.setdefault(name, (scope, function))

        pytest = types.ModuleType("pytest")
        pytest.fixture = fixture  # type: ignore[attr-defined]
        with mock.patch.dict(sys.modules, pytest=pytest):
            import pytest_tenure  # noqa: F401
        self.assertEqual(fixtures["tenure_cluster"][0], "session")
        self.assertEqual(fixtures["tenure_client"][0], "function")
        clusters = fixtures["tenure_cluster"][1]()
        cluster = next(clusters)
        self.addCleanup(lambda: self.assertEqual(list(clusters), []))
        clients = fixtures["tenure_client"][1](cluster)
        client = next(clients)
        with client.lock("jobs/x") as lease:
            self.assertGreater(lease.token, 0)
        self.assertEqual(list(clients), [])
        with self.assertRaises(tenure.Closed):
            client.acquire("jobs/x")


if __name__ == "__main__":
    unittest.main()
