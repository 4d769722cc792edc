"""Workers of which one leads, the others being hot standbys: start as many as you like, and kill them.

python3 workers.py host-1        against TENURE_ENDPOINTS

The leader does one step after the other, each under its token; a worker that stands by follows at once when the
leader resigns, and after its ttl when it dies.
"""

import signal
import sys
import time

import tenure

TTL = 3.0


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "worker"
    with tenure.connect(ttl=TTL, name=name) as client:
        election = client.election("workers")
        while True:
            print(f"{name}: stands by", flush=True)
            try:
                election.run(lead, name.encode())
            except (tenure.Lost, tenure.Unavailable, tenure.SessionExpired) as error:
                # Another may lead already. Nothing is left to do but to stand again.
                print(f"{name}: {error}", file=sys.stderr)


def lead(lease: tenure.Lease) -> None:
    """Works until leadership is lost, or somebody wants it."""
    print(f"leads: token {lease.token}", flush=True)
    while not lease.lost and not lease.asked:
        step(lease.token)


def step(token: int) -> None:
    """One piece of work. It takes much less than the ttl, and what it reads and writes carries the token."""
    time.sleep(0.1)


if __name__ == "__main__":
    # Else SIGTERM would end the program at once, and the others would have to wait for the ttl.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # Leaving the blocks gave leadership back.
        sys.exit(130)
