"""What choosing flatters: ``python -m tests.bench.overfitting MODEL DATA [DATA ...]``.

All samples together, in an order of their own: the last ones judge, always the same, and a recipe
is recovered from the first N of the rest, for each N. What the search believed of its choice stands
beside what the judges found, with the 95 % interval that only they can give; a gap within that
interval is none. Beside it the default preset on the same N samples: a choice that costs accuracy
where data is scarce would stand below it.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import quant
from analysis.recovery.recovering import recover
from analysis.trying.scoring import Scorer

SAMPLES = (8, 32, 128)
SEED = 12
"""Of the order; files hold samples by class, by folder or by length."""


Rows = dict[str, NDArray[np.generic]]


def pooled(paths: list[str], model: quant.Model) -> Rows:
    """The samples of all files, in an order that says nothing."""
    parts = [next(data.batches(len(data))) for data in (quant.open_data(p, model) for p in paths)]
    rows = {info.name: np.concatenate([p.feeds[info.name] for p in parts]) for info in model.inputs}
    order = np.random.default_rng(SEED).permutation(len(next(iter(rows.values()))))
    return {name: array[order] for name, array in rows.items()}


def default_db(model: quant.Model, data: quant.Dataset, judges: quant.Dataset) -> float:
    """What the default preset reaches on the judges with statistics of the same samples."""
    content = quant.quantize(model, quant.calibrate(model, data), quant.preset("recommended"))
    return Scorer(model, judges, None, frozenset(), lambda: None).scores(content.to_bytes()).sqnr_db


def main() -> None:
    """Print a line for each number of samples."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overfitting", description=__doc__)
    parser.add_argument("--judges", type=int, default=32, help="samples that judge")
    parser.add_argument("--seconds", type=float, default=120.0, help="of each recovery")
    parser.add_argument("model")
    parser.add_argument("data", nargs="+")
    arguments = parser.parse_args()
    model = quant.load(arguments.model)
    rows = pooled(arguments.data, model)
    judges = quant.open_data({name: a[-arguments.judges :] for name, a in rows.items()}, model)
    print("samples | default dB | believed dB | judged dB (95 %) | gap dB | agreement (95 %)")
    for count in SAMPLES:
        few = {name: array[: -arguments.judges][:count] for name, array in rows.items()}
        data = quant.open_data(few, model)
        found = recover(model, data, evaluation=judges, seconds=arguments.seconds).point
        agreement = "-"
        if found.agreement is not None:
            ends = f"{found.agreement_low:.3f} to {found.agreement_high:.3f}"
            agreement = f"{found.agreement:.3f} ({ends})"
        print(
            f"{len(data)} | {default_db(model, data, judges):.1f} | {found.expected_db:.1f} | "
            f"{found.sqnr_db:.1f} ({found.sqnr_low_db:.1f} to {found.sqnr_high_db:.1f}) | "
            f"{found.expected_db - found.sqnr_db:+.1f} | {agreement}",
            flush=True,
        )


if __name__ == "__main__":
    main()
