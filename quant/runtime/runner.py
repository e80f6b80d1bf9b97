"""The same session, again and again."""

from collections.abc import Callable, Mapping

import numpy as np

from quant.errors import ModelError
from quant.runtime.session import Array, InferenceSession


class Runner:
    """Runs a session again and again into the same memory. For one thread at a time.

    Fresh memory for each result of each run costs more than many models do.
    """

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self._shapes: object = None
        self._results: dict[str, Array] = {}
        self._again: Callable[[Mapping[str, Array]], None] | None = None
        self._predictable = True

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model once.

        Args:
            feeds: As for :meth:`InferenceSession.run`.

        Returns:
            The results by name; the next call may overwrite them.

        Raises:
            ModelError: As for :meth:`InferenceSession.run`.
        """
        shapes = {name: (array.shape, array.dtype) for name, array in feeds.items()}
        if self._again is not None and shapes == self._shapes:
            try:
                self._again(feeds)
            except ModelError:
                # Shapes that depend on the data, or a failure that the plain run reports.
                self._predictable, self._again = False, None
            else:
                return dict(self._results)
        found = self._session.run(feeds)
        if self._predictable and all(array.dtype.kind in "biuf" for array in found.values()):
            self._results = {
                name: np.require(a, requirements=("C", "W")) for name, a in found.items()
            }
            self._shapes, self._again = shapes, self._session.bound(self._results)
        return found
