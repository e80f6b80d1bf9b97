"""The page as a whole: what is in it, and in which order."""

from analysis.figures import MeasuredModel
from analysis.report.before_after import since_section
from analysis.report.cards import cards, change_sentence
from analysis.report.drawn import drawn_of
from analysis.report.rendering import rendered
from analysis.report.samples import sample_cards
from analysis.report.tables import layers_table, suspects_table
from analysis.study.analysis import Analysis
from analysis.study.before_after import BeforeAfter


def report_html(analysis: Analysis, since: BeforeAfter | None = None) -> str:
    """The analysis as one HTML page.

    The same analysis gives the same text: there are no dates in it.

    Args:
        analysis: What was measured and found.
        since: The same beside the recipe that one began with; None leaves that part out.

    Returns:
        The content of the file.
    """
    model = analysis.quantized.float_model
    figures = drawn_of(_measured(analysis))
    return rendered(
        "report.html",
        title=f"{model.name} in int8",
        recipe=analysis.quantized.recipe.name,
        calibration_samples=analysis.calibration.samples,
        samples=analysis.samples,
        fingerprint=model.fingerprint,
        nodes=len(model.nodes),
        cards=cards(analysis),
        change=change_sentence(analysis),
        since=None if since is None else since_section(since),
        findings=analysis.findings,
        figures=figures,
        versions={figure.name: figure.versions for figure in figures},
        suspects=suspects_table(analysis) if analysis.suspects else None,
        ranking=analysis.ranking,
        worst=sample_cards(analysis),
        layers=layers_table(analysis),
    )


def _measured(analysis: Analysis) -> MeasuredModel:
    """What figures are drawn from."""
    gains = {name: analysis.gain_db(name) for name in analysis.benefit or {}}
    alone = analysis.sensitivity or {}
    return MeasuredModel(
        analysis.quantized,
        analysis.calibration,
        tensors=analysis.comparison.tensors if "cumulative" in analysis.errors else {},
        units=analysis.suspects,
        sensitivity_db={name: effect.sqnr_db for name, effect in alone.items()},
        benefit_db={name: gain for name, gain in gains.items() if gain is not None},
    )
