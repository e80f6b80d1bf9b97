"""The report of what is measured, beside the baseline."""

from typing import Final

from analysis.report import report_html
from analysis.study.analysis import ErrorName, analysis_of
from analysis.study.before_after import before_after
from analysis.study.measuring import SHOWN
from app.workspace.workspace import Workspace

ERRORS: Final[tuple[ErrorName, ...]] = ("cumulative",)
"""What Measure measures of every tensor."""


def reportable(workspace: Workspace) -> bool:
    """Whether everything that a report needs is measured."""
    return all(workspace.study.known(result) is not None for result in SHOWN)


def report_of(workspace: Workspace) -> str:
    """The page that ``quantlens analyze`` writes; see :func:`reportable`.

    It begins with before and after where another recipe is the baseline. What is not known of the
    baseline any more is measured again.

    Raises:
        DataError: If something was not measured.
    """
    study, baseline = workspace.study, workspace.project.baseline
    found = analysis_of(study, ERRORS, workspace.ranked)
    if baseline is None or baseline.recipe == study.recipe:
        return report_html(found)
    return report_html(found, before_after(study, baseline.recipe, found))
