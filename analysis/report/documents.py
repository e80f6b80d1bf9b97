"""An analysis as tables: a row for each layer, and the findings as JSON values."""

from typing import Any

from analysis.errors.output_scores import OutputScores
from analysis.errors.tensor_error import ErrorStats
from analysis.findings import Finding
from analysis.layers import LayerRow
from analysis.metrics import MetricChange
from analysis.study.analysis import Analysis
from analysis.study.before_after import BeforeAfter
from quant.io.codec import plain
from quant.io.tables import finite

Value = str | float | None


def layer_table(analysis: Analysis) -> tuple[dict[str, Value], ...]:
    """A row for each input and node in topological order, every error under its own name.

    A unit's sensitivity and benefit stand in the row of its first node. Errors that were not asked
    for have no columns. Units are in the names: ``_db``, ``_nats``; rates and agreements are
    shares of 0 to 1; ranges, ``mse`` and ``max_abs`` are in (squared) units of the tensor.
    """
    return tuple(_row(analysis, layer) for layer in analysis.layers)


def findings_json(analysis: Analysis) -> dict[str, Any]:
    """The findings with what they are about, as JSON values; what is not finite is None."""
    model = analysis.quantized.float_model
    return finite(
        {
            "model": model.name,
            "model_sha256": model.fingerprint,
            "recipe": plain(analysis.quantized.recipe),
            "calibration_samples": analysis.calibration.samples,
            "samples": analysis.samples,
            "ranking": analysis.ranking,
            "findings": [_finding(finding) for finding in analysis.findings],
        }
    )


def summary_json(analysis: Analysis) -> dict[str, Any]:
    """What a script wants to know of an analysis, as JSON values; what is not finite is None."""
    ablation = analysis.ablation
    return finite(
        {
            "samples": analysis.samples,
            "layers": len(analysis.layers),
            "metric": None if analysis.metric is None else _change(analysis.metric),
            "ranking": analysis.ranking,
            "float": _scores(ablation.float),
            "weights_only": _scores(ablation.weights_only),
            "activations_only": _scores(ablation.activations_only),
            "all": _scores(ablation.all),
            "suspects": list(analysis.suspects[:10]),
            "findings": [
                {
                    "kind": finding.kind,
                    "severity": finding.severity,
                    "title": finding.title,
                    "node": finding.node,
                    "tensor": finding.tensor,
                    "fix": None if finding.fix is None else finding.fix.label,
                    "gain_db": finding.gain_db,
                    "tried": finding.tried is not None,
                }
                for finding in analysis.findings
            ],
        }
    )


def before_json(since: BeforeAfter) -> dict[str, Any]:
    """What came of a recipe, as JSON values; what is not finite is None."""
    return finite(
        {
            "recipe": since.before.quantized.recipe.name,
            "all": _scores(since.before.ablation.all),
            "gain": None if since.gain is None else plain(since.gain),
            "changes": list(since.changes),
            "gone": [_finding(finding) for finding in since.gone],
        }
    )


def _row(analysis: Analysis, layer: LayerRow) -> dict[str, Value]:
    outside = analysis.outside.get(layer.tensor)
    row: dict[str, Value] = {
        "name": layer.name,
        "op_type": layer.op_type,
        "state": layer.state,
        "note": layer.note,
        "tensor": layer.tensor,
        "weight": layer.weight,
        "activation": layer.activation,
        "calibrator": layer.calibrator,
        "rmin": layer.rmin,
        "rmax": layer.rmax,
        "clip_rate": None if layer.local is None else layer.local.clip_rate,
        "evaluation_clip_rate": None if outside is None else float(outside.shares.mean()),
    }
    if "local" in analysis.errors:
        row |= _errors("local", analysis.local.get(layer.tensor))
        # Clipping and rounding are told apart by the histogram of the calibration data.
        row["local_clipping_share"] = None if layer.local is None else layer.local.clipping_share
    if "cumulative" in analysis.errors:
        row |= _errors("cumulative", analysis.comparison.tensors.get(layer.tensor))
    for kind, effects in (("sensitivity", analysis.sensitivity), ("benefit", analysis.benefit)):
        if effects is not None:
            effect = effects.get(layer.name)
            row |= _effect(kind, None if effect is None else effect.scores)
    if analysis.benefit is not None:
        row["benefit_gain_db"] = analysis.gain_db(layer.name)
    return row


def _errors(name: str, stats: ErrorStats | None) -> dict[str, Value]:
    fields = ("sqnr_db", "cosine", "mse", "max_abs")
    return {f"{name}_{f}": None if stats is None else getattr(stats, f) for f in fields}


def _effect(name: str, scores: OutputScores | None) -> dict[str, Value]:
    return {
        **_errors(name, None if scores is None else worst_output(scores)),
        f"{name}_softmax_kl_nats": None if scores is None else scores.softmax_kl,
        f"{name}_agreement": None if scores is None else scores.agreement,
        f"{name}_metric": None if scores is None else scores.metric,
    }


def worst_output(scores: OutputScores) -> ErrorStats | None:
    """The error at the output of least sqnr; None where none could be compared."""
    return min(scores.outputs.values(), key=lambda stats: stats.sqnr_db, default=None)


def _scores(scores: OutputScores) -> dict[str, Any]:
    return {
        "sqnr_db": scores.sqnr_db,
        "softmax_kl_nats": scores.softmax_kl,
        "agreement": scores.agreement,
        "metric": scores.metric,
    }


def _change(change: MetricChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "higher_is_better": change.higher_is_better,
        "float": change.float_value,
        "int8": change.int8_value,
        "float_minus_int8_low": change.low,
        "float_minus_int8_high": change.high,
        "is_flat": change.is_flat,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    document = plain(finding)
    if document["fix"] is not None:
        del document["fix"]["costs"]  # it only decides the order
    return document
