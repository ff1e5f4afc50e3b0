"""bot.rasa_environment: Rasa without TensorFlow and the other libraries that nothing here uses, in fresh processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from project import BOT

from bot.rasa_environment import STAND_INS


def python(code: str, *, path: Path | None = None, **environment: str) -> Any:
    """What a fresh interpreter prints as JSON; it must say nothing on standard error."""
    variables = {**os.environ, **environment}
    if path is not None:
        variables["PYTHONPATH"] = os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", f"import json, sys\nfrom bot.rasa_environment import prepare\n{code}"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def installed(folder: Path, name: str) -> Path:
    """A folder that holds a library of that name."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("REAL = True\n")
    return folder


def test_stand_ins_are_in_place_for_what_is_missing() -> None:
    assert tuple(python("print(json.dumps(prepare()))")) == STAND_INS


def test_nothing_stands_in_before_rasa_is_prepared() -> None:
    code = """
from importlib.util import find_spec
from bot.rasa_environment import STAND_INS
print(json.dumps([name for name in STAND_INS if find_spec(name)]))
"""
    assert python(code) == []


def test_a_stand_in_bears_what_rasa_does_with_it_at_import() -> None:
    code = """
prepare()
import tensorflow as tf
import tensorflow.keras.layers
from keras import Model
from aio_pika.exceptions import ConnectionError

@tf.function
def decorated():
    return "kept"

class Derived(tf.keras.layers.Layer):
    value = 1

caught = False
try:
    raise ConnectionError
except Exception:
    caught = True
print(json.dumps([decorated(), Derived.value, isinstance(Model(), Model), caught, hasattr(tf, "__wrapped__")]))
"""
    assert python(code) == ["kept", 1, True, True, False]


def test_the_dialogue_prepares_rasa_itself() -> None:
    code = """
import bot.dialogue.agent
import rasa, tensorflow
print(json.dumps([rasa.__version__, tensorflow.__version__, tensorflow.__path__]))
"""
    assert python(code) == ["3.6.21", "0.0.0", []]


def test_a_library_that_is_installed_is_left_alone(tmp_path: Path) -> None:
    code = """
names = prepare()
import tensorflow, keras
print(json.dumps([names, tensorflow.REAL, keras.__version__]))
"""
    others = [name for name in STAND_INS if name != "tensorflow"]
    assert python(code, path=installed(tmp_path, "tensorflow")) == [others, True, "0.0.0"]


def test_a_library_that_is_imported_already_is_left_alone(tmp_path: Path) -> None:
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
import tensorflow
sys.path.pop(0)
names = prepare()
import tensorflow as again
print(json.dumps(["tensorflow" in names, again.REAL]))
"""
    installed(tmp_path, "tensorflow")
    assert python(code) == [False, True]


def test_other_missing_libraries_stay_missing() -> None:
    code = """
prepare()
try:
    import tensorflow_of_another_kind
except ModuleNotFoundError:
    print(json.dumps("missing"))
"""
    assert python(code) == "missing"


def test_preparing_twice_changes_nothing() -> None:
    code = """
first, finders = prepare(), list(sys.meta_path)
print(json.dumps([prepare() == first, sys.meta_path == finders]))
"""
    assert python(code) == [True, True]


def test_telemetry_is_off_whatever_the_environment_says(tmp_path: Path) -> None:
    code = """
prepare()
from rasa import telemetry
telemetry.initialize_telemetry()
print(json.dumps(telemetry.is_telemetry_enabled()))
"""
    assert python(code, RASA_TELEMETRY_ENABLED="true", HOME=str(tmp_path)) is False


def test_rasa_command_line_starts() -> None:
    done = subprocess.run([BOT, "rasa", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Rasa Version      :         3.6.21" in done.stdout
    assert "tensorflow" not in done.stdout.lower()
