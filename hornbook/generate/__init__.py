"""Stage 3: textbooks and exercises, from the shelf or from a teacher; all of them are run."""

from hornbook.generate.diversity import MeasureDiversity
from hornbook.generate.exercises import Exercises
from hornbook.generate.from_shelf import ShelfExercises, ShelfSections
from hornbook.generate.rounds import MeasureRounds
from hornbook.generate.textbooks import Textbooks

__all__ = [
    "Exercises",
    "MeasureDiversity",
    "MeasureRounds",
    "ShelfExercises",
    "ShelfSections",
    "Textbooks",
]
