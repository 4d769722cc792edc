"""Each program of docs/guide-python.md and docs/coming-from.md runs, and prints what is said there; those of the README run."""

import os
import re
import socket
import subprocess
import unittest
from pathlib import Path
from typing import List, Tuple

from support import PACKAGE, environment, python
from support_ports import free_address

GUIDE = PACKAGE.parents[1] / "docs" / "guide-python.md"
COMING_FROM = GUIDE.with_name("coming-from.md")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)

SHELL = re.compile(r"^```sh\n(.*?)^```\n```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


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

    def test_each_program_for_who_comes_from_elsewhere_prints_what_it_says(self) -> None:
        found = programs(COMING_FROM)
        sections = COMING_FROM.read_text().split("\n## ")[2:]
        self.assertEqual(len(found), len(sections), "one for each of those that people come from")
        for line, program, output in found:
            with self.subTest(f"{COMING_FROM.name}:{line}"):
                self.assertEqual(python("-c", program), output)

    def test_each_line_for_who_comes_from_the_shell_prints_what_it_says(self) -> None:
        """With the program that cargo built, which TENURE names."""
        tenure = os.environ.get("TENURE")
        if not tenure:
            self.skipTest("TENURE does not name the program tenure")
        found = SHELL.findall(COMING_FROM.read_text())
        self.assertEqual(len(found), 1)
        for lines, output in found:
            path = f"{os.path.dirname(tenure)}:{os.environ['PATH']}"
            shell = ["sh", "-e", "-c", lines]
            done = subprocess.run(shell, env=environment(PATH=path), stdout=subprocess.PIPE, text=True, check=True)
            self.assertEqual(done.stdout, output)

    def test_what_it_refers_to_is_there(self) -> None:
        for file, heading in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", COMING_FROM.read_text()):
            headings = re.findall(r"^#+ (.*)$", GUIDE.with_name(file).read_text(), re.MULTILINE)
            known = [re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings]
            self.assertIn(heading, ["", *known], file)

    def test_each_program_of_the_readme_runs(self) -> None:
        found = programs(PACKAGE / "README.md")
        self.assertEqual(len(found), 2)
        for line, program, _ in found:
            with self.subTest(f"README.md:{line}"):
                self.assertRegex(python("-c", program), r"^token \d+ for [\d.]+ s\n$")


if __name__ == "__main__":
    unittest.main()
