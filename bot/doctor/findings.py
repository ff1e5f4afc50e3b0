"""What a check of the installation found, and the guard that makes one failed check no end of the others."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from bot.errors import UserError
from bot.storable import storable

OK, WARNING, FAULT = "ok", "warning", "fault"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        level: `ok`, `warning` or `fault`: families can be served, are served less well, or cannot be served.
        what: was looked at.
        finding: one sentence without its full stop.
        remedy: what to do, in a sentence without its full stop; empty where there is nothing to do.
    """

    level: str
    what: str
    finding: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """As it is shown in a terminal."""
        sentences = [self.finding, self.remedy] if self.remedy else [self.finding]
        whole = f"{self.what}: {'. '.join(sentences)}"
        return f"{self.level:7}  {storable(' '.join(whole.split()))}"


def guarded(what: str, check: Callable[..., Iterable[Finding]], *arguments: object) -> list[Finding]:
    """What a check finds; a failure of it is a finding as well, behind what it found before.

    Args:
        what: is looked at.
        check: may raise anything.
        arguments: of the check.
    """
    found: list[Finding] = []
    try:
        for finding in check(*arguments):
            found.append(finding)
    except UserError as error:
        found.append(Finding(FAULT, what, str(error)))
    except Exception as error:  # the other checks are worth as much without this one
        found.append(failed(what, error))
    return found


def failed(what: str, error: Exception) -> Finding:
    """A check that raised what nobody foresaw. Its text is left out: it may quote a secret."""
    return Finding(FAULT, what, f"the check itself failed with {type(error).__name__}", "Please report it")


def as_json(findings: Sequence[Finding]) -> str:
    """The report for scripts."""
    report = {"fit": is_fit(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(report, indent=2)


def is_fit(findings: Sequence[Finding]) -> bool:
    """Whether there is no fault."""
    return all(finding.level != FAULT for finding in findings)
