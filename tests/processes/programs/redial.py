"""A client whose endpoints' names no name server knows, which dials again and again meanwhile.

    redial.py ENDPOINTS

It prints what each of several acquires ended with.
"""

import sys

import tenure


def main() -> None:
    client = tenure.connect(sys.argv[1], connect_timeout=0.1, request_timeout=0.5, background=True)
    for _ in range(4):
        try:
            client.acquire("jobs", 0.5)
        except tenure.Error as error:
            print(error, flush=True)


main()
