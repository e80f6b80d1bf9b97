"""The converter of :mod:`quant.io.codec`: cattrs, with hooks that convert nothing."""

import math
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from cattrs import ClassValidationError, Converter
from cattrs.cols import homogenous_tuple_structure_factory, is_mapping
from cattrs.gen import make_dict_structure_fn, make_hetero_tuple_structure_fn

from quant.io.forms import Misfit, OwnForm, as_object, check_fields, misfit, strict, strict_choice

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

CONVERTER = Converter()
_NOT_FINITE = {str(number): number for number in (math.inf, -math.inf, math.nan)}


def _is(base: type) -> Callable[[Any], bool]:
    return lambda cls: isinstance(cls, type) and issubclass(cls, base)


def _number(value: object, _: object) -> float:
    text = isinstance(value, str) and value in _NOT_FINITE
    return _NOT_FINITE[cast("str", value)] if text else strict(float, value)


def _enum(value: object, cls: type[Enum]) -> Enum:
    return cls(strict_choice([member.value for member in cls], value))


def _listed(cls: Any, converter: Converter) -> Hook:
    """A tuple, of a fixed length or of any."""
    kinds = get_args(cls)
    size = None if kinds[-1] is ... else len(kinds)
    make = homogenous_tuple_structure_factory if size is None else make_hetero_tuple_structure_fn
    inner: Hook = make(cls, converter)

    def hook(value: Any, _: object) -> Any:
        if not isinstance(value, list) or (size is not None and len(cast("Any", value)) != size):
            raise misfit("a list" if size is None else f"a list of {size}", cast("Any", value))
        return inner(value, cls)

    return hook


def _mapping(cls: Any, converter: Converter) -> Hook:
    inner: Hook = converter.gen_structure_mapping(cls)
    return lambda value, _: inner(as_object(value), cls)


@cache
def _of_fields(cls: Any, converter: Converter) -> Hook:
    """A dataclass, from the object of its fields, each by its name or the one it had formerly."""
    inner: Hook = make_dict_structure_fn(cls, converter)
    every = [field for field in fields(cls) if field.init]
    former = {f.metadata["formerly"]: f.name for f in every if "formerly" in f.metadata}
    needed = [f.name for f in every if f.default is MISSING and f.default_factory is MISSING]

    def hook(value: object, _: object) -> Any:
        found = {former.get(name, name): item for name, item in as_object(value).items()}
        check_fields(found, [field.name for field in every])
        for name in needed:
            if name not in found:
                raise Misfit(f"expected a field {name!r}, found none; add it")
        return inner(found, cls)

    return hook


def _read(cls: type[T], document: object, at: str = "") -> T:
    """See :class:`quant.io.forms.Reader`."""
    try:
        return _of_fields(cls, CONVERTER)(document, cls)
    except (Misfit, ClassValidationError) as error:
        if at:
            error.add_note(at)
        raise


for _kind in (int, bool, str):
    CONVERTER.register_structure_hook(_kind, lambda value, kind: strict(kind, value))
CONVERTER.register_structure_hook(float, _number)
CONVERTER.register_structure_hook_func(_is(Enum), _enum)
CONVERTER.register_structure_hook_func(
    lambda cls: get_origin(cls) is Literal, lambda value, cls: strict_choice(get_args(cls), value)
)
CONVERTER.register_structure_hook_factory(lambda cls: get_origin(cls) is tuple, _listed)
CONVERTER.register_structure_hook_factory(is_mapping, _mapping)
CONVERTER.register_structure_hook_factory(is_dataclass, _of_fields)
CONVERTER.register_structure_hook_func(
    _is(OwnForm), lambda value, cls: cls.from_document(value, _read)
)
CONVERTER.register_unstructure_hook_func(
    lambda cls: (get_origin(cls) or cls) is tuple,
    lambda value: [CONVERTER.unstructure(item) for item in value],
)
CONVERTER.register_unstructure_hook_func(
    _is(OwnForm), lambda value: CONVERTER.unstructure(value.document())
)
