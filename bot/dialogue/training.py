"""Training the Rasa model and the semantic red-flag detector, each only when what it is made of has changed."""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import structlog

from bot.dialogue.nlu_examples import read_nlu_examples
from bot.embeddings import shared_encoder
from bot.errors import UserError
from bot.paths import DATA, ROOT
from bot.redflags.detector import shared_detector
from bot.redflags.learning import learn
from bot.redflags.semantic import NAME as RED_FLAGS

logger = structlog.get_logger(__name__)

NAME = "crs-family-chat"
TRAINING_FILES = tuple(DATA / name for name in ("nlu.yml", "rules.yml", "stories.yml"))
_ENCODER = ("bot/embeddings.py", "bot/encoder_graph.py")
# What each is made of: code shapes a model as much as data does.
_MODEL_PARTS = (
    *("config.yml", "domain.yml", "data/nlu.yml", "data/rules.yml", "data/stories.yml"),
    *("bot/dialogue/components/*.py", "bot/dialogue/importer.py", "bot/dialogue/topic_model.py", *_ENCODER),
)
_RED_FLAG_PARTS = ("data/nlu.yml", "bot/redflags/data/*.yml", "bot/redflags/*.py", *_ENCODER)
SENTENCES = 20_000  # more than all examples together


class TrainingError(UserError):
    """The model could not be trained; the message says why."""


def train(models: Path, *, force: bool = False) -> tuple[Path, bool]:
    """Train what changed since the last time.

    Args:
        models: the folder of trained models; made where it is missing.
        force: train in any case.

    Returns:
        the model archive, and whether anything was trained now.

    Raises:
        TrainingError: Rasa refused to train.
        DataFileError: a file of the red flags is wrong.
    """
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"the folder of models {models} cannot be made: {error.strerror}") from error
    archive, red_flags = models / f"{NAME}.tar.gz", models / RED_FLAGS
    trained = False
    with _only_one_at_a_time(models / ".lock"):
        if force or not _is_fresh(archive, _MODEL_PARTS):
            digest = _digest(_MODEL_PARTS)
            shared_encoder().remember(SENTENCES)
            _train_into(models, f"{NAME}-new").replace(archive)
            _mark(archive).write_text(digest + "\n")
            trained = True
        if force or not _is_fresh(red_flags, _RED_FLAG_PARTS):
            digest = _digest(_RED_FLAG_PARTS)
            learn(shared_encoder(), questions_without_red_flag()).save(red_flags)
            _mark(red_flags).write_text(digest + "\n")
            trained = True
    return archive, trained


def trained_model(models: Path) -> Path:
    """The trained model, trained first if need be, in a process of its own: training leaves 100 MB behind.

    Raises:
        TrainingError: the model could not be trained.
    """
    archive = models / f"{NAME}.tar.gz"
    if out_of_date(models):
        logger.info("model.training", takes="about a minute")
        environment = {**os.environ, "BOT_MODELS_DIR": str(models)}
        command = [sys.executable, "-m", "bot", "train"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
        if done.returncode != 0:
            raise TrainingError("the model could not be trained: the line above says why")
    return archive


def out_of_date(models: Path) -> list[Path]:
    """The trained files that are missing, or older than what they are made of.

    Args:
        models: the folder of trained models.
    """
    made_of = {models / f"{NAME}.tar.gz": _MODEL_PARTS, models / RED_FLAGS: _RED_FLAG_PARTS}
    return [trained for trained, parts in made_of.items() if not _is_fresh(trained, parts)]


def _is_fresh(trained: Path, parts: Sequence[str]) -> bool:
    mark = _mark(trained)
    return trained.exists() and mark.exists() and mark.read_text().strip() == _digest(parts)


def _mark(trained: Path) -> Path:
    """The file beside a trained one that says what it was made of."""
    return trained.with_name(trained.name.partition(".")[0] + ".sha256")


def questions_without_red_flag() -> list[str]:
    """Examples of all intents in which the first red-flag detector finds nothing.

    Raises:
        DataFileError: a data file is wrong.
    """
    detector = shared_detector()
    texts = [example.text for example in read_nlu_examples()]
    return [text for text in texts if not detector.detect(text).triggers]


def _train_into(models: Path, name: str) -> Path:
    from rasa.model_training import train as train_rasa  # a running service that need not train does without

    with _quiet_progress_bars():
        try:
            result = train_rasa(
                domain=str(ROOT / "domain.yml"),
                config=str(ROOT / "config.yml"),
                training_files=[str(path) for path in TRAINING_FILES],
                output=str(models),
                fixed_model_name=name,
                force_training=True,
            )
        except Exception as error:  # Rasa raises many kinds; each says in its text what is wrong with the data
            raise TrainingError(f"the model could not be trained: {error}") from error
    if result.code != 0 or not result.model:
        raise TrainingError("the model could not be trained: Rasa's lines above say why")
    return Path(result.model)


def _digest(parts: Sequence[str]) -> str:
    whole = hashlib.sha256(metadata.version("rasa").encode())
    for pattern in parts:
        for path in sorted(ROOT.glob(pattern)):
            whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


@contextlib.contextmanager
def _only_one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _quiet_progress_bars() -> Iterator[None]:
    """Rasa draws bars and coloured lines for a terminal; in a log they are noise."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        yield
