"""The store of the resumable arm: answers in a SQLite file, which a worker writes."""

import sqlite3
from pathlib import Path
from typing import Self

BUSY_S = 5.0
TABLES = """
CREATE TABLE IF NOT EXISTS words (answer TEXT, n INTEGER, word TEXT, PRIMARY KEY (answer, n));
CREATE TABLE IF NOT EXISTS finished (answer TEXT PRIMARY KEY);
"""


class AnswerStore:
    """Answers, word by word. What was added is there after a SIGKILL of whoever added it."""

    def __init__(self, path: Path):
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, answer: str, n: int, word: str) -> None:
        """Store the word number `n` of `answer`, which counts from 1."""
        self._db.execute("INSERT INTO words VALUES (?, ?, ?)", (answer, n, word))

    def finish(self, answer: str) -> None:
        """Say that no further word of `answer` will come."""
        self._db.execute("INSERT INTO finished VALUES (?)", (answer,))

    def words_after(self, answer: str, n: int) -> list[tuple[int, str]]:
        """The words of `answer` that are stored after number `n`, each with its number."""
        query = "SELECT n, word FROM words WHERE answer = ? AND n > ? ORDER BY n"
        return self._db.execute(query, (answer, n)).fetchall()

    def is_finished(self, answer: str) -> bool:
        """Whether all its words are stored. Ask before `words_after`, or the last may be missed."""
        query = "SELECT 1 FROM finished WHERE answer = ?"
        return self._db.execute(query, (answer,)).fetchone() is not None
