"""Names that configs may use, and the classes they stand for."""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from seqexp.system import plugins
from seqexp.system.errors import UserError, one_of

T = TypeVar("T", bound=type)


class _Added:
    def __repr__(self) -> str:
        return "ADDED"


# Marks a field that a class got after there were runs of it: ``coupled: Annotated[bool, ADDED] = False``. Its default
# is what those runs did. No config.yaml and no signature has it while it stands there (``schema.without_absent``).
ADDED = _Added()


class Registry(Generic[T]):
    """An explicit table name -> class.

    With ``package``, every module of that package is imported at the first look-up and registers itself. So does every
    installed plug-in.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._classes: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Any], Any]:
        def decorate(cls: Any) -> Any:
            if self._package is not None and not cls.__module__.startswith(f"{self._package}."):
                self._load_own()  # so that no plug-in takes one of their names first
            before = self._classes.get(name)
            if before is not None and _definition(before) != _definition(cls):  # which a reload defines again
                raise ValueError(
                    f"{self.kind} {name!r} is registered twice: by {_definition(before)} and {_definition(cls)}"
                )
            cls.name = name
            self._classes[name] = cls
            return cls

        return decorate

    def names(self) -> list[str]:
        self._load()
        return sorted(self._classes)  # the order of registration depends on which module was imported first

    def lookup(self, name: str) -> T:
        self._load()
        if name not in self._classes:
            raise UserError(one_of(f"{self.kind}.name", self.names(), name))
        return self._classes[name]

    def _load(self) -> None:
        self._load_own()
        plugins.load_installed()

    def _load_own(self) -> None:
        if self._package is not None and not self._loaded:
            self._loaded = True  # first: a module that is being imported may look up a name, and would load again
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._package}.{module.name}")


def _definition(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def fields(cls: type, without: tuple[str, ...] = ()) -> dict[str, tuple[Any, Any]]:
    """The constructor's keyword fields, name -> (type, default): the class's config schema.

    A field without a default has ``inspect.Parameter.empty``.
    """
    constructor: Any = cls.__init__  # type: ignore[misc]  # of the class itself, no instance
    hints = typing.get_type_hints(constructor, include_extras=True)
    parameters = list(inspect.signature(cls).parameters.values())
    return {f.name: (hints[f.name], f.default) for f in parameters if f.name not in without}
