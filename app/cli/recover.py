"""``quantlens recover``: win the accuracy back, each step measured, into a folder."""

import argparse
import json
from pathlib import Path

import quant
from analysis.recovery.documents import pareto_table, recovery_json
from analysis.recovery.recovering import DEFAULT_TARGET, Standing, recover
from analysis.recovery.story import Recovery
from analysis.recovery.target import Target
from analysis.report import recovery_html
from app.cli.arguments import (
    data_of,
    for_machines,
    fraction,
    model_and_data,
    positive_seconds,
    recipe_of,
    recipe_or_preset,
    working_in,
)
from app.cli.metric_word import metric_of, metric_word
from app.cli.output import report
from app.cli.progress_line import TerminalLine
from quant.error_model.sqnr import decibels
from quant.errors import Cancelled
from quant.io.atomic import staged
from quant.io.show import size
from quant.io.tables import table_csv

TRAIL = "trail.jsonl"
"""The file in the folder that holds what is measured so far."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    model_and_data(parser)
    parser.add_argument(
        "--evaluation",
        metavar="DATA",
        help="samples that only judge; without, a fourth of --data is kept back",
    )
    metric_word(parser)
    parser.add_argument(
        "--target",
        default=str(DEFAULT_TARGET),
        help='"30 dB", "99 %% agreement" or "-0.5 points" of the metric (default: %(default)s)',
    )
    parser.add_argument(
        "--int8-share",
        type=fraction,
        default=0.9,
        metavar="SHARE",
        help="share of multiply-adds that must stay in int8 (default: %(default)s)",
    )
    parser.add_argument(
        "--time",
        type=positive_seconds,
        default=120.0,
        metavar="SECONDS",
        help="what it may take, roughly (default: 120)",
    )
    recipe_or_preset(parser)
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="OUTPUT",
        help="an output that does not count; may be given again",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write, and to resume in"
    )
    for_machines(parser)


def run(options: argparse.Namespace) -> None:
    """Recover and print what came of it."""
    target = Target.parse(options.target)
    recipe = recipe_of(options.recipe, options.preset)
    model = quant.load(options.model)
    quant.plan(model, recipe)  # a mistake in the recipe is told before the long work
    data = data_of(options.data, model, options)
    evaluation = None
    if options.evaluation is not None:
        evaluation = data_of(options.evaluation, model, options)
    judging = data if evaluation is None else evaluation
    folder: Path = options.out
    with working_in(folder):
        try:
            with _Line() as line:
                found = recover(
                    model,
                    data,
                    evaluation=evaluation,
                    metric=metric_of(options.metric, model, judging),
                    target=target,
                    int8_share=options.int8_share,
                    seconds=options.time,
                    start=recipe,
                    ignored=options.ignore,
                    trail=folder / TRAIL,
                    progress=line,
                )
        except (KeyboardInterrupt, Cancelled) as stopped:
            raise Cancelled(
                f"cancelled; {folder / TRAIL} keeps what was measured, and the same command again "
                "goes on from there"
            ) from stopped
        files = _write(folder, found)
    values = recovery_json(found)
    values["files"] = {name: str(path) for name, path in files.items()}
    report(options, values, _text(found, files))


class _Line(TerminalLine):
    """Shows what is tried, and the best so far."""

    def __call__(self, standing: Standing) -> None:
        """Show one report."""
        best = "" if standing.best_db is None else f", best {decibels(standing.best_db)}"
        doing = standing.doing if len(standing.doing) < 60 else f"…{standing.doing[-59:]}"
        self.show(f"{standing.seconds:.0f} s{best}, {len(standing.attempts)} tried: {doing}")


def _write(folder: Path, found: Recovery) -> dict[str, Path]:
    """The model, verified, with its recipe; then the tables and the page, all or none."""
    saved = found.quantized.save(folder / "int8.onnx")
    contents = {
        "pareto": (folder / "pareto.csv", table_csv(pareto_table(found))),
        "recovery": (
            folder / "recovery.json",
            json.dumps(recovery_json(found), indent=2, allow_nan=False) + "\n",
        ),
        "report": (folder / "report.html", recovery_html(found)),
    }
    with staged({path: text.encode() for path, text in contents.values()}):
        pass
    paths = {name: path for name, (path, _) in contents.items()}
    return {"model": saved.path, "recipe": saved.recipe_path, **paths}


def _text(found: Recovery, files: dict[str, Path]) -> str:
    point, before = found.point, found.before
    lines = [
        f"target {found.target}: {'reached' if found.reached else 'not reached'} on "
        f"{found.samples[1]} samples that chose nothing",
        f"output sqnr {decibels(before.sqnr_db)} -> {decibels(point.sqnr_db)} (95 % interval "
        f"{point.sqnr_low_db:.1f} to {point.sqnr_high_db:.1f} dB)",
    ]
    if point.agreement is not None and before.agreement is not None:
        lines.append(f"predicts like float {before.agreement:.1%} -> {point.agreement:.1%}")
    lines += [
        f"multiply-adds in int8: {point.int8_share:.1%} asked, {point.int8_share_real:.1%} run by "
        f"ONNX Runtime; latency {point.latency:.2f} of float's; {size(point.size)}",
        f"{len(found.attempts)} attempts in {found.seconds:.0f} s. {found.ended}",
        *found.notes,
        *(str(path) for path in files.values()),
    ]
    return "\n".join(lines)
