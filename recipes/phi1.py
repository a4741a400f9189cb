"""phi-1 with the paper's numbers: 1.3B parameters, 50B tokens of filtered code and textbooks, then exercises.

`hornbook plan phi1` prices it; scale=0.01 makes everything a hundredth. Where the paper is silent (judge scale, forest,
betas, clipping, seeds), the choices are ours and the page lists them. arXiv 2306.11644, sections 2
and 2.3.
"""

from pathlib import Path

from hornbook import seed
from hornbook.collect import PERMISSIVE, CollectFiles
from hornbook.curate import (
    BlindCode,
    DropDuplicates,
    Embed,
    EmbedLayers,
    FitQuality,
    JudgeSample,
    KeepBudget,
    ScoreQuality,
)  # fmt: skip
from hornbook.frame.stage import Size
from hornbook.generate import Exercises, MeasureDiversity, ShelfExercises, Textbooks
from hornbook.llm import named
from hornbook.models.embedder import Embedder
from hornbook.scrub import Scrub
from hornbook.train import Pack, PaperTokenizer, Train, TrainTokenizer
from hornbook.verify import Choose, Examine
from hornbook.writeup import Report

OWN = str(Path(seed.__file__).parent)

# Offline, in seconds: what `--smoke` makes of the same graph.
SMOKE = {
    "source": OWN, "teacher": "scripted", "judge": "scripted", "embedder": "hashed",
    "exams": ("unconventional",), "shape": "tiny", "scale": 1e-6,
}  # fmt: skip

PAPER = {
    "context": 2048,
    "batch": 1024,
    "practice_batch": 256,
    "held_out": 0.01,
    "answer": 384,
    "precision": "fp16",
}
TINY = {
    "context": 64,
    "batch": 2,
    "practice_batch": 2,
    "held_out": 0.2,
    "answer": 16,
    "precision": "fp32",
}


def recipe(
    source="data/the-stack-python",  # Parquet or jsonl: The Stack's Python and StackOverflow, 35M files, 35B tokens
    teacher="gpt-3.5-turbo-0301",  # who wrote the paper's textbooks and exercises
    judge="gpt-4",  # who judged its sample
    embedder="Salesforce/codegen-350M-mono",
    exams=("humaneval", "mbpp"),
    shape="phi-1",
    scale=1.0,  # of the data, the requests and the steps
):
    smoke = judge == "scripted"
    sizes = TINY if smoke else PAPER

    def part(number, least=1):
        return max(least, round(number * scale))

    # "over 35 million files", of which about 100,000 were judged and 6B tokens kept
    pool = Size(part(35e6), part(35e9) * 3.345 / 1e6)  # CodeGen's tokens have 3.345 bytes on Python
    licences = () if smoke else PERMISSIVE
    stack = CollectFiles(
        "stack", source, piece_lines=70 if smoke else 0, licences=licences, expected=pool
    )
    unique = DropDuplicates("unique", stack)
    vectors_by = Embedder(embedder, tokens=2048)
    judged = JudgeSample("judged", unique, named(judge, max_tokens=120), sample=part(100_000, 200))
    taste = FitQuality(
        "taste", EmbedLayers("known", judged, vectors_by), trees=20 if smoke else 500
    )
    scored = ScoreQuality("scored", Embed("vectors", unique, vectors_by, layer_choice=taste), taste)
    filtered = KeepBudget("filtered", scored, tokens=part(6e9, 20_000))

    # "less than 1B tokens" of textbooks: about 1,000 tokens a section. 879,500 exercises of about
    # 205 tokens.
    books = Textbooks("books", named(teacher, max_tokens=1500), count=part(900_000, 4))
    drills = Exercises("drills", named(teacher, max_tokens=400), count=part(879_500, 8))
    unique_drills = DropDuplicates("unique_drills", drills, view=BlindCode("blind_drills", drills))
    diversity = MeasureDiversity("diversity", (books, unique_drills))

    held_out = ShelfExercises("held_out", "held-out", share=0.1 if smoke else 1.0)
    read = (filtered, books, unique_drills)
    code, lessons, exercises = (
        Scrub(f"clean_{stage.name}", stage, (*exams, held_out)) for stage in read
    )

    # The paper's table of hyper-parameters. It used the checkpoint at 24,000 of 36,000 steps:
    # 50.33B tokens.
    words = (
        TrainTokenizer("words", (code, lessons), vocab=512) if smoke else PaperTokenizer("words")
    )
    reading = Pack("codetextbook", (code, lessons), words, sizes["context"], sizes["held_out"])
    practice = Pack("codeexercises", (exercises,), words, sizes["context"], sizes["held_out"])
    base = Train(
        "base", reading, shape=shape, steps=part(24_000, 3), schedule_steps=part(36_000, 4), batch=sizes["batch"],
        lr=1e-3, warmup=part(750), weight_decay=0.1, dropout=0.1, precision=sizes["precision"],
    )  # fmt: skip
    final = Train(
        "final", practice, start=base, steps=part(6_000, 3), batch=sizes["practice_batch"], lr=1e-4, warmup=part(50),
        weight_decay=0.01, dropout=0.1, snapshot_every=part(1_000), precision=sizes["precision"],
    )  # fmt: skip
    # "best of checkpoints saved every 1,000" steps; on what it was chosen the paper does not say
    chosen = Choose("chosen", final, held_out, max_new_tokens=sizes["answer"])
    asked = tuple(
        Examine(
            f"exam_{model.name}_{exam.partition(':')[0]}",
            model,
            exam,
            max_new_tokens=sizes["answer"],
            after=(chosen,),
        )
        for model in (base, chosen)
        for exam in exams
    )
    return Report("report", (code, diversity, *asked), title="phi-1")
