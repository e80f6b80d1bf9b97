"""Faults planted one at a time in healthy models, and what the findings make of each.

``python -m tests.analysis.findings.planted`` prints both tables.
"""

from tests.analysis.findings import (
    faults_in_data,
    faults_in_outputs,
    faults_in_recipes,
    faults_in_weights,
)
from tests.analysis.findings.cases import PLANTED

MODULES = (faults_in_weights, faults_in_recipes, faults_in_outputs, faults_in_data)
"""Importing them plants their faults."""


def rank_table() -> str:
    """Planted fault -> rank of the right finding."""
    lines = [f"{'planted':52} {'finding':20} {'of kind':>7} {'of all':>6}  severity  first of all"]
    for make in PLANTED:
        item = make()
        kind, overall = item.ranks
        first = item.faulty.findings[0] if item.faulty.findings else None
        severity = item.finding.severity if kind else "-"
        worst = [f.kind for f in item.healthy.findings if f.severity != "info"]
        lines.append(
            f"{item.name:52} {item.kind:20} {kind or '-':>7} {overall or '-':>6}  {severity:8}  "
            f"{first.kind if first else '-'}{'  HEALTHY: ' + ', '.join(worst) if worst else ''}"
        )
    return "\n".join(lines)


def fix_table() -> str:
    """Planted fault -> output sqnr_db without it, with it, and after the fix."""
    lines = [f"{'planted':52} {'healthy':>8} {'before':>8} {'after':>8} {'recovered':>9}  fix"]
    for make in PLANTED:
        item = make()
        healthy, before = item.healthy.sqnr_db(), item.faulty.sqnr_db()
        finding = next((f for f in item.faulty.findings if f.kind == item.kind), None)
        row = f"{item.name:52} {healthy:8.1f} {before:8.1f}"
        if finding is None or finding.fix is None:
            lines.append(f"{row} {'':8} {'':9}  {item.words or 'NOT FOUND'}")
            continue
        after = item.faulty.sqnr_db(finding.fix.recipe)
        share = (after - before) / (healthy - before) if healthy > before else float("nan")
        lines.append(f"{row} {after:8.1f} {100 * share:7.0f} %  {finding.fix.label}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(rank_table())
    print()
    print(fix_table())
