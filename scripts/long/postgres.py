"""Sixteen workers send their runs to a ``mlflow server`` with PostgreSQL behind it; count what is missing or doubled.

``python -m scripts.long.postgres --workers 16`` starts both, on 127.0.0.1 only, and stops them by their process ids. It
also says what a run costs there in database rows and bytes.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.long.crowding import crowd, mlflow_server, postgresql, postgresql_missing


def size(uri: str) -> tuple[int, int, dict[str, int]]:
    """The database's bytes, its rows, and the rows of its largest tables."""
    import psycopg

    with psycopg.connect(re.sub(r"\+\w+", "", uri, count=1)) as database:
        (total,) = database.execute("select pg_database_size(current_database())").fetchone() or (0,)
        names = database.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        rows = {name: database.execute(f'select count(*) from "{name}"').fetchone() for (name,) in names}
    counts = {name: int(row[0]) for name, row in rows.items() if row and row[0]}
    largest = sorted(counts.items(), key=lambda item: -item[1])[:5]
    return int(total), sum(counts.values()), dict(largest)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.postgres", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=16)
    given = parser.parse_args()
    if reason := postgresql_missing():
        sys.exit(f"skipped: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="postgres_"))
    work = folder / "work"
    work.mkdir()
    with postgresql(folder) as database, mlflow_server(folder, database) as uri:
        row = crowd(work, given.workers, uri)
        total, rows, largest = size(database)
        files = sum(file.stat().st_size for file in (folder / "files").rglob("*") if file.is_file())
    shutil.rmtree(folder)
    print(", ".join(f"{name}: {value}" for name, value in row.items()))
    print(f"database: {total / 1e6:.1f} MB, {rows} rows ({largest}); files: {files / given.workers / 1e3:.0f} kB a run")
    sys.exit(0 if row["complete"] == given.workers and row["wrong"] == 0 else 1)


if __name__ == "__main__":
    main()
