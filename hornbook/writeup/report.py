"""The last stage of a recipe: everything before it, read from disk and written up as one page.

In: finished stages, found by what they are. Out: `report.html` (self-contained), `report.md` with
its drawings beside it, and `report.json` with the numbers of the tables. Sections whose stages a
recipe does not have are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook import store
from hornbook.frame.identity import order_stages
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.pages import page
from hornbook.pages.blocks import PageSection
from hornbook.writeup import contamination, exams, funnel, quality, training, understanding, written

if TYPE_CHECKING:
    pass

SECTION_BUILDERS: tuple[Callable[[RunContext, Sequence[Stage]], PageSection | None], ...] = (
    funnel.build_funnel_section,
    quality.build_quality_section,
    written.build_generation_section,
    contamination.build_contamination_section,
    training.build_training_section,
    exams.build_exam_section,
    understanding.build_grade_section,
    understanding.build_probe_section,
    funnel.build_cost_section,
    funnel.build_settings_section,
)


@dataclass(frozen=True)
class Report(FileStage):
    """Write up these stages and all that they were made from."""

    stages: tuple[Stage, ...]
    title: str = "What happened"

    def write_files(self, ctx: RunContext) -> None:
        before = [stage for stage in order_stages(self) if stage is not self]
        sections = [
            made for section in SECTION_BUILDERS if (made := section(ctx, before)) is not None
        ]
        subtitle = f"{ctx.root.name}: {len(before)} stages. {exams.summarise_scores(ctx, before)}"
        folder = ctx.run.stage_folder(self)
        files = {
            "report.html": page.render_html_page(self.title, subtitle, sections),
            "report.md": page.render_markdown_page(self.title, subtitle, sections),
            "report.json": json.dumps(page.collect_tables(sections), indent=1, ensure_ascii=False),
            **page.collect_figures(sections),
        }
        for name, text in files.items():
            with store.atomic_write(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.1)
