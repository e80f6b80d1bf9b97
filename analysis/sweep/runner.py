"""Run one variant of a model for each of its units, each only from where it differs.

The units are taken in groups of topological neighbours. The base model runs once for a group and
keeps the tensors that the group's diffs read; then each unit's diff runs on them, several
units at a time with one thread each, because that wastes less than several threads on one. Where
the tensors of all samples fit the memory budget a unit is finished before the next begins;
otherwise the samples come in chunks, and the group's sessions wait between them.

Base and diffs are optimized like a float model and compute quantization as it is defined.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, repeat

from analysis.errors.output_scores import OutputScores, ScoreAccumulator
from analysis.metrics import Metric
from analysis.sweep.subgraph_diff import BaseGraph, SubgraphDiff, TensorForm
from analysis.sweep.subject import BaseBatch, Subject
from quant.ablation import QuantUnit
from quant.data.dataset import Batch, Dataset
from quant.errors import ModelError
from quant.execution.execution import Execution
from quant.execution.progress import OnProgress, Reporter
from quant.model.serialize import to_bytes
from quant.model.weights_beside import ModelBytes, folder_of
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession, cores

GROUP = 16
"""Units that share one run of the base, where memory allows; up to twice as many where all samples
fit. Each run costs more than a plain one, because tensors that are looked at cannot be fused
away, but results of a group of hundreds would be long in coming."""

PLANNED = 0.6
"""Share of the memory budget that is planned with: ONNX Runtime's arenas grow by doubling."""


def sweep(
    subject: Subject,
    units: Sequence[QuantUnit],
    data: Dataset,
    *,
    total: int,
    metric: Metric | None,
    budget_bytes: int,
    skip: Iterable[str],
    progress: OnProgress | None,
) -> Generator[tuple[QuantUnit, OutputScores]]:
    """Score the variant of every unit.

    How units are grouped does not depend on ``skip``, so that a sweep in two parts gives the very
    numbers of a whole one.

    Args:
        subject: The model and its variants.
        units: All units in topological order.
        data: What to feed, matched to the model.
        total: Number of samples to use.
        metric: The user's metric, or None.
        budget_bytes: Memory to keep tensors and sessions in, roughly; one unit and one batch are
            held whatever they take.
        skip: Names of units that are known already.
        progress: Called with the samples of units done, at least every quarter of a second; it
            may raise.

    Yields:
        Each unit that is not skipped with its scores, as soon as they are final.
    """
    known = frozenset(skip)
    left = sum(unit.name not in known for unit in units)
    if not left:
        return
    budget = int(PLANNED * budget_bytes)
    run = _Sweep(subject, data, total, metric, budget, Reporter(total * left, progress))
    run.heartbeat()
    run.execution().run(run.prepare)
    with closing(run.groups(units)) as groups:
        for group in groups:
            works = [work for work in group if work.unit.name not in known]
            if works:
                yield from run.results(group, works)


@dataclass(eq=False)
class _Work:
    """A unit on its way."""

    unit: QuantUnit
    diff: SubgraphDiff
    accumulator: ScoreAccumulator
    session: InferenceSession | None = None


