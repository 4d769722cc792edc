"""An election: waits to be elected, says what it does, resigns; and tells what an observer saw.

python3 elect.py scheduler host-1        against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
"""

import sys

import tenure


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "scheduler"
    value = sys.argv[2] if len(sys.argv) > 2 else "somebody"
    try:
        with tenure.connect() as client:
            election = client.election(name)
            observer = iter(election.observe())
            print(f"{name}: {leader(next(observer))}")
            with election.campaign(value.encode()) as lease:
                print(f"{name}: {leader(next(observer))}")
                lease.proclaim(b"somebody busy")
                print(f"{name}: {leader(next(observer))}")
            print(f"{name}: {leader(next(observer))}")
    except tenure.Error as error:
        print(f"elect: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def leader(holder: "tenure.Holder | None") -> str:
    """What is said of a holder."""
    return "nobody leads" if holder is None else f"{holder.value.decode()} leads"


if __name__ == "__main__":
    sys.exit(main())
