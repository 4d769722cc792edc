"""Takes a lock, works under it, and gives it back.

python3 lock.py jobs/nightly        against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
"""

import sys

import tenure


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "jobs/nightly"
    try:
        with tenure.connect() as client:
            with client.lock(name, timeout=10) as lease:
                # Send this number with every read and write, to a resource that refuses smaller ones: see fence.py.
                print(f"{name}: token {lease.token}")
                for piece in range(1, 4):
                    if lease.lost:
                        break
                    print(f"{name}: piece {piece}, {lease.remaining():.1f} s left")
            print(f"{name}: released")
    except tenure.Error as error:
        print(f"lock: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
