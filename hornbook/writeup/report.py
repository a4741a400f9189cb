"""The last stage of a recipe: everything before it, read from disk and written up as one page.

In: finished stages, found by what they are. Out: `report.html` (self-contained), `report.md` with
its drawings beside it, and `report.json` with the numbers of the tables. Sections whose stages a
recipe does not have are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import store
from hornbook.frame.identity import order
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.pages import page
from hornbook.pages.blocks import Section
from hornbook.writeup import contamination, exams, funnel, quality, training, understanding, written

if TYPE_CHECKING:
    import pyarrow as pa

SECTIONS: tuple[Callable[[Desk, Sequence[Stage]], Section | None], ...] = (
    funnel.funnel,
    quality.section,
    written.section,
    contamination.section,
    training.section,
    exams.section,
    understanding.graded,
    understanding.probed,
    funnel.costs,
    funnel.choices,
)


@dataclass(frozen=True)
class Report(Whole):
    """Write up these stages and all that they were made from."""

    stages: tuple[Stage, ...]
    title: str = "What happened"

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        before = [stage for stage in order(self) if stage is not self]
        sections = [made for section in SECTIONS if (made := section(desk, before)) is not None]
        subtitle = f"{desk.root.name}: {len(before)} stages. {exams.headline(desk, before)}"
        folder = desk.folder(self)
        files = {
            "report.html": page.to_html(self.title, subtitle, sections),
            "report.md": page.to_markdown(self.title, subtitle, sections),
            "report.json": json.dumps(page.numbers(sections), indent=1, ensure_ascii=False),
            **page.figures(sections),
        }
        for name, text in files.items():
            with store.whole(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.1)
