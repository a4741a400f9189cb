"""Jobs and verdicts, and how a verdict follows from the outcomes of two processes.

In: a ProgramJob; what the zygotes report of its processes. Out: a Verdict. Bad news from the
program's process is believed. A pass needs the tests' process to report it, after the tests ran to
their end, with no limit overrun.

Reasons are written into tables of results: changing one of these texts changes their bytes.

Not covered: running the job (pair.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hornbook.records import UserError

MAX_TIMEOUT_S = 86_400
MIN_MEMORY_MB, MAX_MEMORY_MB = 16, 1 << 20
MAX_REASON_CHARACTERS = 300
# What a child may report: "gone" means that the tests lost the program. timeout, killed and
# infrastructure follow from the outcome.
REPORTED_STATUSES = ("passed", "failed", "error", "syntax", "memory", "refused", "gone")
# From this share of its CPU limit on, a timeout was computing and not idle.
BUSY_SHARE = 0.9


@dataclass(frozen=True)
class ProgramJob:
    """A program, and tests that call it. Without tests the program is only run.

    Attributes:
        code: the program, Python code.
        tests: Python code that uses the program's names; "" for none.
        entry_points: the names that the tests take from the program; empty: every name that the
            tests use and do not define.
        timeout_s: CPU seconds at the reference speed, for the program and for its tests each.
        memory_mb: address space of each process in MiB.
        classes: the entry points that are classes, whose instances are asked how they add and
            compare. None: every name in CapWords.

    Raises:
        UserError: a limit is out of range.
    """

    code: str
    tests: str = ""
    entry_points: tuple[str, ...] = ()
    timeout_s: float = 5.0
    memory_mb: int = 1024
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise UserError(
                f"a time limit of {self.timeout_s:g} s: it must be above 0 and at most "
                f"{MAX_TIMEOUT_S:,} s (a day)"
            )
        if not MIN_MEMORY_MB <= self.memory_mb <= MAX_MEMORY_MB:
            raise UserError(
                f"a memory limit of {self.memory_mb:,} MB: it must be {MIN_MEMORY_MB} MB at least "
                f"and {MAX_MEMORY_MB:,} at most"
            )


@dataclass(frozen=True)
class Verdict:
    """The result of a job.

    Attributes:
        status: passed, failed, error, syntax, timeout, memory, killed, refused or infrastructure.
        reason: one printable line; "" for a pass.
        cpu_s: CPU seconds of the program and its tests together.
        wall_s: wall-clock seconds of the longer one.
        output: the first 4 KiB that the program printed.
        trust: what a pass is worth: "split" (the tests ran in another process), "ran" (there were
            no tests) or "unsafe" (there was no isolation).
    """

    status: str
    reason: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    output: str = ""
    trust: str = "split"


@dataclass(frozen=True)
class ChildOutcome:
    """How one child of a zygote ended.

    Attributes:
        end: report, gone, timeout or stopped (child_watch.ChildEnd).
        exit_code: negative for a signal.
        status: of the child's own report; "" without a readable one.
        reason: of the same report.
    """

    end: str
    exit_code: int
    status: str
    reason: str
    cpu_s: float
    wall_s: float
    output: str


def parse_outcome(message: dict[str, Any]) -> ChildOutcome:
    """The outcome in a zygote's message.

    Raises:
        KeyError, TypeError, ValueError: the zygote's message is malformed.
    """
    status = reason = ""
    try:
        report = json.loads(message["report"].split("\n")[0])
        if report["status"] in REPORTED_STATUSES and isinstance(report["reason"], str):
            status = report["status"]
            reason = escape_unprintable(report["reason"][:MAX_REASON_CHARACTERS])
    # The child's report may be anything: an unreadable one counts as none.
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return ChildOutcome(
        end=message["end"],
        exit_code=int(message["exit"]),
        status=status,
        reason=reason,
        cpu_s=float(message["cpu_s"]),
        wall_s=float(message["wall_s"]),
        output=str(message["output"]),
    )


def escape_unprintable(text: str) -> str:
    r"""The text as one line that is safe on a terminal.

    Control characters could move the cursor or turn the text around, and forge another verdict.

    >>> escape_unprintable("two\nlines \x1b[2J")
    'two lines \\x1b[2J'
    """
    characters = []
    for character in " ".join(text.split()):
        is_safe = character.isprintable()
        characters.append(character if is_safe else character.encode("unicode_escape").decode())
    return "".join(characters)


def decide_verdict_without_tests(outcome: ChildOutcome, trust: str, timeout_s: float) -> Verdict:
    """The verdict on a program that was only run."""
    status, reason = _describe_end(outcome, timeout_s)
    return Verdict(status, reason, outcome.cpu_s, outcome.wall_s, outcome.output, trust)


def decide_verdict_with_tests(
    program_outcome: ChildOutcome, tests_outcome: ChildOutcome, trust: str, timeout_s: float
) -> Verdict:
    """The verdict on a program and its tests.

    It is a pass only if the tests' process reports one and nothing else speaks against it.
    """
    status, reason = _combine_outcomes(program_outcome, tests_outcome, timeout_s)
    return Verdict(
        status,
        reason,
        program_outcome.cpu_s + tests_outcome.cpu_s,
        max(program_outcome.wall_s, tests_outcome.wall_s),
        program_outcome.output,
        trust,
    )


def _combine_outcomes(
    program_outcome: ChildOutcome, tests_outcome: ChildOutcome, timeout_s: float
) -> tuple[str, str]:
    for outcome in (program_outcome, tests_outcome):
        if outcome.end == "timeout":
            return "timeout", _describe_timeout(outcome, timeout_s)
    # The program's process can report a pass itself, so only its bad news counts.
    if program_outcome.status and program_outcome.status != "passed":
        return program_outcome.status, program_outcome.reason
    if tests_outcome.status == "gone":
        return _describe_early_end(program_outcome, tests_outcome.reason)
    if tests_outcome.end == "report" and tests_outcome.status:
        return tests_outcome.status, tests_outcome.reason
    return "error", f"the tests ended without a verdict (exit {tests_outcome.exit_code})"


def _describe_end(outcome: ChildOutcome, timeout_s: float) -> tuple[str, str]:
    if outcome.end == "timeout":
        return "timeout", _describe_timeout(outcome, timeout_s)
    # "gone" is what the tests' process reports; a program that does so lies.
    if outcome.end == "report" and outcome.status and outcome.status != "gone":
        return outcome.status, outcome.reason
    return _describe_early_end(outcome, "the program ended before its end")


def _describe_early_end(outcome: ChildOutcome, reason: str) -> tuple[str, str]:
    """Status and reason for a program's process that ended early or broke the protocol."""
    # These texts come from peer.py: "broke the protocol", "raised SystemExit".
    if "protocol" in reason or "raised" in reason:
        return "error", reason
    if outcome.exit_code < 0:
        return "killed", f"{reason} (signal {-outcome.exit_code})"
    return "killed", f"{reason} (exit {outcome.exit_code})"


def _describe_timeout(outcome: ChildOutcome, timeout_s: float) -> str:
    """The reason for a timeout. It has no measured time, so it is the same every time."""
    if outcome.cpu_s > BUSY_SHARE * timeout_s:
        return f"over {timeout_s:g} s of CPU"
    return "asleep, or waiting for what never comes"
