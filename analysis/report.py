"""An analysis as one HTML file that works offline."""

from analysis.analyze import Analysis


def report_html(analysis: Analysis) -> str:
    """The report."""
    return f"<!doctype html><title>{analysis.quantized.float_model.name}</title>"
