"""Both detectors together, for whatever is not a family's message on its way through the gate."""

from pathlib import Path

import structlog

from bot.embeddings import shared_encoder
from bot.errors import UserError
from bot.redflags.detector import Detection, shared_detector
from bot.redflags.semantic import NAME, SemanticDetector, Weights

logger = structlog.get_logger(__name__)


def load_semantic(models: Path) -> SemanticDetector | None:
    """The second detector; None, and a line in the log, where it cannot be loaded.

    Args:
        models: the folder of trained models.
    """
    try:
        return SemanticDetector(shared_encoder(), Weights.load(models / NAME))
    except UserError as error:
        logger.error("gate.semantic_missing", reason=str(error))
        return None


class BothDetectors:
    """The first detector, and the second one where it is there."""

    def __init__(self, models: Path) -> None:
        """Read the rules and the trained weights.

        Raises:
            DataFileError: a file of rules is wrong.
        """
        self.first = shared_detector()
        self.second = load_semantic(models)

    def detect(self, text: str) -> Detection:
        """What either finds."""
        detection = self.first.detect(text)
        return detection.adding(self.second.find(text)) if self.second else detection
