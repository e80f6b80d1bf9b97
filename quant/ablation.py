"""An int8 model in two parts: what it stores as integers, and what it rounds while it runs.

Each integer initializer (weights, constant operands, biases) is in the one and each Q/DQ pair on an
activation in the other, with the very codes, scales and zero points of the whole.
"""

from dataclasses import replace
from types import MappingProxyType

from quant.pipeline import QuantizedModel, assemble


def weights_only(quantized: QuantizedModel) -> QuantizedModel:
    """The model with its activations left in float.

    Nothing is quantized at run time, so no Relu or Clip is dropped.

    Args:
        quantized: The whole int8 model; not changed.

    Returns:
        The model whose constants alone are integers.
    """
    plan = replace(quantized.plan, tensors={}, groups={})
    graph, seen_as = assemble(quantized.float_model, plan, {}, quantized.constants, frozenset())
    return replace(
        quantized,
        plan=plan,
        graph=graph,
        ranges=MappingProxyType({}),
        params=MappingProxyType({}),
        activations=MappingProxyType(
            {name: replace(v, dropped=False) for name, v in quantized.activations.items()}
        ),
        tensor_map=MappingProxyType(seen_as),
    )


def activations_only(quantized: QuantizedModel) -> QuantizedModel:
    """The model with its weights, constant operands and biases left in float.

    Args:
        quantized: The whole int8 model; not changed.

    Returns:
        The model whose activations alone are quantized.
    """
    dropped = frozenset(n for n, verdict in quantized.activations.items() if verdict.dropped)
    graph, seen_as = assemble(quantized.float_model, quantized.plan, quantized.params, (), dropped)
    return replace(quantized, graph=graph, constants=(), tensor_map=MappingProxyType(seen_as))
