"""Runs a command in one place of a cluster, from the crontab of each of its machines.

*/5 * * * *  python3 cron.py reports 60 ./report.sh --all        against TENURE_ENDPOINTS

Whoever comes first runs it, and then keeps the lock for the rest of the 60 seconds, so that a machine whose clock is
late finds it taken. If the lock is lost meanwhile the command is ended, since it may run elsewhere from then on; and it
is ended before the lock is given back, whatever ends this program, but for SIGKILL.
"""

import os
import select
import signal
import subprocess
import sys
import time
from typing import List

import tenure


def main() -> int:
    # Else SIGTERM would end this program at once: the lock would stay taken for its ttl, and the command run on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    name, seconds, *command = sys.argv[1:]
    end = time.monotonic() + float(seconds)
    with tenure.connect() as client:
        try:
            lease = client.acquire(f"cron/{name}", timeout=0)
        except tenure.Held:
            print(f"{name}: runs elsewhere", flush=True)
            return 0
        try:
            with lease:
                code = run(command, lease)
                lease.lost.wait(max(0.0, end - time.monotonic()))
        except tenure.Lost:
            print(f"{name}: the lock was lost", file=sys.stderr)
            return 1
    return code


def run(command: List[str], lease: tenure.Lease) -> int:
    """The exit code of the command, which can see the token, and does not outlive the lease."""
    environment = {**os.environ, "TENURE_TOKEN": str(lease.token)}
    with subprocess.Popen(command, env=environment) as process:
        ended = os.pidfd_open(process.pid)
        try:
            # Readable as soon as one of them is over; the kernel watches both.
            while process.poll() is None and not lease.lost:
                select.select([ended, lease.fileno()], [], [])
        finally:
            os.close(ended)
            process.kill()
            process.wait()
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
