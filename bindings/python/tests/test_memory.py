"""Ten thousand locks taken and given back leave nothing behind."""

import unittest
from pathlib import Path

from support import python

# The cluster is in this process, whose log grows; so the client has one of its own, and prints what it sees.
CYCLES = Path(__file__).parent / "cycles.py"


class MemoryTest(unittest.TestCase):
    def test_ten_thousand_cycles_leave_neither_handles_nor_descriptors_nor_memory(self) -> None:
        grown = dict(line.split() for line in python(CYCLES, 10_000).splitlines())
        # Some are free in another order; a forgotten handle of each tenth cycle would be a thousand.
        self.assertLess(int(grown["slots"]), 8, grown)
        self.assertEqual(grown["descriptors"], "0")
        self.assertEqual(grown["objects"], "0")
        # A forgotten lease, pending or option would be 100 bytes or more for each cycle: 1000 KiB.
        self.assertLess(int(grown["kibibytes"]), 500, grown)


if __name__ == "__main__":
    unittest.main()
