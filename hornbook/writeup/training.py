"""The training section: loss curves, and what each training was given and cost.

In: Train stages, and Choose stages where there are some. Out: the section with training and
held-out loss over the steps, a table of shapes, tokens and speed, and the choice of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages import figures
from hornbook.pages.blocks import DataTable, Figure, PageBlock, PageSection

TRAINING_COLUMNS = (
    "stage", "parameters", "steps", "batch tokens", "tokens", "learning rate", "held-out loss",
    "of step", "precision", "tokens/s",
)  # fmt: skip


def build_training_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section, or None for a recipe that trains nothing."""
    trainings = select_stages(stages, "Train")
    if not trainings:
        return None
    blocks: list[PageBlock] = [_draw_losses(ctx, stage) for stage in trainings]
    rows = [_make_training_row(ctx, stage) for stage in trainings]
    # Without a held-out set, the last checkpoint is used and its loss is empty.
    caption = "Held-out loss in nats per token, of the checkpoint that is used afterwards"
    blocks.append(DataTable(TRAINING_COLUMNS, rows, caption))
    blocks += [_build_choice_table(ctx, stage) for stage in select_stages(stages, "Choose")]
    return PageSection("Training", blocks)


def _draw_losses(ctx: RunContext, stage: Stage) -> Figure:
    log = store.read_table(ctx.run.stage_folder(stage) / "log.parquet").to_pylist()
    # The held-out loss is measured every so many steps only.
    held_out = [row for row in log if row.get("held_out_loss") is not None]
    curves = [
        ("training", [row["step"] for row in log], [row["loss"] for row in log], "-"),
        (
            "held out",
            [row["step"] for row in held_out],
            [row["held_out_loss"] for row in held_out],
            "o-",
        ),
    ]
    svg = figures.draw_curves(curves, "step", "loss (nats per token)")
    caption = f"Loss of `{stage.name}`: on each step's batch, and on held-out sequences."
    return Figure(f"loss-{stage.name}", svg, caption)


def _make_training_row(ctx: RunContext, stage: Stage) -> list[Any]:
    folder = ctx.run.stage_folder(stage)
    # Speed is in a file of its own, outside the manifest: it differs from run to run.
    results = store.read_json(folder / "training.json") | store.read_json(folder / "speed.json")
    return [
        stage.name,
        results["parameters"],
        results["steps"],
        results["batch_tokens"],
        results["tokens"],
        results["lr"],
        results["held_out_loss"],
        results["chosen_step"],
        results["precision"],
        round(results["tokens_per_s"]),
    ]


def _build_choice_table(ctx: RunContext, stage: Stage) -> DataTable:
    """What each checkpoint solved of the held-out exercises, and which one was chosen."""
    choice = store.read_json(ctx.run.stage_folder(stage) / "choice.json")
    rows = []
    for checkpoint in choice["checkpoints"]:
        is_chosen = checkpoint["step"] == choice["chosen_step"]
        rows.append(
            [
                checkpoint["step"],
                checkpoint["solved"],
                checkpoint["bits_per_byte"],
                "chosen" if is_chosen else "",
            ]
        )
    caption = (
        f"`{stage.name}` chose by {choice['exercises']} held-out exercises; a tie goes to the "
        "fewest bits per byte"
    )
    return DataTable(["step", "solved", "bits per byte of the references", ""], rows, caption)
