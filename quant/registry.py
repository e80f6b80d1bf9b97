"""Components by name: those of a folder, and those that plug-ins bring.

A component is one new file. In this house it lies in the folder of its kind, whose modules are all
imported. Elsewhere it is a module that a package names as an entry point of the group
``quantlens.<folder>``, such as ``quantlens.calibrators``; loading it registers what it holds.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from threading import RLock
from typing import Generic, TypeVar

from quant.errors import QuantError, did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Components of one kind by name, in the order of registration.

    Plug-ins are loaded when something is looked up for the first time, because they import what
    they extend.

    Args:
        kind: What a component is called in a message, such as ``"calibrator"``.
        folder: The name of their folder; the group of entry points is ``quantlens.<folder>``.
        error: What an unknown name or a broken plug-in raises.
    """

    def __init__(self, kind: str, folder: str, error: type[QuantError] = QuantError) -> None:
        self.kind = kind
        self.group = f"quantlens.{folder}"
        self._error = error
        self._items: dict[str, T] = {}
        self._complete = False
        self._lock = RLock()

    def add(self, name: str, item: T) -> None:
        """Make a component known; what the ``register`` decorators of the folders call.

        Raises:
            ValueError: Another one has that name.
        """
        if name in self._items:
            raise ValueError(f"a {self.kind} named {name!r} is registered already")
        self._items[name] = item

    def discover(self, package: str) -> None:
        """Import every module of the folder; folders in it hold machinery, not components.

        Args:
            package: The folder's dotted name.
        """
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if not module.ispkg:
                importlib.import_module(f"{package}.{module.name}")

    def names(self) -> tuple[str, ...]:
        """The names of all components, in alphabetical order."""
        return tuple(sorted(self))

    def named(self, name: str, *, others: Iterable[str] = (), hint: str = "") -> T:
        """The component of that name.

        Args:
            name: The name.
            others: Names that could have been given too, for the message.
            hint: What else could have been given, for the message.

        Raises:
            QuantError: There is none (of the kind given at construction).
        """
        if name not in self:
            known = (*self.names(), *others)
            raise self._error(
                f"{self.kind}: unknown name {name!r}{did_you_mean(name, known)}; choose one of "
                f"{', '.join(known)}{hint}"
            )
        return self[name]

    def summaries(self) -> dict[str, str]:
        """Name -> what it does, in a line: the first of its docstring."""
        return {
            name: (item.__doc__ or name).strip().partition("\n")[0]
            for name, item in self._loaded().items()
        }

    def __getitem__(self, name: str) -> T:
        return self._loaded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _loaded(self) -> dict[str, T]:
        with self._lock:
            if not self._complete:
                self._complete = True  # at once: a plug-in may look names up while it is loaded
                try:
                    self._load_plugins()
                except QuantError:
                    self._complete = False
                    raise
        return self._items

    def _load_plugins(self) -> None:
        for entry in sorted(entry_points(group=self.group), key=lambda entry: entry.name):
            try:
                entry.load()
            except ImportError as error:
                raise self._error(
                    f"{self.kind}: the plug-in {entry.name!r} ({entry.value}, group {self.group}) "
                    f"cannot be imported ({error}); mend it or uninstall it"
                ) from error
