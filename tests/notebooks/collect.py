"""Each notebook is a test: it runs to its end, and its texts are those that are committed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WHOLE_RUN_S = 900
"""How long a notebook may take, on a busy machine too."""


class TextsChanged(Exception):
    """The notebook says something else than what is committed; the diff is in the argument."""


class NotebookFile(pytest.File):
    """A file of its own, so that notebooks run side by side."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one test of it."""
        item = CommittedNotebook.from_parent(self, name="says what is committed")
        item.add_marker(pytest.mark.timeout(WHOLE_RUN_S))
        yield item


class CommittedNotebook(pytest.Item):
    """The notebook, run once."""

    def runtest(self) -> None:
        import nbformat  # late: every run of any test imports this file

        from tests.notebooks.execute import execute
        from tests.notebooks.outputs import difference

        committed = nbformat.read(self.path, as_version=4)
        changed = difference(committed, execute(self.path))
        if changed:
            raise TextsChanged(changed)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if not isinstance(excinfo.value, TextsChanged):
            return super().repr_failure(excinfo, style)
        number = self.path.name.split("_")[0]
        return (
            f"{self.path.name} says something else than what is committed:\n{excinfo.value}\n"
            f"Where this is meant, `uv run python -m tests.notebooks {number}` writes it."
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    if file_path.suffix != ".ipynb":
        return None
    return NotebookFile.from_parent(parent, path=file_path)
