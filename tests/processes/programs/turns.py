"""Takes one lock again and again, and goes on only when it is told to.

    turns.py ENDPOINTS NAME

It prints "held TOKEN", waits for a line, releases, and takes the lock again; until its input ends.
"""

import sys

import tenure


def main() -> None:
    endpoints, name = sys.argv[1:]
    with tenure.connect(endpoints, name="turns.py") as client:
        while True:
            with client.lock(name) as lease:
                print("held", lease.token, flush=True)
                if not sys.stdin.readline():
                    return


main()
