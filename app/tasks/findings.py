"""The findings, found between clicks."""

from typing import Final

from analysis.findings import Finding
from analysis.study.evidence import FINDINGS, evidence, findings_of
from analysis.study.trying import advice_of
from app.jobs import Jobs
from app.workspace.workspace import Workspace
from quant.execution.progress import OnProgress

HINTS: Final = Jobs(workers=1, keep=4)
"""Small work between clicks, which waits for no long job."""
AT_ONCE: Final = 0.2
"""Seconds that a page waits for findings before it is drawn without them."""


def findings(workspace: Workspace) -> tuple[Finding, ...] | None:
    """What is wrong and what to do, from what is known by now; None while it is found out."""
    study, ranked = workspace.study, workspace.ranked
    known, _ = evidence(study, ranked)
    found = study.known(FINDINGS, known=known)
    if found is not None:
        return advice_of(study, ranked)

    def work(_: OnProgress) -> None:
        findings_of(study, ranked)

    HINTS.start(study.key(FINDINGS, known=known).text, work, label="Findings").wait(AT_ONCE)
    return None if study.known(FINDINGS, known=known) is None else advice_of(study, ranked)
