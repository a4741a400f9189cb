"""The paper's recursive training: the model of each round writes the exercises of the next; what narrows is seen.

A base model reads code and lessons. Round 1 is written by the teacher, each later one by the model
that practised on all rounds before it and the shelf. One table at the end, on the page and in
`rounds/rounds.json`: yield, diversity and score by round, the shelf beside them. At this size later
rounds keep nothing (docs/log.md): the table of a collapse. Gradual narrowing takes a model that can
write: a larger size, more steps, a stronger teacher (not tried).
"""

from pathlib import Path

from hornbook import seed
from hornbook.collect import CollectFiles, CollectWheels
from hornbook.generate import Exercises, MeasureRounds, ShelfExercises, ShelfSections
from hornbook.llm import LLM, named
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine
from hornbook.writeup import Report

# Small, pure Python, written to be read.
WHEELS = (("algorithms", "1.0.1"), ("boltons", "26.2.0"), ("toolz", "1.2.0"), ("pydatastructs", "1.2.3"),
          ("networkx", "3.6.1"), ("click", "8.5.1"), ("lark", "1.3.1"))  # fmt: skip

# Offline, in seconds.
SMOKE = {
    "source": str(Path(seed.__file__).parent), "teacher": "scripted", "exam": "unconventional", "written": 6,
    "rounds": 2, "size": "tiny", "steps": 3,
}  # fmt: skip


def recipe(
    source="wheels",  # that the base reads; or a folder of Python files, a jsonl or a Parquet file
    teacher="smollm2",  # of the first round
    exam="humaneval",
    written=400,  # exercises asked for in each round
    rounds=3,
    size="3M",
    steps=120,  # of practice in each round; eight times as many of reading before them
):
    tiny = size == "tiny"
    shelf, longest, context, batch = (0.1, 16, 64, 2) if tiny else (1.0, 128, 256, 16)
    drills = ShelfExercises("drills", "train", shelf)
    exams = (exam, ShelfExercises("held_out", "held-out", shelf))
    first = Exercises("round_1", named(teacher, max_tokens=220), count=written)

    stack = CollectWheels("stack", WHEELS) if source == "wheels" else CollectFiles("stack", source)
    code, lessons = (
        Scrub("clean_stack", stack, exams),
        Scrub("clean_lessons", ShelfSections("lessons"), exams),
    )
    words = TrainTokenizer("words", (code, lessons, drills), vocab=512 if tiny else 4096)
    reading = Pack("reading", (code, lessons), words, context=context)
    base = Train("base", reading, shape=size, steps=8 * steps, batch=batch, lr=2e-3)

    all_written, read, asked = [first], [Scrub("clean_drills", drills, exams)], []
    for n in range(1, rounds + 1):
        read.append(Scrub(f"clean_{n}", all_written[-1], exams))
        practice = Pack(f"practice_{n}", tuple(read), words, context=context, held_out=0.1)
        model = Train(f"model_{n}", practice, start=base, steps=steps, batch=batch, lr=5e-4)
        asked.append(Examine(f"exam_{n}", model, exam, max_new_tokens=longest))
        if n < rounds:
            itself = LLM("itself", "trained", max_tokens=220)
            all_written.append(
                Exercises(
                    f"round_{n + 1}",
                    itself,
                    count=written,
                    teacher_stage=model,
                    seed=n,
                    min_yield=0,
                )
            )
    table = MeasureRounds("rounds", tuple(all_written), tuple(asked), reference=drills)
    return Report("report", (table, *asked), title="Round after round")
