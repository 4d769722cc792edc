"""A write to SQLite that cannot come too late: the table remembers the largest token, and refuses smaller ones.

python3 fence.py report.db "new text"        against TENURE_ENDPOINTS

In PostgreSQL the statement is the same; tokens fit BIGINT.
"""

import sqlite3
import sys

import tenure

TABLE = """CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY, text TEXT NOT NULL, token INTEGER NOT NULL
)"""
WRITE = """INSERT INTO report VALUES (1, :text, :token)
    ON CONFLICT (id) DO UPDATE SET text = :text, token = :token WHERE token <= :token"""


def write(database: sqlite3.Connection, text: str, token: int) -> bool:
    """Whether it was written: not if somebody with a larger token wrote before, in one step with looking at it."""
    with database:
        return database.execute(WRITE, {"text": text, "token": token}).rowcount == 1


def main() -> int:
    path, text = sys.argv[1:]
    database = sqlite3.connect(path)
    database.execute(TABLE)
    with tenure.connect() as client:
        with client.lock("report", timeout=10) as first:
            late = first.token
        # Whatever keeps the first one from writing: its pause is over only after another has written.
        with client.lock("report", timeout=10) as second:
            print("holder:", "written" if write(database, text, second.token) else "refused")
        print("late holder:", "written" if write(database, "old", late) else "refused")
    for row in database.execute("SELECT text FROM report"):
        print("text:", *row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
