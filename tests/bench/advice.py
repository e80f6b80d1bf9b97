"""Promised against delivered: ``python -m tests.bench.advice MODEL CALIBRATION EVALUATION ...``.

For each model and each preset: every fix that is offered, applied alone, and what the whole
evaluation data says of it; then the first advice followed until nothing more helps, at most three
times.
"""

import math
import sys
from collections.abc import Iterator

import analysis
import quant
from analysis.findings import Finding

CLICKS = 3
NEAR_DB, NEAR_FACTOR = 1.0, 1.5


def output_db(model: quant.Model, calibration: quant.Calibration, recipe, data) -> float:
    """The output sqnr of a recipe over all of the data, in dB."""
    int8 = quant.quantize(model, calibration, recipe)
    return analysis.compare(model, int8, data, tensors="outputs").worst_db


def advice(model: quant.Model, calibration: quant.Calibration, recipe, data) -> list[Finding]:
    """What is offered on a recipe, the first to follow first."""
    int8 = quant.quantize(model, calibration, recipe)
    found = analysis.analyze(int8, calibration, data, errors=["cumulative"])
    return [finding for finding in found.findings if finding.tried is not None]


def near(promised: float, delivered: float) -> bool:
    """Whether a promise was kept: within 1 dB, or within a factor of 1.5."""
    if abs(promised - delivered) <= NEAR_DB:
        return True
    low, high = sorted((promised, delivered))
    return low > 0 and high <= NEAR_FACTOR * low


def fixes(model: quant.Model, calibration: quant.Calibration, data) -> Iterator[bool]:
    """Every fix from every preset, told line by line; whether each promise was kept."""
    for name in quant.preset_names():
        recipe = quant.preset(name)
        before = output_db(model, calibration, recipe, data)
        for finding in advice(model, calibration, recipe, data):
            assert finding.fix is not None
            assert finding.tried is not None
            promised = finding.tried.gain_db
            delivered = output_db(model, calibration, finding.fix.recipe, data) - before
            kept = near(promised, delivered)
            said = "" if finding.tried.helps else "no gain"
            print(
                f"  {name:20} {finding.kind:18} {finding.fix.label[:44]:44} "
                f"{promised:+7.1f} {delivered:+7.1f} dB {'' if kept else 'MISSED':6} {said}"
            )
            yield kept


def story(model: quant.Model, calibration: quant.Calibration, data, start: str) -> str:
    """The first advice followed, click by click."""
    recipe = quant.preset(start)
    text = f"{output_db(model, calibration, recipe, data):.1f} dB"
    for _ in range(CLICKS):
        found = [f for f in advice(model, calibration, recipe, data) if f.tried and f.tried.helps]
        if not found or found[0].fix is None:
            break
        recipe = found[0].fix.recipe
        now = output_db(model, calibration, recipe, data)
        text += f" -> {found[0].fix.label} -> {now:.1f} dB"
    best = output_db(model, calibration, quant.preset("recommended"), data)
    return f"{text} (recommended: {best:.1f} dB)"


def main(paths: list[str]) -> None:
    """Tell of each model."""
    kept: list[bool] = []
    for model_path, calibration_path, data_path in zip(*[iter(paths)] * 3, strict=True):
        model = quant.load(model_path)
        calibration = quant.calibrate(model, quant.open_data(calibration_path, model))
        data = quant.open_data(data_path, model)
        print(f"{model.name}, {len(data)} samples: promised, delivered")
        kept += fixes(model, calibration, data)
        for start in ("onnxruntime-default", "tensorrt"):
            print(f"  {start}: {story(model, calibration, data, start)}")
    share = sum(kept) / len(kept) if kept else math.nan
    print(f"{len(kept)} fixes, {share:.0%} within {NEAR_DB:.0f} dB or a factor of {NEAR_FACTOR}")


if __name__ == "__main__":
    main(sys.argv[1:])
