"""bot.dialogue.training: each model is trained when something that it is made of changed, and only then."""

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rasa.model_training import TrainingResult

from bot.data_file import DataFileError
from bot.dialogue import training
from bot.dialogue.importer import CachingFileImporter
from bot.dialogue.training import TrainingError, train, trained_model
from bot.paths import ROOT

FILES = ("crs-family-chat.tar.gz", "crs-family-chat.sha256", "red-flags.npz", "red-flags.sha256")


class FakeRasa:
    """Stands in for Rasa's training: writes a model that says how often it was called."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.fault: Exception | TrainingResult | None = None

    def __call__(self, **arguments: Any) -> TrainingResult:
        self.calls.append(arguments)
        sys.stdout.write("bars and coloured lines")
        archive = Path(arguments["output"]) / f"{arguments['fixed_model_name']}.tar.gz"
        archive.write_text("half a model")
        if isinstance(self.fault, Exception):
            raise self.fault
        if self.fault is not None:
            return self.fault
        archive.write_text(f"model {len(self.calls)}")
        return TrainingResult(str(archive), 0)


class FakeLearning:
    """Stands in for the training of the semantic red-flag detector, and for its weights."""

    def __init__(self) -> None:
        self.calls = 0
        self.fault: Exception | None = None

    def __call__(self, encoder: object, questions: object) -> "FakeLearning":
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return self

    def save(self, path: Path) -> None:
        path.write_text(f"weights {self.calls}")


@pytest.fixture
def rasa(monkeypatch: pytest.MonkeyPatch) -> FakeRasa:
    rasa = FakeRasa()
    monkeypatch.setattr("rasa.model_training.train", rasa)
    return rasa


@pytest.fixture(autouse=True)
def learning(monkeypatch: pytest.MonkeyPatch) -> FakeLearning:
    learning = FakeLearning()
    monkeypatch.setattr(training, "learn", learning)
    monkeypatch.setattr(training, "shared_encoder", lambda: SimpleNamespace(remember=lambda sentences: None))
    monkeypatch.setattr(training, "questions_without_red_flag", list)
    return learning


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the models are made of."""
    project = tmp_path / "project"
    for name in ("data", "bot"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("config.yml", "domain.yml"):
        shutil.copy(ROOT / name, project / name)
    monkeypatch.setattr(training, "ROOT", project)
    return project


def files(models: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in models.iterdir() if path.name != ".lock"}


def changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that both models are made of is another."""
    monkeypatch.setattr(training, "_digest", lambda parts: "another digest")


def test_a_missing_model_is_trained(rasa: FakeRasa, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, now = train(models)

    assert (archive, now) == (models / "crs-family-chat.tar.gz", True)
    assert files(models).keys() == set(FILES)
    assert (files(models)["crs-family-chat.tar.gz"], files(models)["red-flags.npz"]) == ("model 1", "weights 1")
    (call,) = rasa.calls
    assert (call["domain"], call["config"]) == (str(ROOT / "domain.yml"), str(ROOT / "config.yml"))
    assert call["training_files"] == [str(ROOT / "data" / name) for name in ("nlu.yml", "rules.yml", "stories.yml")]
    assert call["force_training"] is True
    assert capsys.readouterr() == ("", "")


def test_nothing_is_trained_when_nothing_changed(rasa: FakeRasa, learning: FakeLearning, models: Path) -> None:
    train(models)
    before = files(models)

    assert [train(models) for _ in range(3)] == [(models / "crs-family-chat.tar.gz", False)] * 3
    assert (len(rasa.calls), learning.calls) == (1, 1)
    assert files(models) == before


def test_the_projects_own_model_is_not_trained_again(rasa: FakeRasa, learning: FakeLearning, model: Path) -> None:
    assert train(model.parent) == (model, False)
    assert (len(rasa.calls), learning.calls) == (0, 0)


def test_a_change_is_trained(rasa: FakeRasa, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(models)
    changed(monkeypatch)

    assert [train(models)[1], train(models)[1]] == [True, False]
    assert files(models) == dict(
        zip(FILES, ("model 2", "another digest\n", "weights 2", "another digest\n"), strict=True)
    )


def test_training_is_forced(rasa: FakeRasa, models: Path) -> None:
    train(models)

    assert train(models, force=True) == (models / "crs-family-chat.tar.gz", True)
    assert (files(models)["crs-family-chat.tar.gz"], files(models)["red-flags.npz"]) == ("model 2", "weights 2")


@pytest.mark.parametrize("lost", FILES)
def test_what_is_lost_is_trained(rasa: FakeRasa, learning: FakeLearning, models: Path, lost: str) -> None:
    train(models)
    (models / lost).unlink()

    assert [train(models)[1], train(models)[1]] == [True, False]
    assert files(models).keys() == set(FILES)
    assert (len(rasa.calls), learning.calls) == ((1, 2) if lost.startswith("red-flags") else (2, 1))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (ValueError("the rule 'greet' names an unknown action"), "could not be trained: the rule 'greet' names an"),
        (TrainingResult(None, 1), "could not be trained: Rasa's lines above say why"),
        (TrainingResult(None, 0), "could not be trained: Rasa's lines above say why"),
    ],
)
def test_a_training_that_fails_keeps_the_model(
    rasa: FakeRasa,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception | TrainingResult,
    message: str,
) -> None:
    train(models)
    before = files(models)
    changed(monkeypatch)
    rasa.fault = fault

    with pytest.raises(TrainingError, match=message):
        train(models)

    after = files(models)
    assert {name: after[name] for name in before} == before
    rasa.fault = None
    assert train(models)[1]  # not taken for trained
    assert files(models).keys() == before.keys()


def test_a_red_flag_file_that_is_wrong_keeps_the_detector(
    rasa: FakeRasa, learning: FakeLearning, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(models)
    before = files(models)
    changed(monkeypatch)
    learning.fault = DataFileError("examples.yml, line 3: wrong")

    with pytest.raises(DataFileError, match="line 3"):
        train(models)

    after = files(models)
    assert {name: after[name] for name in FILES[2:]} == {name: before[name] for name in FILES[2:]}
    learning.fault = None
    assert train(models)[1]  # not taken for trained
    assert len(rasa.calls) == 2  # the model itself was done


def test_a_change_made_during_the_training_is_trained(
    rasa: FakeRasa, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_digest", lambda parts: "after" if rasa.calls else "before")
    assert [train(models)[1] for _ in range(3)] == [True, True, False]


def test_two_at_once_train_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training waits a moment for another: with the lock, none comes."""
    together = threading.Barrier(2)
    met: list[bool] = []

    def train_into(folder: Path, name: str) -> Path:
        try:
            together.wait(0.5)
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)
        archive = folder / f"{name}.tar.gz"
        archive.write_text("model")
        return archive

    monkeypatch.setattr(training, "_train_into", train_into)
    with ThreadPoolExecutor(2) as executor:
        results = list(executor.map(train, [models, models]))

    assert met == [False]
    assert sorted(now for _, now in results) == [False, True]


