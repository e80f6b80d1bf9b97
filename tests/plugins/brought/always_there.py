"""A finding that every model has."""

from analysis.findings import Finding, register


@register("always_there")
def always_there(evidence):
    """The model is there."""
    return [
        Finding(
            kind="always_there",
            severity="info",
            title="The model is there",
            node="",
            tensor="",
            evidence=f"It has {len(evidence.quantized.float_model.nodes)} nodes.",
            numbers={},
        )
    ]
