"""Rasa without the libraries that it imports but that nothing here uses.

Rasa 3.6 imports TensorFlow while it registers its components, and the clients of every message broker, tracker store
and messenger that it knows. `prepare` gives the import system empty stand-ins for those that are not installed, before
Rasa is imported. Measured on this project's pipeline: 570 MB of memory become 225 without TensorFlow, training without
examples takes 1.6 s instead of 10, the environment 0.9 GB instead of 2.8; without the other clients the service starts
a second sooner.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

STAND_INS = (
    *("tensorflow", "tensorflow_hub", "tensorflow_text", "keras"),
    *("aio_pika", "aiormq", "confluent_kafka"),  # message brokers
    *("boto3", "botocore", "pymongo"),  # tracker stores
    *("aiogram", "fbmessenger", "mattermostwrapper", "rocketchat_API", "socketio", "webexteamssdk"),  # channels
)


class _StandInType(type):
    """A class whose every attribute is such a class too: it can be called, decorated with and derived from.

    All derive from Exception, because Rasa catches some of them.
    """

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and callable(args[0]) and not kwargs:
            return args[0]  # used as a decorator: the function stays what it is
        return super().__call__()


def _stand_in(name: str) -> _StandInType:
    return _StandInType(name, (Exception,), {"__module__": "stand_in"})


class _StandInModule(ModuleType):
    __version__ = "0.0.0"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # makes it a package, so that its parts can be imported

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)


class _StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module is empty."""


def prepare() -> tuple[str, ...]:
    """Make `import rasa` work without the libraries of `STAND_INS`; to be called before it.

    Turns Rasa's telemetry off as well, and silences the deprecation warnings of its pinned libraries, about which
    nothing can be done here.

    Returns:
        the names that a stand-in is in place for; a library that is really installed is left alone.
    """
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    for finder in sys.meta_path:
        if isinstance(finder, _StandInFinder):
            return finder.names
    names = tuple(name for name in STAND_INS if name not in sys.modules and importlib.util.find_spec(name) is None)
    sys.meta_path.append(_StandInFinder(names))
    _silence_pinned_libraries()
    return names


def _silence_pinned_libraries() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("sanic.app")  # puts a filter of its own first, which ours then have to come before
    for category in (DeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=category)
    warnings.filterwarnings("ignore", message="Slot auto-fill has been removed", category=UserWarning)