@dataclass(eq=False)
class _Sweep:
    subject: Subject
    data: Dataset
    total: int
    metric: Metric | None
    budget: int
    report: Reporter
    _base: BaseGraph = field(init=False)
    _forms: dict[str, TensorForm] = field(init=False)
    _outputs: tuple[str, ...] = field(init=False)
    _batch: int = field(init=False)
    _workers: int = field(init=False)
    _done: deque[int] = field(default_factory=deque[int])
    _live: set[InferenceSession] = field(default_factory=set[InferenceSession])
    _stopped: threading.Event = field(default_factory=threading.Event)
    _content: bytes = field(init=False)
    _sample_bytes: int = field(init=False)

    def heartbeat(self) -> None:
        """Count what the workers did, and report it."""
        self.report.advance(sum(self._done.popleft() for _ in range(len(self._done))))

    def stop(self) -> None:
        """Make work in progress fail soon."""
        self._stopped.set()
        for session in tuple(self._live):
            session.stop()

    def execution(self, workers: int = 1) -> Execution:
        """How a part of the sweep is run."""
        return Execution(self.heartbeat, self.stop, workers)

    def prepare(self) -> None:
        """Look at the base and at what a sample takes in it."""
        self._base = BaseGraph(self.subject.base)
        self._content = to_bytes(self.subject.base)
        plain = self._opened(self.subject.float_model)
        self._outputs = tuple(info.name for info in plain.outputs)
        size, _ = batch_size((plain,), self.data)
        sample = self.data.probe
        taps = (*self._base.tensors, *self._outputs)
        probe = self._opened(self._content, tuple(dict.fromkeys(taps)))
        found = {**sample, **probe.run(sample)}
        self._live -= {plain, probe}
        made = (value for node in self.subject.base.graph for value in node.outputs)
        values = {str(value.name): value for value in made}
        self._forms = {
            name: TensorForm.of(array, values.get(name)) for name, array in found.items()
        }
        self._sample_bytes = self._most_at_a_node()
        whole = 2 * len(self._content)
        self._workers = max(1, min(cores(), self.budget // (2 * (whole + self._sample_bytes))))
        room = self.budget // 2 // self._workers - whole
        self._batch = max(1, min(size, room // max(self._sample_bytes, 1)))

    def _most_at_a_node(self) -> int:
        """Bytes that a session works on for one sample: three times what one node touches."""
        return 3 * max(
            sum(
                self._forms[str(value.name)].nbytes
                for value in (*node.inputs, *node.outputs)
                if value is not None and str(value.name) in self._forms
            )
            for node in self.subject.base.graph
        )

    def _opened(
        self, model: bytes, taps: Sequence[str] = (), threads: int | None = None
    ) -> InferenceSession:
        session = InferenceSession(
            model, taps=taps, level=self.subject.level, threads=threads, integer_kernels=False
        )
        self._live.add(session)
        return session

    def groups(self, units: Sequence[QuantUnit]) -> Generator[list[_Work]]:
        """The units in groups. The next one is planned while the last one runs."""
        planned = self._planned(units)
        found = self.execution().map(lambda _: next(planned, None), repeat(None))
        with closing(found):
            yield from iter(partial(next, found), None)

    def _planned(self, units: Sequence[QuantUnit]) -> Generator[list[_Work]]:
        group: list[_Work] = []
        for unit in units:
            if self._stopped.is_set():
                return
            diff = self._base.diff(self.subject.variant(unit))
            work = _Work(unit, diff, ScoreAccumulator(self.metric, self.data.labels))
            if group and self._full(group, work):
                yield group
                group = []
            group.append(work)
        yield group

    def _full(self, group: Sequence[_Work], work: _Work) -> bool:
        """Whether ``group`` goes without ``work``."""
        if len(group) == 2 * GROUP:
            return True
        grown = self._chunk([*group, work])
        # Half a group that is done unit by unit is worth more than a whole one that is not.
        whole = self._chunk(group) == self.total and 2 * len(group) >= GROUP
        return grown is None or (whole and grown < self.total)

    def _chunk(self, group: Sequence[_Work]) -> int | None:
        """The samples whose tensors fit together with the group's sessions; None if too few do."""
        reads = {name for work in group for name in work.diff.reads.values()}
        reads.update(self._outputs)
        sample = sum(self._forms[name].nbytes for name in reads)
        sessions = sorted(
            2 * work.diff.constant_bytes + self._batch * self._sample_bytes for work in group
        )
        if sample * self.total + sum(sessions[-self._workers :]) <= self.budget:
            return self.total
        chunk = (self.budget - sum(sessions)) // max(sample, 1)
        if len(group) > GROUP or chunk < self._batch:
            return None
        return chunk

    def results(
        self, group: Sequence[_Work], works: Sequence[_Work]
    ) -> Generator[tuple[QuantUnit, OutputScores]]:
        """Run the units ``works`` of a group."""
        reads = {name for work in group for name in work.diff.reads.values()}
        reads.update(name for work in group for name in work.diff.unchanged.values())
        inputs = set(self.data.names)
        taps = tuple(sorted((reads | set(self._outputs)) - inputs))
        base, reference = self.execution().run(partial(self._open_base, taps))
        chunk = max(self._chunk(group) or 0, self._batch)
        batches = self.data.batches(self._batch, self.total)
        done = 0
        while done < self.total:
            # Samples of several shapes come in more batches than their number says.
            piece = islice(batches, None if chunk >= self.total else chunk // self._batch)
            keep = partial(self._step, base, reference, reads)
            with closing(self.execution().map(keep, piece)) as held:
                steps = list(held)
            done += sum(step.batch.size for step in steps)
            last = done >= self.total
            advance = partial(self._advance, steps, last=last)
            with closing(self.execution(self._workers).map(advance, works)) as finished:
                for work in finished:
                    self.heartbeat()
                    if last:
                        yield work.unit, work.accumulator.result()
            del steps
        self._live.clear()

    def _open_base(self, taps: Sequence[str]) -> tuple[InferenceSession, InferenceSession | None]:
        base = self._opened(self._content, taps)
        return base, None if self.subject.float_base else self._opened(self.subject.float_model)

    def _step(
        self,
        base: InferenceSession,
        reference: InferenceSession | None,
        reads: set[str],
        batch: Batch,
    ) -> BaseBatch:
        found = base.run(batch.feeds)
        outputs = {name: found[name] for name in self._outputs}
        if reference is not None:
            outputs = reference.run(batch.feeds)
        found.update(batch.feeds)
        return BaseBatch(batch, {name: found[name] for name in reads}, batch.own(outputs))

    def _advance(self, steps: Sequence[BaseBatch], work: _Work, *, last: bool) -> _Work:
        """Run a unit's diff on the next samples."""
        diff = work.diff
        if diff.nodes and work.session is None:
            content = diff.to_bytes(self._forms, self.subject.base.ir_version)
            content = ModelBytes.of(content, folder_of(self._content))
            work.session = self._opened(content, threads=cores() // self._workers)
        for step in steps:
            if self._stopped.is_set():
                raise ModelError("the sweep was stopped")
            test = {name: step.tensors[same] for name, same in diff.unchanged.items()}
            if work.session is not None:
                feeds = {name: step.tensors[same] for name, same in diff.reads.items()}
                test.update(work.session.run(feeds))
            work.accumulator.add(step.reference, step.batch.own(test), samples=step.batch.size)
            self._done.append(step.batch.size)
        if last and work.session is not None:
            self._live.discard(work.session)
            work.session = None
        return work
