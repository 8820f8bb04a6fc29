"""Judge: a model that reads a trace against a rubric. What is not a clear verdict is unscored, and
says why.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Literal

from toolkit.evals.judges.judging import in_turn, is_scored, refuse_one_trace
from toolkit.evals.judges.prompt import (
    SYSTEM,
    examples_block,
    findings_in,
    findings_schema,
    settled,
    trace_block,
)
from toolkit.evals.judges.rubric import Rubric
from toolkit.evals.judges.verdict import Verdict, VerdictStore
from toolkit.evals.labels.splits import Split
from toolkit.models import Model, Reply, Request, UnknownModel, Usage
from toolkit.models.deadline import within
from toolkit.models.model import Progress
from toolkit.models.prices import cost_of, worst_case
from toolkit.models.wire import body_of
from toolkit.records import fingerprint
from toolkit.traces import Trace
from toolkit.traces.sources import least_live

__all__ = ["Judge", "Verdict", "in_turn"]


@dataclass(frozen=True, slots=True)
class Judge:
    """A rubric and the model that applies it. Raises ValueError for a few-shot example that must
    not be shown.
    """

    rubric: Rubric
    model: Model
    max_tokens: int = 2048
    timeout_s: float = 120.0
    repeat: int = 1
    """How often each trace is read. More than half of the readings must say the same, or it is
    unscored.
    """
    shown: tuple[Trace, ...] = ()
    """The traces of the rubric's examples. They are not judged, nor are their copies: the judge was
    told the answer.
    """
    split: Split | None = None
    """Examples must then be of its train part."""
    kept: VerdictStore = field(default_factory=VerdictStore, compare=False, repr=False)
    """Each verdict as it came, by (`hash`, trace id): still here where a run was broken off. See
    `score_all`. ``VerdictStore(path)`` keeps them on disk.
    """

    def __post_init__(self) -> None:
        missing = self._example_ids - {trace.id for trace in self.shown}
        if missing:
            listed = ", ".join(sorted(missing))
            raise ValueError(f"the rubric has examples whose traces are not in shown=: {listed}")
        if self.repeat < 1:
            raise ValueError(f"repeat is at least 1, not {self.repeat}")
        if self.split:
            self.split.refuse_examples(self._example_ids)

    @property
    def _example_ids(self) -> set[str]:
        return {example.trace_id for example in self.rubric.examples}

    @property
    def hash(self) -> str:
        """16 hex digits that bind rubric, model (a script is another), prompt, examples and
        parameters.
        """
        request = body_of(self.request(Trace("", ())), self.model.name)
        is_simulated = self.model.source == "simulated"
        return fingerprint([self.rubric.hash, request, self.repeat, is_simulated])[:16]

    @property
    def says(self) -> str:
        """What this judge is, in words."""
        name = self.model.name
        if self.model.source == "simulated":
            return f"simulated: a script stands in for {name}, and no model reads the rubric"
        return f"{name}, {self.model.source}"

    def request(self, trace: Trace, reading: int = 1) -> Request:
        """What the model is asked about `trace`. A later `reading` says which: to a tape it is
        another question.
        """
        question = trace_block(trace)
        if reading > 1:
            question += f"\n\nReading {reading}."
        return self.ask(question, self._criterion_ids, self.rubric.scale, trace.id)

    @property
    def _criterion_ids(self) -> list[str]:
        return [criterion.id for criterion in self.rubric.criteria]

    def ask(self, what: str, names: Iterable[str], grades: Iterable[str], about: str) -> Request:
        """The request that puts `what` under the rubric and its examples, and wants one of `grades`
        for each name.
        """
        examples = examples_block(self.rubric, self.shown)
        text = f"<rubric>\n{self.rubric.prompt}\n</rubric>\n\n{examples}{what}"
        return Request(
            ({"role": "user", "content": text},),
            SYSTEM,
            schema=findings_schema(list(names), list(grades)),
            max_tokens=self.max_tokens,
            metadata={"user_id": about},
        )

    def worst_case_usd(
        self,
        traces: Sequence[Trace],
        known: Mapping[tuple[str, str], Verdict] | None = None,
        batch: bool = False,
    ) -> float:
        """The most that ``score_all(traces)`` with the same arguments can cost, in dollars, before
        it is run.

        It is counted at the model's price, whatever answers: a script and a tape are free. Raises
        UnknownModel where there is no price.
        """
        refuse_one_trace(traces)
        total_usd = 0.0
        for trace in self._unscored_of(traces, known):
            for number in self._readings(trace):
                usage = worst_case(self.request(trace, number))
                total_usd += cost_of(self.model, usage, batch)
        return total_usd

    async def score(self, trace: Trace) -> Verdict:
        """Judge one trace. Never raises for what the model does: that is an unscored verdict."""
        readings = []
        for number in self._readings(trace):
            reply = await self.reply(self.request(trace, number))
            readings.append(self.read(trace, reply))
        return self._keep(self._majority(trace, readings))

    async def score_all(
        self,
        traces: Sequence[Trace],
        progress: Progress | None = None,
        concurrency: int = 8,
        batch: bool = False,
        known: Mapping[tuple[str, str], Verdict] | None = None,
    ) -> list[Verdict]:
        """Judge `traces`, in their order, at most `concurrency` at a time; or through the message
        batches API.

        A batch is cheaper and may take a day; `progress` then counts readings. A `progress` that
        raises is reported in the log, and costs no verdict. Each verdict is in `kept` as soon as it
        came, so after a run that was broken off ``score_all(traces, known=judge.kept)`` asks only
        about the rest, and again about what was unscored. Raises NotImplementedError for `batch`
        with a model that has none.
        """
        refuse_one_trace(traces)
        rest = {trace.id for trace in self._unscored_of(traces, known)}
        known = dict(known or {})
        own_hash = self.hash
        if batch:
            asked = [trace for trace in traces if trace.id in rest]
            for verdict in await self._score_batch(asked, progress):
                known[own_hash, verdict.trace_id] = verdict
            return [known[own_hash, trace.id] for trace in traces]

        async def score(trace: Trace) -> Verdict:
            if trace.id in rest:
                return await self.score(trace)
            return known[own_hash, trace.id]

        return await in_turn(score, traces, progress, concurrency)

    def _unscored_of(
        self, traces: Sequence[Trace], known: Mapping[tuple[str, str], Verdict] | None
    ) -> list[Trace]:
        """Those of `traces` on which no verdict of this judge is `known`, or an unscored one."""
        own_hash = self.hash
        return [trace for trace in traces if not is_scored(known or {}, own_hash, trace)]

    async def _score_batch(
        self, traces: Sequence[Trace], progress: Progress | None
    ) -> list[Verdict]:
        requests = []
        for trace in traces:
            requests += [self.request(trace, number) for number in self._readings(trace)]
        replies = iter(await self._batch_replies(requests, progress))
        verdicts = []
        for trace in traces:
            readings = [self.read(trace, next(replies), batch=True) for _ in self._readings(trace)]
            verdicts.append(self._keep(self._majority(trace, readings)))
        return verdicts

    async def _batch_replies(
        self, requests: list[Request], progress: Progress | None
    ) -> list[Reply]:
        """A reply to each request; where the batch goes wrong, replies that say so."""
        try:
            if not hasattr(self.model, "batch"):
                kind = type(self.model).__name__
                raise NotImplementedError(f"{kind} has no batch(): leave out batch=True")
            replies = await self.model.batch(requests, progress)
            if len(replies) != len(requests):
                raise ValueError(f"{len(replies)} replies to {len(requests)} requests")
        except NotImplementedError:
            raise
        except Exception as error:
            failure = self._no_reply("error", f"batch: {type(error).__name__}: {error}")
            return [failure] * len(requests)
        return list(replies)

    def _keep(self, verdict: Verdict) -> Verdict:
        self.kept.keep(verdict)
        return verdict

    def _readings(self, trace: Trace) -> range:
        """The numbers of its readings, from 1; none where the judge was told the answer."""
        for shown in self.shown:
            is_example = shown.id in self._example_ids
            if is_example and (trace.id == shown.id or trace.steps == shown.steps):
                return range(0)
        return range(1, self.repeat + 1)

    async def reply(self, request: Request) -> Reply:
        """The model's reply to `request`, in time; whatever goes wrong is a Reply that says so."""
        try:
            async with within(self.timeout_s):
                return await self.model.reply(request)
        except TimeoutError:
            return self._no_reply("timeout", f"no reply within {self.timeout_s:g} s")
        except Exception as error:
            return self._no_reply("error", f"{type(error).__name__}: {error}")

    def _no_reply(self, stopped: Literal["timeout", "error"], why: str) -> Reply:
        return Reply("", stopped, self.model.name, self.model.source, why=why)

    def read(self, trace: Trace, reply: Reply, batch: bool = False) -> Verdict:
        """The verdict in `reply`, unscored unless it is one beyond doubt."""
        try:
            cost: float | None = cost_of(self.model, reply.usage, batch)
        except UnknownModel:
            cost = None
        unscored = replace(
            self._unscored(trace, ""), source=reply.source, usage=reply.usage, cost_usd=cost
        )
        try:
            findings = findings_in(reply, self._criterion_ids, self.rubric.scale)
            return replace(unscored, **settled(self.rubric, findings))
        except ValueError as error:
            return replace(unscored, why_unscored=str(error))

    def _unscored(self, trace: Trace, why: str) -> Verdict:
        return Verdict(
            trace.id,
            None,
            "",
            why,
            self.model.source,
            self.hash,
            votes=(None,),
            trace_source=trace.source,
        )

    def _majority(self, trace: Trace, readings: Sequence[Verdict]) -> Verdict:
        """What more than half of the `readings` say, in the words of the first that says it."""
        if not readings:
            unscored = self._unscored(trace, "it is an example in the judge's prompt")
            return replace(unscored, example=True)
        votes = tuple(reading.verdict for reading in readings)
        costs = [reading.cost_usd for reading in readings]
        priced = [cost for cost in costs if cost is not None]
        together: dict[str, Any] = {
            "votes": votes,
            "usage": _total_usage([reading.usage for reading in readings]),
            "source": least_live(reading.source for reading in readings),
            "cost_usd": sum(priced) if len(priced) == len(costs) else None,
        }
        most_common, times = Counter(votes).most_common(1)[0]
        if most_common and 2 * times > len(votes):
            first = readings[votes.index(most_common)]
            return replace(first, **together)
        reasons = dict.fromkeys(reading.why_unscored for reading in readings)
        why = "; ".join(reason for reason in reasons if reason)
        if len(votes) > 1:
            why = f"no majority: {', '.join(vote or 'unscored' for vote in votes)}. {why}"
        return replace(self._unscored(trace, why), **together)


def _total_usage(usages: Sequence[Usage]) -> Usage:
    """The tokens of all readings."""
    counts = zip(*(astuple(usage) for usage in usages), strict=True)
    return Usage(*(sum(count) for count in counts))
