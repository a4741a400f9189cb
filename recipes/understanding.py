"""What a finetuned model understands: graded by two judges on problems nobody has asked, and probed before and after.

The paper's sections 3 and 4 as one small graph: a base model that read code and lessons, the same
model after exercises. The exam opens when both are trained. Give a strong judge (judge=MODEL at
OPENAI_BASE_URL): a weak one's grades mean nothing, which the agreement with the hidden tests shows.
"""

from hornbook.generate import ShelfExercises, ShelfSections
from hornbook.llm import LLM, named
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine, Grade, Probe
from hornbook.writeup import Report

# What a judge says in a smoke run: a word without a grade is asked for again.
SAID = (
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
    share = 0.1 if size == "tiny" else 1.0
    lessons, drills = ShelfSections("lessons"), ShelfExercises("drills", "train", share)
    read, done = (
        Scrub(f"clean_{stage.name}", stage, ("unconventional",)) for stage in (lessons, drills)
    )
    words = TrainTokenizer("words", (read, done), vocab=512 if size == "tiny" else 4096)
    base = Train(
        "base",
        Pack("reading", (read,), words, context=256),
        shape=size,
        steps=steps,
        batch=8,
        lr=2e-3,
    )
    final = Train(
        "final", Pack("practice", (done,), words, context=256), start=base, steps=steps, batch=8, lr=5e-4
    )  # fmt: skip
    exam = Examine(
        "exam",
        final,
        "unconventional",
        protocols=("plain", "evalplus"),
        max_problems=problems,
        max_new_tokens=answer,
    )
    judges = tuple(named(each, temperature=0.7, max_tokens=200) for each in (judge, second) if each)
    judges = (LLM("scripted", "scripted", answers=SAID),) if judge == "scripted" else judges
    grades = Grade("grades", exam, judges)
    probes = Probe("probes", base, final, max_new_tokens=answer, max_prompts=problems)
    return Report("report", (exam, grades, probes), title="What it understands")
