"""Text cut into tokens, as an encoder takes them: ids, a mask, and which part a token is of."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from quant.data.kinds.base import Asked
from quant.data.kinds.libraries import library
from quant.data.rows import Row
from quant.errors import DataError
from quant.types import ONNX_DTYPES, TensorInfo

TEXTS: Final = ("text", "sentence", "sentence1", "question", "content")
PAIRS: Final = ("text_pair", "sentence2", "context")
"""What records call their text, and the other text of a pair."""

FILE: Final = "tokenizer.json"
MOST_TOKENS: Final = 512
"""Tokens of a text where neither model nor tokenizer says how many."""

_PADDING: Final = ("[PAD]", "<pad>", "<|padding|>", "<|endoftext|>")
_ROLES: Final = (
    ("mask", "mask"),
    ("type", "type"),
    ("segment", "type"),
    ("position", "position"),
    ("id", "ids"),
    ("token", "ids"),
)


@dataclass(frozen=True, eq=False)
class Tokens:
    """How text becomes samples.

    Attributes:
        tokenizer: Cuts it.
        length: Tokens of a sample; shorter texts are padded, longer ones cut.
        padding: The token that fills up.
        roles: Input -> what it takes: "ids", "mask", "type" or "position".
        dtypes: Input -> its type.
        digest: SHA-256 of all this.
        notes: What was decided, as sentences.
    """

    tokenizer: Any
    length: int
    padding: int
    roles: Mapping[str, str]
    dtypes: Mapping[str, str]
    digest: bytes
    notes: tuple[str, ...]

    def row(self, record: Mapping[str, Any]) -> Row:
        """One text as a sample.

        Raises:
            DataError: If it is none.
        """
        found = _cut(self.tokenizer, record)
        ids, kinds = found.ids, found.type_ids
        rest = self.length - len(ids)
        arrays = {
            "ids": [*ids, *[self.padding] * rest],
            "mask": [*[1] * len(ids), *[0] * rest],
            "type": [*kinds, *[0] * rest],
            "position": list(range(self.length)),
        }
        return {n: np.array(arrays[role], self.dtypes[n]) for n, role in self.roles.items()}


def tokens_for(asked: Asked, records: Iterable[Mapping[str, Any]]) -> Tokens:
    """How the text of some records is fed to a model.

    Args:
        asked: What is opened, with the model and perhaps a tokenizer.
        records: All records; they are gone through once where the model takes any length.

    Raises:
        DataError: If there is no tokenizer, it cannot be read, or an input takes no tokens.
    """
    model = asked.needed_model("how text is fed depends on the model")
    roles = {info.name: _role(info) for info in asked.inputs}
    beside = [asked.path.parent, *([] if model.path is None else [model.path.parent])]
    if asked.path.is_dir():
        beside.insert(0, asked.path)
    path = asked.reading.tokenizer or next((f / FILE for f in beside if (f / FILE).is_file()), None)
    if path is None:
        raise DataError(
            f"{asked.path.name}: text needs the {FILE} of its model; put it beside the text or "
            "the model, or give it with --tokenizer"
        )
    tokenizer, content = _tokenizer(path)
    sizes = {i.shape[1] for i in asked.inputs if i.shape is not None and len(i.shape) == 2}
    fixed = [size for size in sizes if isinstance(size, int)]
    kept = tokenizer.truncation
    most = int(kept["max_length"]) if kept else MOST_TOKENS
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if fixed:
        length = fixed[0]
    else:
        length = min(most, max((len(_cut(tokenizer, record).ids) for record in records), default=1))
    # Only now, and by the tokenizer itself, which keeps what it puts at the ends.
    tokenizer.enable_truncation(length)
    dtypes = {info.name: ONNX_DTYPES[info.dtype] for info in asked.inputs}
    said = repr((length, sorted(roles.items()), sorted(dtypes.items()))).encode()
    return Tokens(
        tokenizer,
        length,
        _padding(tokenizer),
        roles,
        dtypes,
        hashlib.sha256(content + said).digest(),
        (f"Text is cut by {path.name} into {length} tokens a sample.",),
    )


def _role(info: TensorInfo) -> str:
    """What an input takes, by its name."""
    name = info.name.lower()
    role = next((role for part, role in _ROLES if part in name), None)
    whole = np.dtype(ONNX_DTYPES.get(info.dtype, "float32")).kind in "iu"
    if role is None or not (whole or role == "mask"):
        raise DataError(
            f"input {info.name!r} takes {info.dtype.lower()}, expected token ids, a mask, token "
            "types or positions by its name; give a .npz of arrays instead"
        )
    return role


def _tokenizer(path: Path) -> tuple[Any, bytes]:
    tokenizers = library("tokenizers", "texts", "text")
    try:
        content = path.read_bytes()
        return tokenizers.Tokenizer.from_buffer(content), content
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror})") from error
    except Exception as error:  # the package raises Exception itself
        raise DataError(f"{path.name}: expected a tokenizer, found something else") from error


def _padding(tokenizer: Any) -> int:
    found = (tokenizer.token_to_id(token) for token in _PADDING)
    return next((number for number in found if number is not None), 0)


def _cut(tokenizer: Any, record: Mapping[str, Any]) -> Any:
    text = next((record[name] for name in TEXTS if name in record), None)
    other = next((record[name] for name in PAIRS if name in record), None)
    if not isinstance(text, str) or not isinstance(other, str | None):
        raise DataError(f"expected a text in each record, found {text!r}")
    return tokenizer.encode(text, other)
