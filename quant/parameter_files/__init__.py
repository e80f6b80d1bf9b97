"""Ranges and scales as the files of other tools, one a module.

A module that a plug-in brings is one more of these.
"""

from quant.parameter_files.base import PARAMETER_FILES, ParameterFile, register, written

PARAMETER_FILES.discover(__name__)

__all__ = ["PARAMETER_FILES", "ParameterFile", "register", "written"]
