"""Measuring the detection of red flags on labelled files."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta

from bot.dialogue.training import questions_without_red_flag
from bot.embeddings import shared_encoder
from bot.evaluation.labelled import LabelledFileError, read_labelled
from bot.redflags.both import BothDetectors
from bot.redflags.detector import SEMANTIC, Detection
from bot.redflags.examples import WITHOUT, Example, read_examples
from bot.redflags.learning import fitted, weights_of
from bot.redflags.semantic import SemanticDetector
from bot.settings import Settings

GROUPS = ("family", "symptom", "phenomenon")  # columns of files whose messages all mention a red flag
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Group:
    """What was found in the messages of one kind."""

    file: str
    name: str
    mentions: bool  # whether its messages mention a red flag
    messages: int
    found: int
    by_lexicon: int  # found by the lexicon or the vitals reader
    by_meaning: int  # found by the second detector, whether or not the first finds it
    tiers_given: int = 0
    tiers_right: int = 0

    @property
    def share(self) -> float:
        """The share of messages found."""
        return self.found / self.messages

    @property
    def bound(self) -> float:
        """The one-sided Clopper-Pearson bound of the share: lower for recall, upper for triggers."""
        if self.mentions:
            return float(beta.ppf(1 - CONFIDENCE, self.found, self.messages - self.found + 1)) if self.found else 0.0
        return (
            float(beta.ppf(CONFIDENCE, self.found + 1, self.messages - self.found))
            if self.found < self.messages
            else 1.0
        )


def evaluate_red_flags(settings: Settings, files: Sequence[str], *, as_json: bool, voices: bool) -> str:
    """Measure both detectors.

    Args:
        settings: the service's settings.
        files: labelled files.
        as_json: print JSON instead of a table.
        voices: also leave each voice and each symptom of the examples out of the second detector's training.

    Raises:
        LabelledFileError: a file is wrong.
    """
    detector = BothDetectors(settings.models_dir)
    groups = [group for file in files for group in _measured(file, detector.detect)]
    left_out = list(_left_out(detector)) if voices else []
    if as_json:
        rows = [{**asdict(group), "share": group.share, "bound": group.bound} for group in groups + left_out]
        return json.dumps(rows, indent=2)
    return _table(groups, left_out)


def _measured(file: str, detect: Callable[[str], Detection]) -> Iterable[Group]:
    rows = read_labelled(Path(file), ("text",))
    columns = set(rows[0])
    by = next((column for column in GROUPS if column in columns), None)
    if by is None and not columns & {"kind", "mentions_red_flag"}:
        raise LabelledFileError(f"{file}, line 1: has none of the columns {', '.join(GROUPS)}, kind, mentions_red_flag")
    sorted_rows: dict[tuple[str, bool], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        mentions = by is not None or row.get("mentions_red_flag") == "yes"
        name = row[by] if by else row.get("kind") or ("mentions" if mentions else "questions")
        sorted_rows[name, mentions].append(row)
        if by:
            sorted_rows["all", mentions].append(row)
    name_of_file = "/".join(Path(file).parts[-2:])
    for (name, mentions), of_group in sorted(sorted_rows.items()):
        detections = [detect(row["text"]) for row in of_group]
        yield _group(name_of_file, name, mentions, detections, [row.get("tier") or "" for row in of_group])


def _group(file: str, name: str, mentions: bool, detections: Sequence[Detection], tiers: Sequence[str]) -> Group:
    detectors = [{flag.detector for flag in detection.red_flags} for detection in detections]
    tiered = [(tier, detection.tier) for tier, detection in zip(tiers, detections, strict=True) if tier]
    return Group(
        file,
        name,
        mentions,
        len(detections),
        sum(detection.triggers for detection in detections),
        sum(bool(of_one - {SEMANTIC}) for of_one in detectors),
        sum(SEMANTIC in of_one for of_one in detectors),
        len(tiered),
        sum(expected == given for expected, given in tiered),
    )


def _left_out(detector: BothDetectors) -> Iterable[Group]:
    """The second detector, trained without each voice and without each symptom in turn, on what was left out."""
    if detector.second is None:
        return
    examples = read_examples()
    examples += [Example(text, WITHOUT, "questions") for text in questions_without_red_flag()]
    shared_encoder().remember(len(examples))
    vectors = shared_encoder().encode([example.text for example in examples])
    symptoms = np.array([example.symptom for example in examples])
    voices = np.array([example.voice for example in examples])
    for title, labels in (("voice left out", voices), ("symptom left out", symptoms)):
        for label in dict.fromkeys(labels[symptoms != WITHOUT]):
            out = (labels == label) & (symptoms != WITHOUT)
            weights = weights_of(fitted(vectors[~out], symptoms[~out]), limit=detector.second.limit)
            semantic = SemanticDetector(shared_encoder(), weights)
            texts = [example.text for example, left in zip(examples, out, strict=True) if left]
            detections = [detector.first.detect(text).adding(semantic.find(text)) for text in texts]
            yield _group(title, str(label), True, detections, [""] * len(texts))


def _table(groups: Sequence[Group], left_out: Sequence[Group]) -> str:
    lines = [f"{'':44}{'messages':>9}{'found':>7}{'%':>7}{'bound':>7}{'lexicon':>9}{'meaning':>9}{'tier':>7}"]
    for group in [*groups, *left_out]:
        title = f"{group.file} {group.name}"
        tier = f"{group.tiers_right / group.tiers_given * 100:.1f}" if group.tiers_given else "-"
        lines.append(
            f"{title[:43]:44}{group.messages:9}{group.found:7}{group.share * 100:7.1f}{group.bound * 100:7.1f}"
            f"{group.by_lexicon:9}{group.by_meaning:9}{tier:>7}"
        )
    mentioning = [group for group in groups if group.mentions and group.name != "all"]
    if mentioning:
        worst = min(mentioning, key=lambda group: group.share)
        lines.insert(0, f"worst: {worst.name} of {worst.file}: {worst.found} of {worst.messages} found\n")
    lines += ["", "bound: one-sided 95 % (Clopper-Pearson), lower where red flags are mentioned, upper where none are."]
    lines.append("lexicon: found by the lexicon or the vitals reader; meaning: found by the second detector.")
    return "\n".join(lines)
