"""The last stage of a recipe: write up all finished stages as one page.

In: finished stages, selected by class. Out: `report.html` (self-contained), `report.md` with its
figures beside it, and `report.json` with the tables. A section is left out if the recipe has none
of its stages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hornbook import store
from hornbook.frame.identity import order_stages
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.pages import page
from hornbook.pages.blocks import PageSection
from hornbook.writeup import (
    contamination,
    exams,
    funnel,
    generation,
    quality,
    training,
    understanding,
)

# In the order of the page.
SECTION_BUILDERS: tuple[Callable[[RunContext, Sequence[Stage]], PageSection | None], ...] = (
    funnel.build_funnel_section,
    quality.build_quality_section,
    generation.build_generation_section,
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
    """Write up `stages` and everything that they depend on.

    Args:
        stages: the stages at the end of the recipe.
        title: the title of the page.
    """

    stages: tuple[Stage, ...]
    title: str = "What happened"

    def write_files(self, ctx: RunContext) -> None:
        stages = [stage for stage in order_stages(self) if stage is not self]
        sections = []
        for build_section in SECTION_BUILDERS:
            section = build_section(ctx, stages)
            if section is not None:
                sections.append(section)
        subtitle = f"{ctx.root.name}: {len(stages)} stages. {exams.summarise_scores(ctx, stages)}"
        files = {
            "report.html": page.render_html_page(self.title, subtitle, sections),
            "report.md": page.render_markdown_page(self.title, subtitle, sections),
            "report.json": json.dumps(page.collect_tables(sections), indent=1, ensure_ascii=False),
            **page.collect_figures(sections),
        }
        for name, text in files.items():
            with store.atomic_write(ctx.run.stage_folder(self) / name) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.1)
