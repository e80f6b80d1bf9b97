"""Results as HTML files that work offline: nothing in them asks for anything outside."""

from analysis.report.page import report_html
from analysis.report.recovery_page import recovery_html

__all__ = ["recovery_html", "report_html"]
