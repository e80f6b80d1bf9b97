"""Numbers as the pages write them, read again."""

import re


def number(text: str) -> float:
    """A number as the page writes it."""
    found = re.search(r"−?[\d.]+(?:×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", text)
    assert found, text
    power = (found.group(1) or "0").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(found.group().split("×")[0].replace("−", "-")) * 10 ** int(power)
