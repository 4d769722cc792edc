"""Runs three nodes in a process that has no descriptor left, and takes locks until their logs need new files.

    exhausted_host.py DIRECTORY ADDRESS ADDRESS ADDRESS

It prints "exhausted" and waits for a line, and then the number of log files of each node that were begun meanwhile.
"""

import os
import resource
import sys

import tenure


def log_files(directory: str) -> set[str]:
    return {name for name in os.listdir(directory) if name.startswith("log-")}


def take_all() -> list[int]:
    taken = []
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return taken


def main() -> None:
    directory, *addresses = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    cluster = ",".join(f"{place}={address}" for place, address in enumerate(addresses, 1))
    places = range(1, len(addresses) + 1)
    nodes = [tenure.Node(place, f"{directory}/{place}", cluster) for place in places]
    with tenure.connect(",".join(addresses)) as client:
        before = [log_files(f"{directory}/{place}") for place in places]
        taken = take_all()
        print("exhausted", flush=True)
        sys.stdin.readline()
        for _ in range(2200):
            client.acquire("jobs", 60, value=b"x" * 4000).release()
        for descriptor in taken:
            os.close(descriptor)
        after = [log_files(f"{directory}/{place}") for place in places]
        print(*(len(new - old) for new, old in zip(after, before)), flush=True)
    for node in nodes:
        node.stop()


main()