# what counts as a change


@pytest.mark.parametrize(
    ("file", "trained"),
    [
        ("config.yml", (1, 0)),
        ("domain.yml", (1, 0)),
        ("data/rules.yml", (1, 0)),
        ("data/stories.yml", (1, 0)),
        ("bot/dialogue/components/topic_classifier.py", (1, 0)),
        ("bot/dialogue/components/a_new_one.py", (1, 0)),
        ("bot/dialogue/importer.py", (1, 0)),
        ("bot/dialogue/topic_model.py", (1, 0)),
        ("data/nlu.yml", (1, 1)),
        ("bot/embeddings.py", (1, 1)),
        ("bot/encoder_graph.py", (1, 1)),
        ("bot/redflags/data/examples.yml", (0, 1)),
        ("bot/redflags/data/lexicon.yml", (0, 1)),
        ("bot/redflags/learning.py", (0, 1)),
        ("data/answers.yml", (0, 0)),
        ("data/fixed_texts.yml", (0, 0)),
        ("data/follow_ups.yml", (0, 0)),
        ("bot/dialogue/turn.py", (0, 0)),
    ],
)
def test_a_change_trains_what_is_made_of_it(
    rasa: FakeRasa, learning: FakeLearning, models: Path, project: Path, file: str, trained: tuple[int, int]
) -> None:
    train(models)
    with (project / file).open("a") as changed:
        changed.write("\n# changed\n")

    assert train(models)[1] is any(trained)

    assert (len(rasa.calls) - 1, learning.calls - 1) == trained
    assert not train(models)[1]


def test_another_version_of_rasa_trains(rasa: FakeRasa, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(models)
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"another {package}")
    assert train(models)[1]
    assert len(rasa.calls) == 2


# the model of a service


class FakeProcess:
    """Stands in for `bot train`."""

    def __init__(self, models: Path, code: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.environment: dict[str, str] = {}
        self._models = models
        self._code = code

    def __call__(self, command: list[str], *, env: dict[str, str], **_: Any) -> "subprocess.CompletedProcess[bytes]":
        self.commands.append(command)
        self.environment = env
        if self._code == 0:
            train(self._models)
        return subprocess.CompletedProcess(command, self._code)


def test_a_service_trains_in_another_process(rasa: FakeRasa, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = FakeProcess(models)
    monkeypatch.setattr(subprocess, "run", process)

    assert trained_model(models) == models / "crs-family-chat.tar.gz"
    assert trained_model(models) == models / "crs-family-chat.tar.gz"
    assert process.commands == [[sys.executable, "-m", "bot", "train"]]
    assert process.environment["BOT_MODELS_DIR"] == str(models)

    changed(monkeypatch)
    trained_model(models)
    assert len(process.commands) == 2

    (models / "red-flags.npz").unlink()
    trained_model(models)
    assert len(process.commands) == 3


def test_a_service_says_that_its_model_cannot_be_trained(
    rasa: FakeRasa, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(models)
    before = files(models)
    changed(monkeypatch)
    monkeypatch.setattr(subprocess, "run", FakeProcess(models, code=1))

    with pytest.raises(TrainingError, match="could not be trained: the line above says why"):
        trained_model(models)

    assert files(models) == before


# the importer


def test_the_examples_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nlu.yml"
    file.write_text(
        'version: "3.1"\nnlu:\n- intent: what_is_crs\n  examples: |\n    - what is crs\n    - explain crs\n'
    )
    importer = CachingFileImporter(training_data_paths=[str(file)])

    first = importer.get_nlu_data()
    file.unlink()

    assert [example.get("text") for example in first.intent_examples] == ["what is crs", "explain crs"]
    assert importer.get_nlu_data() is first
