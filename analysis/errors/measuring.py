"""One pass over the data for everything that is measured: each model runs once a batch."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, TypeVar

from analysis.errors.runs import FOUND_IN, TAPPED, Models, Observer, Run
from quant.data.dataset import Dataset
from quant.errors import ModelError
from quant.execution.progress import OnProgress
from quant.runtime.run import Results, run_sessions
from quant.runtime.session import InferenceSession

M = TypeVar("M", bound=Models)


def measure(
    models: M,
    data: Dataset,
    observers: Sequence[Observer[M, Any]],
    *,
    samples: int | None = None,
    batch: int | None = None,
    progress: OnProgress | None = None,
) -> None:
    """Run what the observers need, once a batch for all of them.

    Memory does not depend on the number of samples, but for what an observer keeps. Ask each
    observer for its result afterwards.

    Args:
        models: The float model and its int8 version.
        data: What to feed them with.
        observers: What to measure; each is used for one call only.
        samples: Use the first so many samples; None for all.
        batch: Samples to feed at once; None for as many as fit.
        progress: Called before the work, after every batch and at least every quarter of a
            second; it may raise :class:`quant.errors.Cancelled` to stop within a second.

    Raises:
        DataError: If the data does not fit the float model, or no sample is asked for.
        ModelError: If a model cannot be read or run, or both differ in inputs or outputs.
        Cancelled: If ``progress`` raised it.
    """
    order: list[Run] = []
    silent: list[Run] = []
    hosts: dict[Run, Run] = {}

    def opened() -> list[InferenceSession]:
        taps: dict[Run, dict[str, None]] = {}
        for observer in observers:
            for run, names in observer.needs(models).items():
                taps.setdefault(run, {}).update(dict.fromkeys(names))
        for run, host in FOUND_IN.items():
            if run in taps and taps.get(host):
                taps[host].update(taps.pop(run))
                hosts[run] = host
        silent.extend(run for run, names in taps.items() if run in TAPPED and not names)
        order.extend(run for run in Run if run in taps and run not in silent)
        if not order:
            order.append(Run.FLOAT)
        sessions: dict[Run, InferenceSession] = {}
        for run in order:
            sessions[run] = models.open(run, tuple(taps.get(run, ())))
            if run is Run.INT8 and Run.FLOAT in sessions:
                _refuse_strangers(sessions[Run.FLOAT], sessions[run])
        return list(sessions.values())

    running = run_sessions(opened, data, samples=samples, batch=batch, progress=progress)
    with closing(running) as results:
        for fed, found in results:
            by_run: dict[Run, Results] = {run: {} for run in silent}
            by_run.update(zip(order, found, strict=True))
            by_run.update({run: by_run[host] for run, host in hosts.items()})
            for observer in observers:
                observer.add(fed, by_run)


def _refuse_strangers(reference: InferenceSession, test: InferenceSession) -> None:
    for what in ("inputs", "outputs"):
        a, b = ({info.name for info in getattr(session, what)} for session in (reference, test))
        if a != b:
            raise ModelError(
                f"expected two models with the same {what}, found {_listed(a)} in the float model "
                f"and {_listed(b)} in the int8 one; compare a model with its own int8 version"
            )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
