"""Takes a lock and gives it back many times, and prints by how much this process has grown meanwhile."""

import gc
import os
import sys
from typing import Dict

import tenure

# After these everything that is made once is there.
WARM_UP = 500


def size(client: tenure.Client) -> Dict[str, int]:
    """What this process has."""
    gc.collect()
    with open("/proc/self/status") as status:
        resident = next(line for line in status if line.startswith("VmRSS"))
    lease = client.acquire("memory")
    # A handle is a slot, from bit 8 to bit 31, and a generation. A slot that is free is used again.
    slot = (lease._handle.pointer.value or 0) >> 8 & 0xFFFFFF
    lease.release()
    return {
        "slots": slot,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
        "kibibytes": int(resident.split()[1]),
    }


def cycles(client: tenure.Client, count: int) -> None:
    """Every tenth of them the long way."""
    for number in range(count):
        if number % 10:
            client.acquire("memory").release()
            continue
        with client.lock("memory", timeout=60, owner=1, value=b"x" * 100) as lease:
            lease.fileno()
            lease.lost.wait(0)
            try:
                client.acquire("memory", 0)
            except tenure.Held:
                pass


def main() -> None:
    with tenure.connect(connect_timeout=60, request_timeout=60, ttl=30) as client:
        cycles(client, WARM_UP)
        size(client)
        before = size(client)
        cycles(client, int(sys.argv[1]))
        after = size(client)
    for what in before:
        print(what, after[what] - before[what])


main()
