"""The package is typed: each annotation means something, and with mypy installed all of it is checked as strictly as it goes."""

import importlib.util
import inspect
import subprocess
import sys
import tempfile
import textwrap
import typing
import unittest
from pathlib import Path
from typing import Any, Iterator, Tuple

import tenure
from support import PACKAGE, environment

# What a program does with descriptions, and with what others send that this version does not know.
RIGHT = """
    from pathlib import Path
    from typing import Optional
    import tenure

    def use(client: tenure.Client) -> Optional[str]:
        for lock in client.describe("locks", "jobs/")["locks"]:
            holder: Optional[str] = lock["holder"]
            token: int = lock["token"]
            unknown: object = lock.get("of a later version")
        leader: Optional[int] = client.describe("cluster")["leader"]
        session = client.describe("session")["session"]
        return None if session is None else session["client"]

    def hear(lease: tenure.Lease) -> None:
        lease.add_listener(lambda lost: print(lost.reason))

    @tenure.connect().add_listener
    def state(session: tenure.Session) -> None:
        print(session.state)

    def lose(error: tenure.Lost, held: tenure.Held) -> "tuple[Optional[str], tenure.Reason, Optional[str]]":
        return error.name, error.reason, held.by

    async def use_aio(client: tenure.aio.Client) -> None:
        async with client.lock("x", timeout=5, cancel_on_loss=True) as lease:
            token: int = lease.token
        async with await client.acquire_all(["a", "b"]) as both, both.cancel_on_loss():
            nodes = (await client.describe("cluster"))["nodes"]

    with tenure.logging_bridge("info", thread=False) as bridge:
        count: int = bridge.drain()

    shown = tenure.TLS("ca.crt", cert=Path("client.crt"), key=Path("client.key"), verify="node")
    tenure.connect(tls=shown).close()
    tenure.connect(tls=False).close()
    tenure.Node(1, "data", "1=127.0.0.1:7401", tls=shown, tls_mode="optional", audit="audit").client(tls=shown)
    with tenure.testing.Cluster(tls=True) as cluster:
        own: Optional[tenure.TLS] = cluster.tls
"""
WRONG = {
    'client.describe("locks")["lock"]': "typeddict-item",
    'client.describe("session")["session"]["client"]': "index",
    'tenure.connect(tls="ca.crt")': "arg-type",
    'tenure.TLS("ca.crt", verify="nobody")': "arg-type",
    "client.add_listener(lambda: None)": "type-var|arg-type|misc",
    'client.lock("x", blocking_timeout=5)': "call-arg",
}


def annotated() -> Iterator[Tuple[str, Any]]:
    """Each public class and function, and what classes have."""
    for module in [tenure, tenure.aio, tenure.testing]:
        for name in module.__all__:
            each = getattr(module, name)
            if inspect.isclass(each):
                for member, found in vars(each).items():
                    found = found.fget if isinstance(found, property) else found
                    # Not what enum and dataclasses make.
                    if inspect.isfunction(found) and found.__code__.co_filename.startswith(str(PACKAGE)):
                        yield f"{module.__name__}.{name}.{member}", found
            if inspect.isclass(each) or inspect.isfunction(each):
                yield f"{module.__name__}.{name}", each


class TypingTest(unittest.TestCase):
    def test_each_annotation_means_something(self) -> None:
        found = dict(annotated())
        self.assertGreater(len(found), 100, found)
        for name, each in found.items():
            with self.subTest(name):
                hints = typing.get_type_hints(each)
                if inspect.isfunction(each):
                    unsaid = set(inspect.signature(each).parameters) - set(hints) - {"self", "cls"}
                    self.assertEqual((unsaid, "return" in hints), (set(), True))

    def test_the_package_says_that_it_is_typed(self) -> None:
        self.assertTrue((PACKAGE / "src/tenure/py.typed").is_file())
        self.assertIn('tenure = ["py.typed"]', (PACKAGE / "pyproject.toml").read_text())


@unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not installed: pip install mypy")
class MypyTest(unittest.TestCase):
    def mypy(self, *arguments: object) -> "tuple[int, str]":
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", "mypy", "--cache-dir", cache, *map(str, arguments)]
            done = subprocess.run(command, cwd=PACKAGE, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_all_of_it_is_strictly_typed(self) -> None:
        self.assertEqual(self.mypy()[0], 0, self.mypy()[1])

    def test_programs_are_told_what_is_right_and_what_is_wrong(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            program = Path(directory, "program.py")
            program.write_text(textwrap.dedent(RIGHT))
            code, said = self.mypy(program)
            self.assertEqual(code, 0, said)
            uses = "\n".join(f"    {use}" for use in WRONG)
            program.write_text(f"import tenure\n\ndef use(client: tenure.Client) -> None:\n{uses}\n")
            _, said = self.mypy(program)
            for line, kind in enumerate(WRONG.values(), 4):
                self.assertRegex(said, rf"program.py:{line}: error: .*\[({kind})\]")


if __name__ == "__main__":
    unittest.main()
