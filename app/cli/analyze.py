"""``quantlens analyze``: where the accuracy goes and why, into a folder, resumed when run again."""

import argparse
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import quant
from analysis.errors.debug_rounds import debug_reports
from analysis.findings import Finding
from analysis.report import report_html
from analysis.report.documents import before_json, findings_json, layer_table, summary_json
from analysis.report.node_data import node_data_files
from analysis.study.analysis import ERRORS, Analysis, ErrorName, analysis_of, stages_of
from analysis.study.before_after import BeforeAfter, before_after
from analysis.study.journal import Journal
from analysis.study.stages import CALIBRATING
from analysis.study.study import CalibrationData, Study
from analysis.study.sweeping import SWEEPS, effects_of
from analysis.sweep.unit_effects import KINDS
from app.cli.arguments import (
    data_of,
    for_machines,
    model_and_data,
    named_recipe,
    positive,
    recipe_of,
    recipe_or_preset,
    working_in,
)
from app.cli.metric_word import metric_of, metric_word
from app.cli.output import report
from app.cli.progress_line import Meter
from quant.error_model.sqnr import decibels
from quant.errors import Cancelled, did_you_mean
from quant.execution.progress import Progress
from quant.io.atomic import staged
from quant.io.tables import table_csv

STATE = "state.jsonl"
"""The file in the folder that holds what is known so far."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_data(parser)
    parser.add_argument("--calibration", type=Path, help="calibration file; DATA without it")
    recipe_or_preset(parser)
    parser.add_argument(
        "--before",
        metavar="R.json|PRESET",
        help="the recipe that one began with: the report says what changed since, and what it gave",
    )
    metric_word(parser)
    parser.add_argument(
        "--errors",
        default="local,cumulative,sensitivity,benefit",
        help="which errors to measure (default: %(default)s)",
    )
    parser.add_argument("--samples", type=positive, help="measure on the first N samples only")
    parser.add_argument(
        "--also",
        default="",
        metavar="REPORTS",
        help=f"further reports, for other tools: {', '.join(FURTHER)}",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=1,
        help="samples that MindSpore Lite's reports are of, a file each (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write, and to resume in"
    )
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Analyze and print a summary."""
    values, text = analyzed(options, recipe_of(options.recipe, options.preset))
    report(options, values, text)


def analyzed(options: argparse.Namespace, recipe: quant.Recipe) -> tuple[dict[str, Any], str]:
    """Analyze a model and write ``layers.csv``, ``findings.json`` and ``report.html``.

    Args:
        options: The words of the command line.
        recipe: What to quantize with.

    Returns:
        A summary for machines and one for people.

    Raises:
        QuantError: If the input is at fault; what the folder holds by then is kept.
        Cancelled: If interrupted, with what to do to go on.
    """
    errors, also = _errors(options.errors), _further(options.also)
    model = quant.load(options.model)
    before = named_recipe(options.before) if options.before else None
    for asked in (recipe, before):
        if asked is not None:
            quant.plan(model, asked)  # a mistake in a recipe is told before the long work
    data = data_of(options.data, model, options)
    study = Study(
        model=model,
        statistics=_statistics(options, model, data),
        evaluation=data,
        recipe=recipe,
        metric=metric_of(options.metric, model, data),
        samples=options.samples,
    )
    with working_in(options.out):
        found, since, done = _analyzed_in(options.out, study, errors, before)
        further: dict[str, str] = {}
        for name in also:
            further |= FURTHER[name](found, data, options.rounds)
        files = _write(options.out, found, since, further)
        values = summary_json(found)
        values["files"] = {name: str(path) for name, path in files.items()}
        values["units_measured"] = done
        if since is not None:
            values["before"] = before_json(since)
        return values, _text(found, since, files)


def _analyzed_in(
    folder: Path, study: Study, errors: tuple[ErrorName, ...], before: quant.Recipe | None
) -> tuple[Analysis, BeforeAfter | None, dict[str, int]]:
    """The analysis, what was before, and how many units were measured this time, by error."""
    with Meter("") as meter:
        study.run([CALIBRATING], _Stages(meter))
    about = study.key(SWEEPS["sensitivity"]).values()
    journal = Journal(folder / STATE, about, study.store)
    study = replace(study, store=journal)
    known = {kind: len(effects_of(study, kind)) for kind in KINDS}
    try:
        with Meter("") as meter:
            study.run(stages_of(errors), _Stages(meter))
            found = analysis_of(study, errors)
            since = before and before_after(study, before, found, _Stages(meter))
    except (KeyboardInterrupt, Cancelled) as stopped:
        raise Cancelled(
            f"cancelled; {folder / STATE} keeps {journal.written} measured units, and the same "
            "command again measures the rest"
        ) from stopped
    measured = {kind: len(effects_of(study, kind)) - known[kind] for kind in KINDS}
    return found, since, {kind: count for kind, count in measured.items() if kind in errors}


