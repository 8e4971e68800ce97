"""Durable appends a second to SQLite: sqlite_appends.py FILE WRITERS SECONDS

One transaction for each event, WAL, synchronous=FULL. The writers take turns on one connection: SQLite admits one at a
time, and turns cost less than the waiting of its busy handler.
"""

import sqlite3
import sys
import threading
import time

PAYLOAD = b"Z" * 320


def main(path, writers, seconds):
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.execute(
        "create table event (number integer primary key, stream integer, at integer not null, sealed blob not null) strict"
    )
    turn = threading.Lock()
    end = time.monotonic() + seconds
    insert = "insert into event (stream, at, sealed) values (?, ?, ?)"

    def write(writer):
        while time.monotonic() < end:
            with turn:
                database.execute(insert, (writer % 16, time.time_ns(), PAYLOAD))

    began = time.monotonic()
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - began
    (count,) = database.execute("select count(*) from event").fetchone()
    print(round(count / elapsed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
