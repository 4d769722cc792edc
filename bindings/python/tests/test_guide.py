"""Each program of docs/guide-python.md runs, and prints what the guide says; those of the README run."""

import re
import socket
import unittest
from pathlib import Path
from typing import List, Tuple

from support import PACKAGE, python
from support_ports import free_address

GUIDE = PACKAGE.parents[1] / "docs" / "guide-python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def programs(document: Path) -> List[Tuple[int, str, str]]:
    """Line, text and expected output of each program in a document."""
    text = document.read_text()
    return [
        (text.count("\n", 0, found.start()) + 2, found[1], found[2] or "")
        for found in BLOCK.finditer(text)
    ]


class GuideTest(unittest.TestCase):
    def test_each_program_of_the_guide_prints_what_it_says(self) -> None:
        found = programs(GUIDE)
        self.assertGreater(len(found), 10)
        with socket.socket() as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind(("127.0.0.1", 0))
            members = f"1=127.0.0.1:{reserved.getsockname()[1]}"
            for line, program, output in found:
                with self.subTest(f"{GUIDE.name}:{line}"):
                    said = python("-c", program, MEMBERS=members, ADDRESS=free_address())
                    self.assertEqual(said, output)

    def test_each_program_of_the_readme_runs(self) -> None:
        found = programs(PACKAGE / "README.md")
        self.assertEqual(len(found), 2)
        for line, program, _ in found:
            with self.subTest(f"README.md:{line}"):
                self.assertRegex(python("-c", program), r"^token \d+ for [\d.]+ s\n$")


if __name__ == "__main__":
    unittest.main()
