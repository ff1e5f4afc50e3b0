"""Training the Rasa model, only when something that it is made of has changed."""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import structlog

from bot.errors import UserError
from bot.paths import DATA, ROOT

logger = structlog.get_logger(__name__)

NAME = "crs-family-chat"
TRAINING_FILES = tuple(DATA / name for name in ("nlu.yml", "rules.yml", "stories.yml"))
# The components' code shapes the model as much as the data does.
_CODE = (
    "bot/dialogue/components/*.py",
    "bot/dialogue/importer.py",
    "bot/dialogue/topic_model.py",
    "bot/embeddings.py",
    "bot/encoder_graph.py",
)


class TrainingError(UserError):
    """The model could not be trained; the message says why."""


def train(models: Path, *, force: bool = False) -> tuple[Path, bool]:
    """Train the model if anything that it is made of changed since the last time.

    Args:
        models: the folder of trained models; made where it is missing.
        force: train in any case.

    Returns:
        the model archive, and whether it was trained now.

    Raises:
        TrainingError: Rasa refused to train.
    """
    models.mkdir(parents=True, exist_ok=True)
    archive = models / f"{NAME}.tar.gz"
    with _only_one_at_a_time(models / ".lock"):
        if not force and _is_fresh(archive):
            return archive, False
        digest = _digest()
        new = _train_into(models, f"{NAME}-new")
        new.replace(archive)
        _mark(archive).write_text(digest + "\n")
    return archive, True


def trained_model(models: Path) -> Path:
    """The trained model, trained first if need be, in a process of its own: training leaves 100 MB behind.

    Raises:
        TrainingError: the model could not be trained.
    """
    archive = models / f"{NAME}.tar.gz"
    if not _is_fresh(archive):
        logger.info("model.training", takes="about a minute")
        environment = {**os.environ, "BOT_MODELS_DIR": str(models)}
        command = [sys.executable, "-m", "bot", "train"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
        if done.returncode != 0:
            raise TrainingError("the model could not be trained: the line above says why")
    return archive


def _is_fresh(archive: Path) -> bool:
    mark = _mark(archive)
    return archive.exists() and mark.exists() and mark.read_text().strip() == _digest()


def _mark(archive: Path) -> Path:
    """The file beside a model that says what it was made of."""
    return archive.with_name(f"{NAME}.sha256")


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


def _digest() -> str:
    paths = [ROOT / "config.yml", ROOT / "domain.yml", *TRAINING_FILES]
    for pattern in _CODE:
        paths.extend(sorted(ROOT.glob(pattern)))
    whole = hashlib.sha256(metadata.version("rasa").encode())
    for path in paths:
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
