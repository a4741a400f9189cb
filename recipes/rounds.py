"""Recursive training: the model of each round writes the exercises of the next round.

A base model is pretrained on code and textbook sections. The teacher writes round 1. Each later
round is written by the model that was finetuned on all earlier rounds and the shelf. One table, on
the page and in `rounds/rounds.json`, shows yield, diversity and score by round beside the shelf's.
At this size the later rounds keep nothing (docs/log.md): the table of a collapse. To see gradual
narrowing takes a model that can write: a larger size, more steps, a stronger teacher (not tried).
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
WHEELS = (
    ("algorithms", "1.0.1"), ("boltons", "26.2.0"), ("toolz", "1.2.0"),
    ("pydatastructs", "1.2.3"), ("networkx", "3.6.1"), ("click", "8.5.1"), ("lark", "1.3.1"),
)  # fmt: skip

# Offline, in seconds.
SMOKE = {
    "source": str(Path(seed.__file__).parent),
    "teacher": "scripted",
    "exam": "unconventional",
    "written": 6,
    "rounds": 2,
    "size": "tiny",
    "steps": 3,
}


def recipe(
    source="wheels",  # pretraining code; or a folder of Python files, a jsonl or a Parquet file
    teacher="smollm2",  # of the first round
    exam="humaneval",
    written=400,  # exercises asked for in each round
    rounds=3,
    size="3M",
    steps=120,  # of finetuning in each round; eight times as many of pretraining before
):
    tiny = size == "tiny"
    shelf_share, max_new_tokens, context, batch = (0.1, 16, 64, 2) if tiny else (1.0, 128, 256, 16)
    shelf_exercises = ShelfExercises("shelf_exercises", "train", shelf_share)
    exams = (exam, ShelfExercises("held_out", "held-out", shelf_share))
    first_round = Exercises("round_1", named(teacher, max_tokens=220), count=written)

    code = CollectWheels("code", WHEELS) if source == "wheels" else CollectFiles("code", source)
    clean_code = Scrub("clean_code", code, exams)
    clean_textbooks = Scrub("clean_shelf_textbooks", ShelfSections("shelf_textbooks"), exams)
    tokenizer = TrainTokenizer(
        "tokenizer", (clean_code, clean_textbooks, shelf_exercises), vocab=512 if tiny else 4096
    )
    pretrain_data = Pack("pretrain_data", (clean_code, clean_textbooks), tokenizer, context=context)
    base = Train("base", pretrain_data, shape=size, steps=8 * steps, batch=batch, lr=2e-3)

    written_rounds, examined = [first_round], []
    clean_exercises = [Scrub("clean_shelf_exercises", shelf_exercises, exams)]
    for n in range(1, rounds + 1):
        clean_exercises.append(Scrub(f"clean_round_{n}", written_rounds[-1], exams))
        finetune_data = Pack(
            f"finetune_data_{n}", tuple(clean_exercises), tokenizer, context=context, held_out=0.1
        )
        model = Train(f"model_{n}", finetune_data, start=base, steps=steps, batch=batch, lr=5e-4)
        examined.append(Examine(f"exam_{n}", model, exam, max_new_tokens=max_new_tokens))
        if n < rounds:
            own_model = LLM("itself", "trained", max_tokens=220)
            written_rounds.append(
                Exercises(
                    f"round_{n + 1}",
                    own_model,
                    count=written,
                    teacher_stage=model,
                    seed=n,
                    least=0,
                )
            )
    table = MeasureRounds(
        "rounds", tuple(written_rounds), tuple(examined), reference=shelf_exercises
    )
    return Report("report", (table, *examined), title="Round after round")
