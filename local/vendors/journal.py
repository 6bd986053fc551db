"""What a stand-in did, written before it answers: the outside truth tests compare with."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file of JSON lines; survives `kill -9` of the stand-ins."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def record(self, operation: str, **fields: Any) -> None:
        """Append one entry, e.g. `record("submit", request_id=…, model=…)`. Never pass a secret."""
        line = {"at": time.time(), "operation": operation, **fields}
        self._file.write(json.dumps(line, default=str) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def entries(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Every entry so far, oldest first, of one operation when named."""
        lines = self._path.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines]
        return [e for e in entries if operation in (None, e["operation"])]
