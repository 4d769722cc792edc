"""An asyncio service of which one replica at a time does the work; all of them answer.

python3 service.py 0        against TENURE_ENDPOINTS; the argument is the port to answer on, 0 for any

Each connection is told who leads. SIGTERM and Ctrl-C resign first, so that another replica follows at once.
"""

import asyncio
import signal
import sys

import tenure


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    async with await tenure.aio.connect(ttl=5) as client:
        election = client.election("service")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            leader = await election.leader()
            text = f"{leader.value.decode()} leads" if leader else "nobody leads"
            writer.write(text.encode() + b"\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", port)
        address = "{}:{}".format(*server.sockets[0].getsockname())
        leading = asyncio.ensure_future(stand(election, address))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, leading.cancel)
        try:
            await leading
        except asyncio.CancelledError:
            print("resigned", flush=True)
        server.close()


async def stand(election: tenure.aio.Election, address: str) -> None:
    """Leads whenever it is elected."""

    async def lead(lease: tenure.aio.Lease) -> None:
        print(f"{address} leads: token {lease.token}", flush=True)
        # The work. It is cancelled when leadership is lost.
        await asyncio.get_running_loop().create_future()

    while True:
        try:
            await election.run(lead, address.encode())
        except (tenure.Lost, tenure.Unavailable, tenure.SessionExpired) as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
