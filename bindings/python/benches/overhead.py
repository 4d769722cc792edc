"""What Python costs over C: an uncontended acquire and release, both against the same nodes, in turns.

python3 benches/overhead.py [ROUNDS]        needs cc, and a libtenure.so that is optimized: set TENURE_LIBRARY

The nodes are processes of their own (this script with --nodes), so that they take no time of either client's interpreter.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tenure
from tenure import _library

ROOT = Path(__file__).resolve().parents[3]
CYCLES = 100


def nodes() -> None:
    """Three nodes, until stdin ends."""
    tenure.log_level("error")
    with tenure.testing.Cluster() as cluster:
        print(cluster.endpoints, flush=True)
        sys.stdin.read()


def build(directory: str) -> Path:
    """The C program, with the library that Python has loaded."""
    program = Path(directory, "overhead")
    library = Path(_library.library._name).resolve()
    command = ["cc", "-std=c11", "-O2", f"-I{ROOT}/include", f"{Path(__file__).parent}/overhead.c"]
    command += [str(library), f"-Wl,-rpath,{library.parent}", "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def python_cycles(client: tenure.Client, count: int) -> list[int]:
    """Nanoseconds of each."""
    times = []
    for _ in range(count):
        start = time.monotonic_ns()
        client.acquire("overhead").release()
        times.append(time.monotonic_ns() - start)
    return times


def c_cycles(program: subprocess.Popen[str], count: int) -> list[int]:
    """Nanoseconds of each."""
    assert program.stdin is not None and program.stdout is not None
    print(count, file=program.stdin, flush=True)
    return [int(program.stdout.readline()) for _ in range(count)]


def compare(rounds: int) -> None:
    """Prints both medians, and their ratio."""
    with tempfile.TemporaryDirectory() as directory, tenure.connect() as client:
        command = [build(directory)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as program:
            c_cycles(program, CYCLES)
            python_cycles(client, CYCLES)
            of_c, of_python = [], []
            for _ in range(rounds):
                of_c += c_cycles(program, CYCLES)
                of_python += python_cycles(client, CYCLES)
            assert program.stdin is not None
            program.stdin.close()
    c, python = statistics.median(of_c), statistics.median(of_python)
    print(f"acquire and release, median of {rounds * CYCLES}:")
    print(f"C       {c / 1000:8.1f} us")
    print(f"Python  {python / 1000:8.1f} us   {100 * (python / c - 1):+.1f} %")


def main() -> None:
    """Starts the nodes, and compares."""
    if sys.argv[1:] == ["--nodes"]:
        nodes()
        return
    pipe = subprocess.PIPE
    command = [sys.executable, __file__, "--nodes"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as cluster:
        assert cluster.stdin is not None and cluster.stdout is not None
        os.environ["TENURE_ENDPOINTS"] = cluster.stdout.readline().strip()
        compare(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
        cluster.stdin.close()


if __name__ == "__main__":
    main()
