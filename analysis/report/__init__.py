"""An analysis as one HTML file that works offline: nothing in it asks for anything outside."""

from analysis.report.page import report_html

__all__ = ["report_html"]
