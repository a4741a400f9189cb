"""phi-1 with the paper's numbers: 1.3B parameters, 50B tokens of code and textbooks; exercises.

`hornbook plan phi1` prices it; scale=0.01 makes everything a hundredth. Where the paper is silent
(the judge's scale, the forest, betas, clipping, seeds) the choices are ours; the page lists them.
Source: arXiv 2306.11644, sections 2 and 2.3.
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
    "finetune_batch": 256,
    "held_out": 0.01,
    "answer": 384,
    "precision": "fp16",
}
TINY = {
    "context": 64,
    "batch": 2,
    "finetune_batch": 2,
    "held_out": 0.2,
    "answer": 16,
    "precision": "fp32",
}


def recipe(
    # Parquet or jsonl: The Stack's Python and StackOverflow, 35M files, 35B tokens
    source="data/the-stack-python",
    teacher="gpt-3.5-turbo-0301",  # who wrote the paper's textbooks and exercises
    judge="gpt-4",  # who judged its sample
    embedder="Salesforce/codegen-350M-mono",
    exams=("humaneval", "mbpp"),
    shape="phi-1",
    scale=1.0,  # of the data, the requests and the steps
):
    smoke = judge == "scripted"
    sizes = TINY if smoke else PAPER

    def scaled(full_size, least=1):
        return max(least, round(full_size * scale))

    # "over 35 million files", of which about 100,000 were judged and 6B tokens kept
    pool = Size(
        scaled(35e6), scaled(35e9) * 3.345 / 1e6
    )  # CodeGen's tokens have 3.345 bytes on Python
    licences = () if smoke else PERMISSIVE
    code = CollectFiles(
        "code", source, piece_lines=70 if smoke else 0, licences=licences, expected=pool
    )
    unique_code = DropDuplicates("unique_code", code)
    embedding_model = Embedder(embedder, tokens=2048)
    judged = JudgeSample(
        "judged", unique_code, named(judge, max_tokens=120), sample=scaled(100_000, 200)
    )
    labelled = EmbedLayers("labelled", judged, embedding_model)
    quality_classifier = FitQuality("quality_classifier", labelled, trees=20 if smoke else 500)
    code_vectors = Embed(
        "code_vectors", unique_code, embedding_model, layer_choice=quality_classifier
    )
    scored_code = ScoreQuality("scored_code", code_vectors, quality_classifier)
    filtered_code = KeepBudget("filtered_code", scored_code, tokens=scaled(6e9, 20_000))

    # "less than 1B tokens" of textbooks: about 1,000 tokens a section. 879,500 exercises of about
    # 205 tokens.
    textbooks = Textbooks("textbooks", named(teacher, max_tokens=1500), count=scaled(900_000, 4))
    exercises = Exercises("exercises", named(teacher, max_tokens=400), count=scaled(879_500, 8))
    unique_exercises = DropDuplicates(
        "unique_exercises", exercises, view=BlindCode("anonymised_exercises", exercises)
    )
    diversity = MeasureDiversity("diversity", (textbooks, unique_exercises))

    held_out = ShelfExercises("held_out", "held-out", share=0.1 if smoke else 1.0)
    kept_out = (*exams, held_out)
    clean_code = Scrub("clean_code", filtered_code, kept_out)
    clean_textbooks = Scrub("clean_textbooks", textbooks, kept_out)
    clean_exercises = Scrub("clean_exercises", unique_exercises, kept_out)

    # The paper's table of hyper-parameters. It used the checkpoint at 24,000 of 36,000 steps:
    # 50.33B tokens. Its names for the two data sets are CodeTextbook and CodeExercises.
    to_pretrain = (clean_code, clean_textbooks)
    tokenizer = (
        TrainTokenizer("tokenizer", to_pretrain, vocab=512)
        if smoke
        else PaperTokenizer("tokenizer")
    )
    context, held_out_share = sizes["context"], sizes["held_out"]
    pretrain_data = Pack("pretrain_data", to_pretrain, tokenizer, context, held_out_share)
    finetune_data = Pack("finetune_data", (clean_exercises,), tokenizer, context, held_out_share)
    base = Train(
        "base", pretrain_data, shape=shape, steps=scaled(24_000, 3),
        schedule_steps=scaled(36_000, 4), batch=sizes["batch"], lr=1e-3, warmup=scaled(750),
        weight_decay=0.1, dropout=0.1,
        precision=sizes["precision"],
    )  # fmt: skip
    final = Train(
        "final", finetune_data, start=base, steps=scaled(6_000, 3), batch=sizes["finetune_batch"],
        lr=1e-4, warmup=scaled(50), weight_decay=0.01, dropout=0.1, snapshot_every=scaled(1_000),
        precision=sizes["precision"],
    )  # fmt: skip
    # "best of checkpoints saved every 1,000" steps; by which measure the paper does not say.
    best_checkpoint = Choose("best_checkpoint", final, held_out, max_new_tokens=sizes["answer"])
    examined = []
    for model, label in ((base, "base"), (best_checkpoint, "best")):
        for exam in exams:
            examined.append(
                Examine(
                    f"exam_{label}_{exam.partition(':')[0]}",
                    model,
                    exam,
                    max_new_tokens=sizes["answer"],
                    after=(best_checkpoint,),
                )
            )
    return Report("report", (clean_code, diversity, *examined), title="phi-1")
