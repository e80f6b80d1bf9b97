"""How the road ends for every operator of ONNX: ``python -m tests.quant.operators.table``.

Two sets are walked: every node test of ONNX between two MatMul, and one node test of every operator
under every opset that changed it. A line for each operator, then the counts.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.quant.operators.road import (
    NOT_RUN,
    QUANTIZED,
    REFUSED,
    WRONG,
    End,
    outputs_of,
    walked,
)
from tests.quant.operators.subjects import Subject, by_opset, node_tests, operators, wrapped

TRACEBACK = "traceback"


def ends(subjects: Iterable[Subject]) -> Iterator[tuple[Subject, End]]:
    """Walk each model, between two MatMul where it can be."""
    for alone in subjects:
        truth = outputs_of(alone.model, alone.feeds)
        subject = wrapped(alone, truth) or alone
        truth = outputs_of(subject.model, subject.feeds)
        if not truth:
            yield subject, End(NOT_RUN)
            continue
        try:
            yield subject, walked(subject, truth)
        except Exception as error:  # what no sentence was made of is what is looked for
            yield subject, End(TRACEBACK, f"{type(error).__name__}: {error}")


def counts(found: Iterable[tuple[Subject, End]]) -> str:
    """How many ended in which way."""
    total = Counter(end.outcome for _, end in found)
    return ", ".join(f"{count:,} {outcome}" for outcome, count in total.most_common())


def main() -> int:
    """Print both tables; the exit code is 1 where one ended wrong or in a traceback."""
    warnings.simplefilter("ignore")
    opsets = list(ends(by_opset()))
    by_name: dict[str, list[tuple[Subject, End]]] = {name: [] for name in operators()}
    for subject, end in opsets:
        by_name.setdefault(subject.op_type, []).append((subject, end))
    for name, found in sorted(by_name.items()):
        cells = (
            f"{subject.opset}: {end.outcome}{' itself' if end.op_in_int8 else ''}"
            for subject, end in found
        )
        print(f"{name:28} {'; '.join(cells) or 'no node test with one operator and tensors'}")
    nodes = list(ends(node_tests()))
    print(f"\nOperators under each opset: {counts(opsets)}")
    print(f"Node tests: {counts(nodes)}")
    sentences = Counter(end.detail[:120] for _, end in nodes if end.outcome == REFUSED)
    print(*(f"{count:5} refused: {text}" for text, count in sentences.most_common()), sep="\n")
    low = [(s, e) for s, e in nodes if e.outcome == QUANTIZED and float(e.detail.split()[0]) < 20]
    print(*(f"{end.detail:>9} {subject.name}" for subject, end in low), sep="\n")
    bad = [(s, e) for s, e in (*opsets, *nodes) if e.outcome in {WRONG, TRACEBACK}]
    print(*(f"{end.outcome}: {subject.name}: {end.detail}" for subject, end in bad), sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
