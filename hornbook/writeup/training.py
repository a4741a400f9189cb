"""How the models learned: loss curves, and what each training was given and took.

In: Train stages, and Choose where there is one. Out: a section with both losses over the steps, a
table of shapes, tokens, speed and choice, and what each checkpoint solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import DataTable, Figure, PageBlock, PageSection


def build_training_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The training section, or None in a recipe that trains nothing."""
    trained = [stage for stage in stages if type(stage).__name__ == "Train"]
    if not trained:
        return None
    blocks: list[PageBlock] = []
    rows = []
    for stage in trained:
        folder = ctx.run.stage_folder(stage)
        log = _read_training_log(ctx, stage)
        blocks.append(_draw_loss_curve(stage.name, log))
        facts = {
            **store.read_json(folder / "training.json"),
            **store.read_json(folder / "speed.json"),
        }
        rows.append(_make_training_row(stage, facts))
    columns = [
        "stage",
        "parameters",
        "steps",
        "batch tokens",
        "tokens",
        "learning rate",
        "held-out loss",
    ]
    columns += ["of step", "precision", "tokens/s"]
    blocks.append(
        DataTable(columns, rows, "Held-out loss in nats a token, of the checkpoint that goes on")
    )
    blocks += [
        _build_choice_table(ctx, stage) for stage in stages if type(stage).__name__ == "Choose"
    ]
    return PageSection("Training", blocks)


def _read_training_log(ctx: RunContext, stage: Stage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.read_table(
        ctx.run.stage_folder(stage) / "log.parquet"
    ).to_pylist()
    return rows


def _draw_loss_curve(name: str, log: Sequence[dict[str, Any]]) -> Figure:
    held_out = [row for row in log if row.get("held_out_loss") is not None]
    lines = [
        ("training", [row["step"] for row in log], [row["loss"] for row in log], "-"),
        (
            "held out",
            [row["step"] for row in held_out],
            [row["held_out_loss"] for row in held_out],
            "o-",
        ),
    ]
    drawn = figures.draw_curves(lines, "step", "loss (nats a token)")
    return Figure(
        f"loss-{name}",
        drawn,
        f"Loss of `{name}`: each step's batch, and the sequences held out from training.",
    )


def _build_choice_table(ctx: RunContext, stage: Stage) -> DataTable:
    facts = store.read_json(ctx.run.stage_folder(stage) / "choice.json")
    rows = [
        [
            row["step"],
            row["solved"],
            row["bits_per_byte"],
            "goes on" if row["step"] == facts["chosen_step"] else "",
        ]
        for row in facts["checkpoints"]
    ]
    what = f"`{stage.name}` chose by {facts['exercises']} held-out exercises; of equals the fewest bits a byte"
    return DataTable(["step", "solved", "bits a byte of the references", ""], rows, what)


def _make_training_row(stage: Stage, facts: dict[str, Any]) -> list[Any]:
    return [
        stage.name,
        facts["parameters"],
        facts["steps"],
        facts["batch_tokens"],
        facts["tokens"],
        facts["lr"],
        facts["held_out_loss"],
        facts["chosen_step"],
        facts["precision"],
        round(facts["tokens_per_s"]),
    ]
