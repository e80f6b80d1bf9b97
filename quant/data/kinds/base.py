"""What a kind of data is: which paths it claims, and how it reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quant.data.dataset import Dataset
from quant.data.images.preprocessing import Preprocessing
from quant.errors import DataError
from quant.model.model import Model
from quant.types import TensorInfo


@dataclass(frozen=True)
class Reading:
    """How data becomes samples, where its own files do not say it.

    Attributes:
        preprocessing: How pictures become samples, or the name of a preset; guessed from the model
            without it.
        image_size: Height and width for the preset or the guess, in pixels, where the model leaves
            them open; 224 each without.
        skip_damaged: Whether pictures that cannot be read are left out and named in the notes;
            otherwise the first one that is met is refused.
        tokenizer: The ``tokenizer.json`` that text is cut by; looked for beside the text and
            beside the model without it.
        audio_rate: Samples a second that recordings are resampled to; their own without it.
        audio_seconds: How much of each recording is fed; what the model takes without it, or as
            much as the longest has.
    """

    preprocessing: Preprocessing | str | None = None
    image_size: tuple[int, int] | None = None
    skip_damaged: bool = False
    tokenizer: Path | None = None
    audio_rate: int | None = None
    audio_seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """Data that is to be opened.

    Attributes:
        path: The file or folder.
        model: The model that it is for, or None.
        inputs: The inputs of the model that it feeds.
        reading: How it becomes samples.
    """

    path: Path
    model: Model | None
    inputs: tuple[TensorInfo, ...]
    reading: Reading

    def needed_model(self, why: str) -> Model:
        """The model.

        Raises:
            DataError: If there is none; the sentence says why it is needed.
        """
        if self.model is None:
            raise DataError(f"{self.path}: {why}; give the model that it is for")
        return self.model

    def only_input(self, what: str) -> TensorInfo:
        """The one input that this data feeds.

        Raises:
            DataError: If the model has several.
        """
        if len(self.inputs) != 1:
            listed = ", ".join(repr(info.name) for info in self.inputs)
            raise DataError(
                f"{self.path}: {what} feed one input, but the model has {len(self.inputs)} "
                f"({listed}); say which data feeds which as NAME:PATH,NAME:PATH"
            )
        return self.inputs[0]


@dataclass(frozen=True)
class Kind:
    """A kind of data.

    Attributes:
        claims: Whether a path is of this kind.
        read: Reads it; the names of its arrays are the model's inputs, or none where it feeds one.
    """

    claims: Callable[[Path], bool]
    read: Callable[[Asked], Dataset]
