"""The paper's recursive training: the model of each round writes the exercises of the next; what narrows is seen.

Round 1 is written by the teacher, each later one by the model that was trained on all rounds before it and the shelf.
One table at the end: yield, diversity and score by round (`rounds/rounds.json`).
"""

from hornbook.generate import Exercises, MeasureRounds, ShelfExercises
from hornbook.llm import LLM, named
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine
from hornbook.writeup import Report

# Offline, in seconds.
SMOKE = {"teacher": "scripted", "exam": "unconventional", "written": 6, "rounds": 2, "size": "tiny", "steps": 3}


def recipe(
    teacher="smollm2",  # of the first round
    exam="humaneval",
    written=400,  # exercises asked for in each round
    rounds=3,
    size="3M",
    steps=120,
):
    tiny = size == "tiny"
    shelf, longest, context = (0.1, 16, 64) if tiny else (1.0, 128, 256)
    drills = ShelfExercises("drills", "train", shelf)
    held_out = ShelfExercises("held_out", "held-out", shelf)
    exams = (exam, held_out)
    clean_drills = Scrub("clean_drills", drills, exams)

    first = Exercises("round_1", named(teacher, max_tokens=220), number=written)
    words = TrainTokenizer("words", (drills, first), vocab=512 if tiny else 4096)
    all_written, read, asked = [first], [clean_drills], []
    for n in range(1, rounds + 1):
        read.append(Scrub(f"clean_{n}", all_written[-1], exams))
        practice = Pack(f"practice_{n}", tuple(read), words, context=context, held_out=0.1)
        model = Train(f"model_{n}", practice, shape=size, steps=steps, batch=2 if tiny else 16, lr=1e-3)
        asked.append(Examine(f"exam_{n}", model, exam, max_new_tokens=longest))
        if n < rounds:
            itself = LLM("itself", "trained", max_tokens=220)
            all_written.append(Exercises(f"round_{n + 1}", itself, number=written, by=model, seed=n, least=0))
    table = MeasureRounds("rounds", tuple(all_written), tuple(asked))
    return Report("report", (table, *asked), title="Round after round")
