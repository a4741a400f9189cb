"""The whole paper on a laptop in minutes: from 24 pinned wheels to an examined model and a page.

Every stage is the real one, at pocket size. The model learns most from the shelf of hand-written
exercises; the teacher's exercises are kept only if they pass when they are run. Use a stronger
teacher: teacher=MODEL with OPENAI_BASE_URL and OPENAI_API_KEY set.
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

# Small, pure Python, under permissive licences or nearly so; the shipped labels cover pieces of
# each.
WHEELS = (
    ("algorithms", "1.0.1"), ("networkx", "3.6.1"), ("boltons", "26.2.0"), ("toolz", "1.2.0"),
    ("mido", "1.3.3"), ("textblob", "0.20.1"), ("setuptools", "84.2.1"), ("requests", "2.34.2"),
    ("rich", "15.0.0"), ("pydatastructs", "1.2.3"), ("click", "8.5.1"), ("flask", "3.1.3"),
    ("textual", "8.2.8"), ("tornado", "6.6.1"), ("pytest", "9.2.0"), ("feedparser", "6.0.14"),
    ("pyparsing", "3.3.3"), ("lark", "1.3.1"), ("simpy", "4.1.2"), ("scrapy", "2.19.0"),
    ("paramiko", "5.1.0"), ("mpmath", "1.4.1"), ("dask", "2026.8.0"), ("nltk", "3.10.4"),
)  # fmt: skip

OWN = str(Path(seed.__file__).parent)

# Offline, in seconds: some of the package's own source as the corpus, a scripted teacher that is
# also the judge.
SMOKE = {
    "source": OWN,
    "teacher": "scripted",
    "embedder": "hashed",
    "exam": "unconventional",
    "tokens": 20_000,
    "written": 6,
    "size": "tiny",
    "steps": 12,
}


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
    embedding_model = Embedder(embedder, layer=6, tokens=256)
    shelf_share, trees, max_new_tokens = (0.1, 20, 16) if tiny else (1.0, 500, 128)

    # 1 collect, 2 curate: which code is worth reading
    code = CollectWheels("code", WHEELS) if wheels else CollectFiles("code", source)
    unique_code = DropDuplicates("unique_code", code)
    if wheels:
        labels = Labels("labels", WHEELS)
    else:
        labels = JudgeSample("labels", unique_code, writer, sample=200)
    if teacher == "smollm2":
        # Too small to answer in words: its probabilities of the grades are read instead.
        judged = JudgeLogprobs("judged", labels, sample=40, characters=1200)
    else:
        judged = JudgeSample("judged", labels, named(teacher, max_tokens=60), sample=40)
    labelled = Embed("labelled", labels, embedding_model)
    quality_classifier = FitQuality("quality_classifier", labelled, trees=trees)
    code_vectors = Embed("code_vectors", unique_code, embedding_model, share=0.1 if wheels else 1.0)
    scored_code = ScoreQuality("scored_code", code_vectors, quality_classifier)
    filtered_code = KeepBudget("filtered_code", scored_code, tokens=tokens)

    # 3 generate: what no corpus has
    shelf_textbooks = ShelfSections("shelf_textbooks")
    shelf_exercises = ShelfExercises("shelf_exercises", "train", shelf_share)
    held_out = ShelfExercises("held_out", "held-out", shelf_share)
    exercises = Exercises("exercises", named(teacher, max_tokens=220), count=written)
    textbooks = Textbooks("textbooks", named(teacher, max_tokens=300), count=max(1, written // 3))
    diversity = MeasureDiversity(
        "diversity", (shelf_exercises, exercises, shelf_textbooks, textbooks)
    )

    # 4 scrub: keep the exams out
    exams = (exam, held_out)
    clean_code = Scrub("clean_code", filtered_code, exams)
    clean_shelf_textbooks = Scrub("clean_shelf_textbooks", shelf_textbooks, exams)
    clean_shelf_exercises = Scrub("clean_shelf_exercises", shelf_exercises, exams)
    clean_textbooks = Scrub("clean_textbooks", textbooks, exams)
    clean_exercises = Scrub("clean_exercises", exercises, exams)

    # 5 train: pretrain on code and textbooks, then finetune on exercises
    to_pretrain = (clean_code, clean_shelf_textbooks, clean_textbooks)
    to_finetune = (clean_shelf_exercises, clean_exercises)
    tokenizer = TrainTokenizer("tokenizer", to_pretrain + to_finetune, vocab=4096)
    # With a context of 512 all prompts of HumanEval but one are shown whole, beside 128 tokens of
    # answer; with 256, 98 of 164 lose their beginning.
    context, batch = (256, 16) if tiny else (512, 8)
    pretrain_data = Pack("pretrain_data", to_pretrain, tokenizer, context)
    finetune_data = Pack("finetune_data", to_finetune, tokenizer, context, held_out=0.05)
    base = Train("base", pretrain_data, shape=size, steps=steps, batch=batch, lr=2e-3)
    final = Train(
        "final", finetune_data, start=base, steps=steps // 3, batch=batch, lr=5e-4,
        weight_decay=0.01, dropout=0.1,
    )  # fmt: skip

    # 6 verify, 7 write up
    exam_base = Examine("exam_base", base, exam, max_new_tokens=max_new_tokens, after=(final,))
    exam_final = Examine("exam_final", final, exam, max_new_tokens=max_new_tokens)
    exam_held_out = Examine("exam_held_out", final, held_out, max_new_tokens=max_new_tokens)
    return Report(
        "report",
        (judged, clean_code, diversity, exam_base, exam_final, exam_held_out),
        title="A pocket phi",
    )
