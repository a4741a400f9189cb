"""The stage that measures what finetuning changed beside the exam (the paper's section 3).

In: a model before and after finetuning (Train stages, or any LLM). Out: a row a model and prompt
with what was asked for and met; `summary.json`: for each probe the share that was met, its interval
over prompts, and the paired difference. No exam is opened and nothing that a model wrote is run.
Greedy; killed, it goes on with the next batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import store
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size, Stage
from hornbook.intervals import bootstrap_difference, bootstrap_ratio, wilson_interval
from hornbook.llm import LLM
from hornbook.records import UserError, hash_fraction, make_schema
from hornbook.verify import probes, samplers
from hornbook.verify.examine import to_json_value
from hornbook.verify.protocols import cut_at_stop
from hornbook.verify.sample import complete_in_batches

if TYPE_CHECKING:
    import pyarrow as pa

PROBE_COLUMNS: dict[str, str] = {
    "model": "string",  # before or after
    "probe": "string",  # instructions or libraries
    "task_id": "string",
    "prompt": "string",
    "raw": "string",
    "met": "int32",
    "asked": "int32",
    "missing": "string",  # in words, one a line
}
PROBE_SETS = {
    "instructions": probes.make_instruction_probes,
    "libraries": probes.make_library_probes,
}
# Two functions may have been asked for, so a second def is no end.
STOP_SEQUENCES = ("\nif __name__", "\nprint(", "\nassert ", '\n"""', "\n```")


@dataclass(frozen=True)
class Probe(GlobalStage):
    """Ask both models the prompts of both probes; `max_prompts` of each by a hash, 0 for all."""

    base_model: Stage | LLM
    finetuned_model: Stage | LLM
    max_new_tokens: int = 256
    max_prompts: int = 0

    version: ClassVar[int] = 1

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        prompts: list[str] = []
        for make_probes in PROBE_SETS.values():
            prompts += [probe.prompt for probe in make_probes()]
        return {
            "prompts": prompts,
            "stop": STOP_SEQUENCES,
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        prompt_count = 2 * sum(len(subset) for subset in self._select_probes().values())
        tokens = prompt_count * self.max_new_tokens
        return Price(
            Size(prompt_count), tokens, prompt_count, tokens / 500 / 60, peak_mb=1500
        )  # tokens a second: as for Examine

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        if self.base_model == self.finetuned_model:
            raise UserError(
                f"{self.name}: before and after are one model: give the base and the finetuned one"
            )
        ctx.reporter.begin(self.name, 2 * sum(map(len, self._select_probes().values())), "prompts")
        rows = [
            *self._ask_model(ctx, "before", self.base_model),
            *self._ask_model(ctx, "after", self.finetuned_model),
        ]
        yield "answers", pa.Table.from_pylist(rows, schema=make_schema(PROBE_COLUMNS))
        model_names = {
            role: _model_name(model)
            for role, model in (("before", self.base_model), ("after", self.finetuned_model))
        }
        summary = {
            "models": model_names,
            "probes": [_summarise_probe(name, rows) for name in PROBE_SETS],
        }
        store.write_json(ctx.run.stage_folder(self) / "summary.json", to_json_value(summary))

    def _select_probes(self) -> dict[str, list[probes.ProbePrompt]]:
        subsets = {}
        for name, make_probes in PROBE_SETS.items():
            all_probes = make_probes()
            subset = sorted(all_probes, key=lambda probe: hash_fraction("probes", probe.task_id))[
                : self.max_prompts or len(all_probes)
            ]
            subsets[name] = [probe for probe in all_probes if probe in subset]
        return subsets

    def _ask_model(self, ctx: RunContext, role: str, model: Stage | LLM) -> list[dict[str, Any]]:
        completer = samplers.make_completer(model, ctx, 0.0, self.max_new_tokens)
        rows = []
        for probe_name, subset in self._select_probes().items():
            completions = complete_in_batches(
                ctx.run.stage_folder(self) / "raw" / f"{role}-{probe_name}",
                subset,
                lambda batch: list(
                    completer([probe.prompt for probe in batch], STOP_SEQUENCES, [0] * len(batch))
                ),
                ctx.reporter.advance,
            )
            rows += [_make_row(role, probe_name, probe, text) for probe, text in completions]
        return rows


def _make_row(role: str, probe_name: str, probe: probes.ProbePrompt, text: str) -> dict[str, Any]:
    counts = probe.count_met(probe.prompt + cut_at_stop(text, STOP_SEQUENCES))
    return {
        "model": role,
        "probe": probe_name,
        "task_id": probe.task_id,
        "prompt": probe.prompt,
        "raw": text,
        "met": counts.met,
        "asked": counts.total,
        "missing": "\n".join(counts.missing),
    }


def _summarise_probe(probe: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One probe's table: what each model met, prompts met in full, and the paired difference."""
    rows_by_role = {
        role: [row for row in rows if row["model"] == role and row["probe"] == probe]
        for role in ("before", "after")
    }
    shares_by_role = {
        role: [row["met"] / row["asked"] for row in role_rows]
        for role, role_rows in rows_by_role.items()
    }
    return {
        "probe": probe,
        **{
            role: {
                "met": bootstrap_ratio(
                    [row["met"] for row in role_rows],
                    [row["asked"] for row in role_rows],
                    f"{probe} {role}",
                ),
                "in_full": wilson_interval(
                    sum(row["met"] == row["asked"] for row in role_rows), len(role_rows)
                ),
            }
            for role, role_rows in rows_by_role.items()
        },
        "difference": bootstrap_difference(
            shares_by_role["before"], shares_by_role["after"], f"{probe} difference"
        ),
    }


def _model_name(model: Stage | LLM) -> str:
    return model.name if isinstance(model, Stage) else model.model
