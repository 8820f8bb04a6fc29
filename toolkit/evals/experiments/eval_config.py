"""EvalConfig: an experiment as a YAML file: what is run, on which cases, and what scores it."""

import importlib
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from toolkit.errors import message_for_user
from toolkit.evals.experiments.case_audit import CaseAudit
from toolkit.evals.experiments.dataset import Dataset
from toolkit.evals.experiments.model_task import ModelSpec, connect, model_task
from toolkit.evals.experiments.plan import checked_scorers, plan
from toolkit.evals.experiments.versions import version_of
from toolkit.evals.judges import Judge, Rubric
from toolkit.evals.judges.front_matter import fields_in, located
from toolkit.models import Model
from toolkit.records import RecordError, read_text, validate
from toolkit.shown import Shown

STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricScorer(Shown):
    """A judge: a rubric's file, and the model that applies it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    rubric: str
    model: ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalConfig(Shown):
    """An experiment as its file describes it. Files that it names lie beside it; a function is
    named ``module:function``, of a module beside it, or of an installed one.

    Raises ValueError for a config from which nothing could be run.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    dataset: str
    """A file that `Dataset.load` reads."""
    task: str = ""
    """A function of ``(case)`` or ``(case, trial)``."""
    model: ModelSpec | None = None
    """In the place of a task: a model that answers the case's input."""
    scorers: tuple[str, ...] = ()
    """Functions of ``(trace)`` or ``(trace, case)``, or judges."""
    rubrics: tuple[RubricScorer, ...] = ()
    name: str = ""
    """By default that of the config's file. On a server it is the experiment's session."""
    trials: int = 1
    concurrency: int = 8
    budget_usd: float | None = None
    timeout_s: float = 600.0
    stop_after_errors: int | None = 10
    store: str = ""
    """A file, or the URL of a nats-server. Without one, nothing is kept of what is broken off."""
    replicas: int = 1
    """Copies that a cluster of servers keeps."""
    audit: str = ""
    """A function of the cases that gives their `CaseAudit`."""
    policy: str = ""
    """The policy by which ``fieldbook gate`` decides about the result."""

    def __post_init__(self) -> None:
        if bool(self.task) == (self.model is not None):
            raise ValueError("give task, or model: what is to be evaluated")
        if not self.scorers and not self.rubrics:
            raise ValueError("give scorers, or rubrics: else nothing says what is good")
        if self._asks_live and self.budget_usd is None:
            raise ValueError("a live model spends real money: give budget_usd, the most it may be")

    @property
    def _asks_live(self) -> bool:
        models = [judge.model for judge in self.rubrics]
        if self.model is not None:
            models.append(self.model)
        return any(model.live for model in models)

    @classmethod
    def load(cls, path: str | Path) -> "EvalConfig":
        """Read a YAML file. Raises RecordError with the line and the field that are wrong."""
        source = read_text(path)
        as_yaml = Path(path).with_suffix(".yaml")  # whatever its name, it is YAML
        try:
            return validate(cls, fields_in(source, as_yaml), str(path))
        except RecordError as error:
            why = error.why
            if why.startswith("Unexpected"):
                known = [each.name for each in fields(cls)]
                why += f": known are {', '.join(known)}"
            plainer = RecordError(why, str(path), error.line, error.field)
            raise _located(plainer, source, path) from None


@dataclass(frozen=True, slots=True)
class Work:
    """What a config stands for: the arguments of `evaluate`."""

    task: Callable[..., Any]
    dataset: Dataset
    scorers: tuple[Any, ...]
    audit: Any

    def planned(self, trials: int) -> list[str]:
        """The keys of the results that are to be made."""
        versions = [version_of(scorer) for scorer in checked_scorers(self.scorers)]
        planned = plan(self.dataset, trials, version_of(self.task), versions)
        return [trial.result_key for trial in planned]


async def work_of(config: EvalConfig, path: Path, stack: AsyncExitStack) -> Work:
    """The functions, files and models that a config names; `stack` closes the models.

    Raises RecordError that names the field, for what is not there.
    """
    folder = path.resolve().parent
    finder = Finder(path, folder)
    dataset = finder.get("dataset", Dataset.load, folder / config.dataset)
    if dataset.problems:
        raise dataset.problems[0]
    if config.model:
        model = await finder.connect("model", config.model, config.budget_usd, stack)
        task = model_task(model, config.model)
    else:
        task = finder.function("task", config.task)
    scorers = []
    for number, named in enumerate(config.scorers):
        scorers.append(finder.function(f"scorers.{number}", named))
    for number, judge in enumerate(config.rubrics):
        field = f"rubrics.{number}"
        rubric = finder.get(f"{field}.rubric", Rubric.load, folder / judge.rubric)
        model = await finder.connect(f"{field}.model", judge.model, config.budget_usd, stack)
        scorers.append(Judge(rubric, model))
    audit = None
    if config.audit:
        audit_of = finder.function("audit", config.audit)
        audit = finder.get("audit", audit_of, list(dataset))
        if not isinstance(audit, CaseAudit):
            kind = type(audit).__name__
            raise finder.error("audit", f"{config.audit} gave {kind}, and not a CaseAudit")
    return Work(task, dataset, tuple(scorers), audit)


class Finder:
    """What is found by a config's fields. What is not there is an error that names the field."""

    def __init__(self, path: Path, folder: Path):
        self._path = path
        self._source = read_text(path)
        for place in (str(folder), str(Path.cwd())):
            if place not in sys.path:
                sys.path.insert(0, place)

    async def connect(
        self, field: str, spec: ModelSpec, budget_usd: float | None, stack: AsyncExitStack
    ) -> Model:
        """The model that a field names; `stack` closes it."""
        return await stack.enter_async_context(self.get(field, connect, spec, budget_usd))

    def get(self, field: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """What `make` gives."""
        try:
            return make(*arguments)
        except RecordError:
            raise  # it names a file and a line of its own
        except SystemExit as error:
            raise self.error(field, f"it ended the program: {error!r}") from error
        except Exception as error:  # whatever the user's code raises
            raise self.error(field, message_for_user(error) or repr(error)) from error

    def function(self, field: str, named: str) -> Any:
        """What ``module:function`` names."""
        module_name, colon, name = named.partition(":")
        if not (module_name and colon and name):
            raise self.error(field, f"{named!r} is not module:function")
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:  # whatever the user's module raises
            why = f"{module_name} cannot be imported: {type(error).__name__}: {error}"
            raise self.error(field, why) from error
        if not hasattr(module, name):
            raise self.error(field, f"{module_name} has no {name}")
        found = getattr(module, name)
        if not callable(found) and not hasattr(found, "score_all"):
            raise self.error(field, f"{named} is no function: it is {type(found).__name__}")
        return found

    def error(self, field: str, why: str) -> RecordError:
        """An error that names a field, and its line."""
        error = RecordError(why, str(self._path), None, field)
        return _located(error, self._source, self._path)


def _located(error: RecordError, source: str, path: str | Path) -> RecordError:
    """The same error, with the line of its field in the config's file."""
    found = located(error, source, Path(path).with_suffix(".yaml"))
    return RecordError(found.why, str(path), found.line, found.field)
