"""A service that begins as one process and grows: each process carries a node of the cluster in itself, and comes in by
itself. No server, and no `tenure` program.

python3 grow.py 1 /tmp/grow1 127.0.0.1:7421
python3 grow.py 2 /tmp/grow2 127.0.0.1:7422 127.0.0.1:7421
python3 grow.py 3 /tmp/grow3 127.0.0.1:7423 127.0.0.1:7421,127.0.0.1:7422

Start each in the same way again whenever it has ended: what is so already stays so. With three that vote any one may be
killed, and the others go on.
"""

import sys
from typing import Optional

import tenure


def start(id: int, data_dir: str, address: str, join: Optional[str]) -> tenure.Node:
    """This process's node, which the cluster at `join` has taken in; without one, of a cluster that it founds."""
    if join is None:
        # Later its directory knows better who the members are.
        return tenure.Node(id, data_dir, f"{id}={address}")
    try:
        return tenure.Node(id, data_dir, listen=address, join=join)
    except tenure.Invalid:
        # Nobody has added it yet.
        with tenure.connect(join) as client:
            client.members.add(id, address)
    return tenure.Node(id, data_dir, listen=address, join=join)


def promote(node: tenure.Node, id: int) -> None:
    """Gives the node its vote: once it has caught up, for which each call waits as long as a request may take."""
    with node.client() as client:
        while True:
            try:
                return client.members.promote(id)
            except (tenure.Unavailable, tenure.Unknown) as error:
                print(f"node {id} waits: {error}", file=sys.stderr)


def main() -> int:
    if len(sys.argv) not in (4, 5):
        print("usage: grow.py ID DATA_DIR HOST:PORT [HOST:PORT,... of those that run]", file=sys.stderr)
        return 2
    id, data_dir, address = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    join = sys.argv[4] if len(sys.argv) == 5 else None
    try:
        node = start(id, data_dir, address, join)
        with node:
            if join is not None:
                promote(node, id)
            print(f"node {id} votes", flush=True)
            announced = 0
            while True:
                now = node.next()
                if now is not None and now.is_leader and now.token != announced:
                    announced = now.token
                    print(f"node {id} leads: token {announced}", flush=True)
    except tenure.Error as error:
        print(f"grow: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
