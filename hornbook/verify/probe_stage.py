"""The stage that asks what finetuning changed beside the exam (the paper's section 3): probes.py has the questions.

In: a model before and after finetuning (Train stages, or any LLM). Out: a row a model and prompt
with what was asked for and met; `summary.json`: for each probe the share that was met, its interval
over prompts, and the paired difference. No exam is opened and nothing that a model wrote is run.
Greedy; killed, it goes on with the next batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import store
from hornbook.frame.stage import Desk, Price, Size, Stage, Whole
from hornbook.intervals import difference, ratio, wilson
from hornbook.llm import LLM
from hornbook.records import UserError, schema, share
from hornbook.verify import probes, samplers
from hornbook.verify.examine import plain
from hornbook.verify.protocols import cut
from hornbook.verify.sample import in_batches

if TYPE_CHECKING:
    import pyarrow as pa

PROBED: dict[str, str] = {
    "model": "string",  # before or after
    "probe": "string",  # instructions or libraries
    "task_id": "string",
    "prompt": "string",
    "raw": "string",
    "met": "int32",
    "asked": "int32",
    "missing": "string",  # in words, one a line
}
PROBES = {"instructions": probes.instructions, "libraries": probes.libraries}
# Two functions may have been asked for, so a second def is no end.
STOP = ("\nif __name__", "\nprint(", "\nassert ", '\n"""', "\n```")


@dataclass(frozen=True)
class Probe(Whole):
    """Ask both models the prompts of both probes; `prompts` of each, chosen by a hash, 0 for all."""

    before: Stage | LLM
    after: Stage | LLM
    max_new_tokens: int = 256
    prompts: int = 0

    version: ClassVar[int] = 1

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {
            "prompts": [probe.prompt for ask in PROBES.values() for probe in ask()],
            "stop": STOP,
        }

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = 2 * sum(len(some) for some in self._chosen().values())
        tokens = number * self.max_new_tokens
        return Price(
            Size(number), tokens, number, tokens / 500 / 60, peak_mb=1500
        )  # tokens a second: as for Examine

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        if self.before == self.after:
            raise UserError(
                f"{self.name}: before and after are one model: give the base and the finetuned one"
            )
        desk.reporter.begin(self.name, 2 * sum(map(len, self._chosen().values())), "prompts")
        rows = [*self._asked(desk, "before", self.before), *self._asked(desk, "after", self.after)]
        yield "answers", pa.Table.from_pylist(rows, schema=schema(PROBED))
        names = {
            which: _name(model) for which, model in (("before", self.before), ("after", self.after))
        }
        facts = {"models": names, "probes": [_summary(name, rows) for name in PROBES]}
        store.write_json(desk.folder(self) / "summary.json", plain(facts))

    def _chosen(self) -> dict[str, list[probes.Probe]]:
        found = {}
        for name, ask in PROBES.items():
            every = ask()
            few = sorted(every, key=lambda probe: share("probes", probe.task_id))[
                : self.prompts or len(every)
            ]
            found[name] = [probe for probe in every if probe in few]
        return found

    def _asked(self, desk: Desk, which: str, model: Stage | LLM) -> list[dict[str, Any]]:
        writer = samplers.writer(model, desk, 0.0, self.max_new_tokens)
        rows = []
        for name, some in self._chosen().items():
            written = in_batches(
                desk.folder(self) / "raw" / f"{which}-{name}",
                some,
                lambda batch: list(
                    writer([probe.prompt for probe in batch], STOP, [0] * len(batch))
                ),
                desk.reporter.advance,
            )
            rows += [_row(which, name, probe, text) for probe, text in written]
        return rows


def _row(which: str, name: str, probe: probes.Probe, text: str) -> dict[str, Any]:
    counted = probe.count(probe.prompt + cut(text, STOP))
    facts = dataclasses.asdict(counted) | {"missing": "\n".join(counted.missing)}
    return {
        "model": which,
        "probe": name,
        "task_id": probe.task_id,
        "prompt": probe.prompt,
        "raw": text,
    } | facts


def _summary(probe: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of one probe: what each model met, how many prompts it met in full, and the difference prompt by prompt."""
    by = {
        which: [row for row in rows if row["model"] == which and row["probe"] == probe]
        for which in ("before", "after")
    }
    shares = {which: [row["met"] / row["asked"] for row in some] for which, some in by.items()}
    return {
        "probe": probe,
        **{
            which: {
                "met": ratio(
                    [row["met"] for row in some], [row["asked"] for row in some], f"{probe} {which}"
                ),
                "in_full": wilson(sum(row["met"] == row["asked"] for row in some), len(some)),
            }
            for which, some in by.items()
        },
        "difference": difference(shares["before"], shares["after"], f"{probe} difference"),
    }


def _name(model: Stage | LLM) -> str:
    return model.name if isinstance(model, Stage) else model.model