class _Stages:
    """Shows one stage after the other."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __call__(self, word: str, progress: Progress) -> None:
        self._meter.word = word
        self._meter(progress)


def _errors(text: str) -> tuple[ErrorName, ...]:
    words = _some_of("--errors", text, ERRORS)
    return tuple(name for name in ERRORS if name in words)


def _some_of(option: str, text: str, known: Collection[str]) -> list[str]:
    """The words of a list with commas, each of which is known."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise quant.DataError(
                f"{option}: expected some of {', '.join(known)}, found {word!r}"
                f"{did_you_mean(word, known)}"
            )
    return words


def _statistics(
    options: argparse.Namespace, model: quant.Model, data: quant.Dataset
) -> quant.Calibration | CalibrationData:
    """The statistics of a file, or the data to calibrate on."""
    if options.calibration is None:
        return CalibrationData(data)
    calibration = quant.Calibration.load(options.calibration)
    calibration.check(model)
    return calibration


def _further(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_some_of("--also", text, FURTHER))) if text else ()


def _mindspore(found: Analysis, data: quant.Dataset, rounds: int) -> dict[str, str]:
    """MindSpore Lite's three kinds of debug reports, column for column."""
    with Meter("debug reports") as meter:
        reports = debug_reports(found.quantized, data, rounds, progress=meter)
    files = {f"round_{at}.csv": table_csv(rows) for at, rows in enumerate(reports.rounds)}
    return files | {
        "quant_param.csv": table_csv(reports.parameters),
        "output_summary.csv": table_csv(reports.outputs),
    }


def _model_explorer(found: Analysis, data: quant.Dataset, rounds: int) -> dict[str, str]:
    """Node data of Model Explorer."""
    del data, rounds
    return node_data_files(found)


FURTHER: Final[Mapping[str, Callable[[Analysis, quant.Dataset, int], dict[str, str]]]] = {
    "mindspore": _mindspore,
    "model-explorer": _model_explorer,
}
"""Reports for other tools: word -> what gives the name and text of each file."""


def _write(
    folder: Path, found: Analysis, since: BeforeAfter | None, further: Mapping[str, str]
) -> dict[str, Path]:
    """Write all files, or none."""
    rows = layer_table(found)
    contents = {
        "layers": (folder / "layers.csv", table_csv(rows)),
        "findings": (
            folder / "findings.json",
            json.dumps(findings_json(found), indent=2, allow_nan=False) + "\n",
        ),
        "report": (folder / "report.html", report_html(found, since)),
    }
    contents |= {name: (folder / name, text) for name, text in further.items()}
    with staged({path: text.encode() for path, text in contents.values()}):
        pass
    return {name: path for name, (path, _) in contents.items()}


def _text(found: Analysis, since: BeforeAfter | None, files: dict[str, Path]) -> str:
    ablation = found.ablation
    lines = [
        f"output sqnr over {found.samples} samples: all int8 {decibels(ablation.all.sqnr_db)}, "
        f"weights only {decibels(ablation.weights_only.sqnr_db)}, activations only "
        f"{decibels(ablation.activations_only.sqnr_db)}",
    ]
    if found.metric is not None:
        change = found.metric
        lines.append(
            f"{change.label}: float {change.float_value:.4g}, int8 {change.int8_value:.4g}, "
            f"95 % interval of the difference {change.low:.4g} to {change.high:.4g}"
        )
    if since is not None:
        lines.append(f"since {since.before.quantized.recipe.name}: {since.in_words}")
        lines += [f"  changed: {change}" for change in since.changes]
        lines += [f"  gone: {finding.title}" for finding in since.gone]
    lines.append(found.ranking)
    lines += [_finding(finding) for finding in found.findings]
    lines += [str(path) for path in files.values()]
    return "\n".join(lines)


def _finding(found: Finding) -> str:
    text = f"{found.severity}: {found.title}. {found.evidence}"
    return text if found.fix is None else f"{text}\n  {found.fix.label}: {found.to_win}"
