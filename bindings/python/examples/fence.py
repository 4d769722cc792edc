"""A change of a row in SQLite that is lost to nobody: each token is shown to the row before its text is read.

python3 fence.py report.db "one line more"        against TENURE_ENDPOINTS

The row remembers the largest token that it has seen, and refuses smaller ones. Shown with the write alone, a token
would come too late: whoever held the lock before could still write between the read of the present holder and its
write, which would then undo that. In PostgreSQL both statements are the same; tokens fit BIGINT.
"""

import sqlite3
import sys

import tenure

TABLE = """CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY, text TEXT NOT NULL, fence INTEGER NOT NULL
)"""
ROW = "INSERT OR IGNORE INTO report VALUES (1, '', 0)"
SHOW = "UPDATE report SET fence = :token WHERE id = 1 AND fence <= :token"
READ = "SELECT text FROM report WHERE id = 1"
WRITE = "UPDATE report SET text = :text, fence = :token WHERE id = 1 AND fence <= :token"


class Late(Exception):
    """Somebody with a larger token was here: the lock was lost, and what was read of the row may not be true any
    more."""


def read(database: sqlite3.Connection, token: int) -> str:
    """What the row says. From now on those who held the lock before are refused."""
    # One transaction: what is read is what those could write before.
    with database:
        if database.execute(SHOW, {"token": token}).rowcount != 1:
            raise Late
        text: str = database.execute(READ).fetchone()[0]
        return text


def write(database: sqlite3.Connection, text: str, token: int) -> None:
    """Changes what was read under the same token."""
    with database:
        if database.execute(WRITE, {"text": text, "token": token}).rowcount != 1:
            raise Late


def main() -> int:
    path, line = sys.argv[1:]
    database = sqlite3.connect(path)
    with database:
        database.execute(TABLE)
        database.execute(ROW)
    with tenure.connect() as client:
        with client.lock("report", timeout=10) as first:
            token, before = first.token, read(database, first.token)
        # Whatever keeps the first one from writing in time: it wakes up when another one has read, and not yet written.
        with client.lock("report", timeout=10) as second:
            text = read(database, second.token)
            try:
                write(database, before + "late line\n", token)
            except Late:
                print("late holder: refused")
            write(database, f"{text}{line}\n", second.token)
            print("holder: written")
    print(*database.execute(READ).fetchone(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
