"""Every request and output file fal remembers, in a database file that survives `kill -9`."""

import hashlib
import json
import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGNATURE = re.compile(r'(https?://[^"?\s]*)\?[^"\s]*')
TABLES = """
CREATE TABLE IF NOT EXISTS request (
  id TEXT PRIMARY KEY, model TEXT NOT NULL, input TEXT NOT NULL, webhook TEXT,
  lifecycle TEXT, no_retry INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'IN_QUEUE',
  runs INTEGER NOT NULL DEFAULT 0, code INTEGER, answer TEXT, error_type TEXT,
  cost_usd REAL NOT NULL DEFAULT 0, submitted_at REAL NOT NULL, finished_at REAL,
  told_at REAL, tellings INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS queued ON request (submitted_at) WHERE status = 'IN_QUEUE';
CREATE TABLE IF NOT EXISTS file (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, content_type TEXT NOT NULL, expires_at REAL
);
"""


@dataclass
class Request:
    """One submitted request; `code` and `answer` are what its result says once COMPLETED."""

    id: str
    model: str
    input: Any
    webhook: str | None
    lifecycle: str | None
    no_retry: bool
    status: str = "IN_QUEUE"
    runs: int = 0
    code: int | None = None
    answer: Any = None
    error_type: str | None = None
    cost_usd: float = 0.0
    submitted_at: float = 0.0
    finished_at: float | None = None
    told_at: float | None = None
    tellings: int = 0

    @property
    def app(self) -> str:
        """`owner/alias`: all that a status URL has of the model's name."""
        return "/".join(self.model.split("/")[:2])

    def digest(self) -> str:
        """SHA-256 of the input without its URLs' queries: a fresh signature is no new input."""
        text = json.dumps(self.input, sort_keys=True)
        return hashlib.sha256(SIGNATURE.sub(r"\1", text).encode()).hexdigest()


@dataclass(frozen=True)
class File:
    """One file on the CDN."""

    id: str
    name: str
    content_type: str
    expires_at: float | None


class Requests:
    """Reads and writes of the database; each call is one short transaction."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing with this; only a power cut could.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        self._db.close()

    def add(self, request: Request) -> None:
        self._db.execute(
            "INSERT INTO request (id, model, input, webhook, lifecycle, no_retry, submitted_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                request.id,
                request.model,
                json.dumps(request.input),
                request.webhook,
                request.lifecycle,
                request.no_retry,
                request.submitted_at,
            ),
        )

    def find(self, request_id: str) -> Request | None:
        return self._one("SELECT * FROM request WHERE id = ?", request_id)

    def requeue_unfinished(self) -> None:
        """What was running when the stand-in died runs again."""
        self._db.execute("UPDATE request SET status = 'IN_QUEUE' WHERE status = 'IN_PROGRESS'")

    def claim(self) -> Request | None:
        """The oldest waiting request, now IN_PROGRESS."""
        return self._one(
            "UPDATE request SET status = 'IN_PROGRESS', runs = runs + 1 WHERE id ="
            " (SELECT id FROM request WHERE status = 'IN_QUEUE' ORDER BY submitted_at LIMIT 1)"
            " RETURNING *"
        )

    def finish(self, request: Request, code: int, answer: Any, cost_usd: float = 0.0) -> bool:
        """Write the outcome, once; False when it already had one (a cancel that won)."""
        changed = self._db.execute(
            "UPDATE request SET status = 'COMPLETED', code = ?, answer = ?, error_type = ?,"
            " cost_usd = ?, finished_at = ? WHERE id = ? AND status <> 'COMPLETED'",
            (code, json.dumps(answer), request.error_type, cost_usd, time.time(), request.id),
        )
        return changed.rowcount == 1

    def requeue(self, request: Request) -> None:
        """Put a claimed request back in its place, unless it ended meanwhile."""
        self._db.execute(
            "UPDATE request SET status = 'IN_QUEUE' WHERE id = ? AND status = 'IN_PROGRESS'",
            (request.id,),
        )

    def position(self, request: Request) -> int:
        """How many wait before it."""
        row = self._db.execute(
            "SELECT count(*) FROM request WHERE status = 'IN_QUEUE' AND submitted_at < ?",
            (request.submitted_at,),
        ).fetchone()
        return int(row[0])

    def all(self) -> list[Request]:
        return self._many("SELECT * FROM request ORDER BY submitted_at")

    def untold(self) -> list[Request]:
        """Finished, with a webhook nobody has answered with 2xx and that was not given up."""
        return self._many(
            "SELECT * FROM request WHERE status = 'COMPLETED' AND webhook IS NOT NULL"
            " AND told_at IS NULL AND coalesce(error_type, '') <> 'client_cancelled'"
            " ORDER BY finished_at"
        )

    def count_telling(self, request: Request, done: bool) -> None:
        """One more attempt at the webhook; `done` when it needs no other."""
        self._db.execute(
            "UPDATE request SET tellings = tellings + 1, told_at = ? WHERE id = ?",
            (time.time() if done else None, request.id),
        )

    def add_file(self, file: File) -> None:
        self._db.execute(
            "INSERT INTO file VALUES (?, ?, ?, ?)",
            (file.id, file.name, file.content_type, file.expires_at),
        )

    def find_file(self, file_id: str) -> File | None:
        row = self._db.execute("SELECT * FROM file WHERE id = ?", (file_id,)).fetchone()
        return File(**row) if row else None

    def _one(self, query: str, *values: Any) -> Request | None:
        row = self._db.execute(query, values).fetchone()
        return _request(row) if row else None

    def _many(self, query: str) -> list[Request]:
        return [_request(row) for row in self._db.execute(query).fetchall()]


def _request(row: sqlite3.Row) -> Request:
    fields = dict(row)
    fields["input"] = json.loads(fields["input"])
    fields["answer"] = json.loads(fields["answer"]) if fields["answer"] else None
    fields["no_retry"] = bool(fields["no_retry"])
    return Request(**fields)
