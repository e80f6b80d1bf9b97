"""What a file of parameters is, and what of an int8 model it can say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from quant.errors import ExportError
from quant.io.show import counted
from quant.pipeline import QuantizedModel
from quant.registry import Registry
from quant.types import QuantParams

Write = Callable[[QuantizedModel], str]


@dataclass(frozen=True)
class ParameterFile:
    """A kind of file that another tool reads.

    Attributes:
        title: What people call it.
        suffix: What its name ends in, with the dot.
        about: What it holds, and how the tool takes it, in a sentence.
        write: Its text for an int8 model.
        symmetric: Whether it knows ranges around zero only, in 8 bits.
    """

    title: str
    suffix: str
    about: str
    write: Write
    symmetric: bool = False


PARAMETER_FILES: Registry[ParameterFile] = Registry(
    "parameter file", "parameter_files", ExportError
)
"""Every kind of file that parameters can be written to."""


def register(
    name: str, *, title: str, suffix: str, about: str, symmetric: bool = False
) -> Callable[[Write], Write]:
    """Function decorator: let parameters be written by ``name``; see :class:`ParameterFile`.

    Raises:
        ValueError: Another kind has that name.
    """

    def known(write: Write) -> Write:
        PARAMETER_FILES.add(name, ParameterFile(title, suffix, about, write, symmetric))
        return write

    return known


def activations(quantized: QuantizedModel) -> Mapping[str, QuantParams]:
    """Scale and zero point of each activation that is rounded, in topological order."""
    return {n: quantized.params[n] for n in quantized.tensor_map if n in quantized.params}


def largest(params: QuantParams) -> float:
    """The greatest magnitude that the codes stand for, in real units: the range around zero.

    Of symmetric codes as many are counted below zero as above.
    """
    spec, scale, zero = params.spec, float(params.scale), int(params.zero_point)
    if spec.symmetric:
        return scale * spec.qmax
    return scale * max(abs(spec.qmin - zero), abs(spec.qmax - zero))


def written(name: str, quantized: QuantizedModel) -> tuple[str, tuple[str, ...]]:
    """Write the parameters of an int8 model.

    Args:
        name: The kind of file.
        quantized: The int8 model.

    Returns:
        The text, and what of the recipe it does not say, as sentences.

    Raises:
        ExportError: There is no such kind of file.
    """
    kind = PARAMETER_FILES.named(name)
    return kind.write(quantized), tuple(_lost(kind, quantized))


def _lost(kind: ParameterFile, quantized: QuantizedModel) -> Iterator[str]:
    recipe = quantized.recipe
    if recipe.repairs:
        yield (
            f"The file has no repairs ({', '.join(recipe.repairs)}): weights and biases are those "
            "of the float model."
        )
    own = sum(quantized.draft.has_own_scales(name) for name in quantized.params)
    if own:
        yield f"{counted(own, 'activation')} with a scale for each channel get one here."
    params = activations(quantized).values()
    if kind.symmetric:
        uneven = sum(not p.spec.symmetric for p in params)
        if uneven:
            yield f"{counted(uneven, 'range')} become symmetric: the format knows no other."
        wide = sum(p.spec.qtype.bits != 8 for p in params)
        if wide:
            yield f"{counted(wide, 'activation')} of 16 bits become 8: the format knows no other."
    skipped = sum(not item.quantized for item in quantized.plan.nodes.values())
    if skipped:
        yield f"{counted(skipped, 'node')} in float here; the other tool decides for itself."
