"""The whole of the paper on a laptop: from 24 pinned wheels to an examined model and a page, in minutes.

Every stage is the real one, at pocket size. What carries a pocket model is hand-written (the
shelf); what its teacher writes is earned by execution. Give a stronger teacher: teacher=MODEL with
OPENAI_BASE_URL and OPENAI_API_KEY set.
"""

from pathlib import Path

from hornbook import seed
from hornbook.collect import CollectFiles, CollectWheels
from hornbook.curate import (
    DropDuplicates,
    Embed,
    FitQuality,
    JudgeLogprobs,
    JudgeSample,
    KeepBudget,
    Labels,
    ScoreQuality,
)
from hornbook.generate import Exercises, MeasureDiversity, ShelfExercises, ShelfSections, Textbooks
from hornbook.llm import named
from hornbook.models.embedder import Embedder
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine
from hornbook.writeup import Report

# Small, pure Python, permissive or nearly so; the shipped labels know pieces of each.
WHEELS = (
    ("algorithms", "1.0.1"), ("networkx", "3.6.1"), ("boltons", "26.2.0"), ("toolz", "1.2.0"), ("mido", "1.3.3"),
    ("textblob", "0.20.1"), ("setuptools", "84.2.1"), ("requests", "2.34.2"), ("rich", "15.0.0"),
    ("pydatastructs", "1.2.3"), ("click", "8.5.1"), ("flask", "3.1.3"), ("textual", "8.2.8"), ("tornado", "6.6.1"),
    ("pytest", "9.2.0"), ("feedparser", "6.0.14"), ("pyparsing", "3.3.3"), ("lark", "1.3.1"), ("simpy", "4.1.2"),
    ("scrapy", "2.19.0"), ("paramiko", "5.1.0"), ("mpmath", "1.4.1"), ("dask", "2026.8.0"), ("nltk", "3.10.4"),
)  # fmt: skip

OWN = str(Path(seed.__file__).parent)

# Offline, in seconds: some of the package's own source as the corpus, a scripted teacher that is
# also the judge.
SMOKE = {
    "source": OWN, "teacher": "scripted", "embedder": "hashed", "exam": "unconventional", "tokens": 20_000,
    "written": 6, "size": "tiny", "steps": 12,
}  # fmt: skip


def recipe(
    source="wheels",  # or a folder of Python files, a jsonl or a Parquet file
    teacher="smollm2",  # or any model at OPENAI_BASE_URL
    embedder="smollm2",  # or codegen, any Hugging Face name, or hashed
    exam="humaneval",  # or mbpp:FILE, unconventional, jsonl:FILE
    tokens=400_000,  # kept by the filter
    written=40,  # exercises asked of the teacher; a third as many textbook sections
    size="3M",  # of the model
    steps=240,  # of pretraining; a third as many of finetuning
):
    writer = named(teacher)
    wheels, tiny = source == "wheels", size == "tiny"
    vectors_by = Embedder(embedder, layer=6, tokens=256)
    shelf, trees, longest = (0.1, 20, 16) if tiny else (1.0, 500, 128)

    # 1 collect, 2 curate: which code is worth reading
    stack = CollectWheels("stack", WHEELS) if wheels else CollectFiles("stack", source)
    unique = DropDuplicates("unique", stack)
    labels = (
        Labels("labels", WHEELS) if wheels else JudgeSample("labels", unique, writer, sample=200)
    )
    if (
        teacher == "smollm2"
    ):  # too small to answer in words: the probabilities that it gives to the scores
        judged = JudgeLogprobs("judged", labels, sample=40, characters=1200)
    else:
        judged = JudgeSample("judged", labels, named(teacher, max_tokens=60), sample=40)
    known = Embed("known", labels, vectors_by)
    taste = FitQuality("taste", known, trees=trees)
    vectors = Embed("vectors", unique, vectors_by, share=0.1 if wheels else 1.0)
    filtered = KeepBudget("filtered", ScoreQuality("scored", vectors, taste), tokens=tokens)

    # 3 generate: what no corpus has
    lessons = ShelfSections("lessons")
    drills = ShelfExercises("drills", "train", shelf)
    held_out = ShelfExercises("held_out", "held-out", shelf)
    new_drills = Exercises("new_drills", named(teacher, max_tokens=220), count=written)
    new_lessons = Textbooks(
        "new_lessons", named(teacher, max_tokens=300), count=max(1, written // 3)
    )
    diversity = MeasureDiversity("diversity", (drills, new_drills, lessons, new_lessons))

    # 4 scrub: keep the exams out
    exams = (exam, held_out)
    code, books, exercises, new_books, new_exercises = (
        Scrub(f"clean_{stage.name}", stage, exams)
        for stage in (filtered, lessons, drills, new_lessons, new_drills)
    )

    # 5 train: read everything, then practise
    reading, practice = (code, books, new_books), (exercises, new_exercises)
    words = TrainTokenizer("words", reading + practice, vocab=4096)
    base = Train(
        "base",
        Pack("reading", reading, words, context=256),
        shape=size,
        steps=steps,
        batch=16,
        lr=2e-3,
    )
    final = Train(
        "final", Pack("practice", practice, words, context=256, held_out=0.05), start=base, steps=steps // 3, batch=16,
        lr=5e-4, weight_decay=0.01, dropout=0.1,
    )  # fmt: skip

    # 6 verify, 7 write up
    before = Examine("exam_base", base, exam, max_new_tokens=longest, after=(final,))
    after = Examine("exam_final", final, exam, max_new_tokens=longest)
    own = Examine("exam_held_out", final, held_out, max_new_tokens=longest)
    return Report("report", (judged, code, diversity, before, after, own), title="A pocket phi")
