"""Reading the training files for Rasa once instead of twice."""

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.common import cached_method


class CachingFileImporter(RasaFileImporter):
    """Rasa's own importer, which forgets what it has read: parsing data/nlu.yml takes five seconds each time."""

    @cached_method
    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        """The training examples; see the parent class."""
        return super().get_nlu_data(language)
