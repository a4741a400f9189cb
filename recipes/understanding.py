"""What a finetuned model understands: graded on new problems, probed before and after.

The paper's sections 3 and 4 as one small graph: a model pretrained on textbook sections, and the
same model after exercises. The exam opens when both are trained. Use a strong judge (judge=MODEL at
OPENAI_BASE_URL): a weak judge's grades mean nothing, as the agreement with the hidden tests shows.
"""

from hornbook.generate import ShelfExercises, ShelfSections
from hornbook.llm import LLM, named
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine, Grade, Probe
from hornbook.writeup import Report

# A judge's answers in a smoke run. One without a grade is asked for again.
SCRIPTED_ANSWERS = (
    "It does what was asked.\nGrade: 8",
    "It misses the rule about empty input.\nGrade: 4",
    "Hard to say.",
)

# Offline, in seconds.
SMOKE = {"judge": "scripted", "size": "tiny", "steps": 6, "problems": 3, "answer": 24}


def recipe(
    judge="smollm2",  # or any model at OPENAI_BASE_URL
    second="",  # another judge; without one the first judges twice, in both orders
    size="3M",
    steps=120,
    problems=0,  # of the exam and of each probe; 0 for all
    answer=256,  # tokens
):
    tiny = size == "tiny"
    textbooks = ShelfSections("shelf_textbooks")
    exercises = ShelfExercises("shelf_exercises", "train", 0.1 if tiny else 1.0)
    clean_textbooks = Scrub("clean_shelf_textbooks", textbooks, ("unconventional",))
    clean_exercises = Scrub("clean_shelf_exercises", exercises, ("unconventional",))
    tokenizer = TrainTokenizer(
        "tokenizer", (clean_textbooks, clean_exercises), vocab=512 if tiny else 4096
    )
    pretrain_data = Pack("pretrain_data", (clean_textbooks,), tokenizer, context=256)
    finetune_data = Pack("finetune_data", (clean_exercises,), tokenizer, context=256)
    base = Train("base", pretrain_data, shape=size, steps=steps, batch=8, lr=2e-3)
    final = Train("final", finetune_data, start=base, steps=steps, batch=8, lr=5e-4)
    exam = Examine(
        "exam",
        final,
        "unconventional",
        protocols=("plain", "evalplus"),
        max_problems=problems,
        max_new_tokens=answer,
    )
    if judge == "scripted":
        judges = (LLM("scripted", "scripted", answers=SCRIPTED_ANSWERS),)
    else:
        names = [name for name in (judge, second) if name]
        judges = tuple(named(name, temperature=0.7, max_tokens=200) for name in names)
    grades = Grade("grades", exam, judges)
    probes = Probe("probes", base, final, max_new_tokens=answer, max_prompts=problems)
    return Report("report", (exam, grades, probes), title="What it understands")
