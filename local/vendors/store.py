"""What a stand-in remembers: JSON documents in SQLite, written together with their journal."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.vendors.journal import Journal

Document = dict[str, Any]

TABLES = """
CREATE TABLE IF NOT EXISTS documents (
  position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS documents_kind ON documents (kind, position);
CREATE TABLE IF NOT EXISTS unwritten (
  entry INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, fields TEXT NOT NULL);
"""


class Store:
    """Documents by id and kind; an effect and its journal entry survive `kill -9` together."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._journal = journal
        # One thread at a time uses it, but not always the thread that made it.
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = NORMAL")
        self._sql.executescript(TABLES)
        self._write_journal(after_crash=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are kept, and journaled, or none; never await inside."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")
        self._write_journal()

    def put(self, kind: str, document_id: str, body: Document) -> None:
        """Add, or replace in its place; call inside a transaction."""
        self._sql.execute(
            "INSERT INTO documents (id, kind, body) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (document_id, kind, json.dumps(body)),
        )

    def record(self, operation: str, **fields: Any) -> None:
        """Journal this when the running transaction commits."""
        self._sql.execute(
            "INSERT INTO unwritten (operation, fields) VALUES (?, ?)",
            (operation, json.dumps(fields, default=str)),
        )

    def delete(self, document_id: str) -> None:
        self._sql.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def get(self, kind: str, document_id: str) -> Document | None:
        row = self._sql.execute(
            "SELECT body FROM documents WHERE id = ? AND kind = ?", (document_id, kind)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def find(self, kind: str, **equal: str | int) -> list[Document]:
        """Every document of a kind whose top-level fields equal these, oldest first."""
        where = "".join(" AND json_extract(body, ?) = ?" for _ in equal)
        values = [value for name, wanted in equal.items() for value in (f"$.{name}", wanted)]
        rows = self._sql.execute(
            f"SELECT body FROM documents WHERE kind = ?{where} ORDER BY position",  # noqa: S608
            (kind, *values),
        )
        return [json.loads(row[0]) for row in rows]

    def close(self) -> None:
        self._sql.close()

    def _write_journal(self, *, after_crash: bool = False) -> None:
        rows = self._sql.execute("SELECT entry, operation, fields FROM unwritten ORDER BY entry")
        waiting = rows.fetchall()
        # Killed between the two writes, the journal may already hold the first of these.
        held = {e.get("entry") for e in self._journal.entries()} if after_crash and waiting else ()
        for entry, operation, fields in waiting:
            if entry not in held:
                self._journal.record(operation, entry=entry, **json.loads(fields))
            self._sql.execute("DELETE FROM unwritten WHERE entry = ?", (entry,))
