"""The paper's section 5 for your exercises and exam: prune what is similar, retrain, examine, and print its Table 3.

A base model reads the textbook shelf; it is finetuned on all exercises, and again on what each
threshold leaves. Give the results of a model that never saw the data by
scores=starcoder=results.jsonl: similar problems are also easier.
"""

from hornbook.collect import CollectFiles
from hornbook.generate import ShelfExercises, ShelfSections
from hornbook.llm import LLM, named
from hornbook.scrub import AuditScrub, JudgeNear, NearExam, Scrub, SimilarTable
from hornbook.scrub.table import THRESHOLDS
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine
from hornbook.writeup import Report

# Offline, in seconds: the shelf's exercises against our own exam.
SMOKE = {"size": "tiny", "steps": 6, "judge": "scripted"}


def recipe(
    exercises="shelf",  # or a jsonl, a Parquet file or a folder, with whole exercises in its column of text
    exam="unconventional",  # or humaneval, mbpp:FILE, jsonl:FILE
    scores=(),  # results on that exam of models that never saw the exercises: NAME=FILE
    judge="",  # a model at OPENAI_BASE_URL that judges the pairs
    size="3M",
    steps=240,  # of the base model; half as many of each finetuning
    longest=128,  # tokens of an answer
):
    tiny = size == "tiny"
    lessons = ShelfSections("lessons")
    if exercises == "shelf":
        drills = ShelfExercises("drills", "train", 0.2 if tiny else 1.0)
    else:
        drills = CollectFiles("drills", exercises, piece_lines=0)

    # Who is near which problem: all of the data counts, and every function, as in the paper.
    near = NearExam("near", (drills,), (exam,))
    audit = AuditScrub("audit", drills, (exam,), sample_size=500)
    judges = {
        "": None,
        "scripted": LLM("scripted", "scripted", answers=("Both count. Verdict: same idea",)),
    }
    asked = judges[judge] if judge in judges else named(judge, temperature=0.0, max_tokens=200)
    judged = (JudgeNear("judged", near, asked),) if asked else ()

    clean_lessons = Scrub("clean_lessons", lessons, (exam,))
    words = TrainTokenizer("words", (clean_lessons, drills), vocab=512 if tiny else 4096)
    context = 64 if tiny else 256
    base = Train(
        "base",
        Pack("reading", (clean_lessons,), words, context, 0.1),
        shape=size,
        steps=steps,
        batch=16,
        lr=2e-3,
    )

    def practised(name, data, unscrubbed=False):
        pack = Pack(f"pack_{name}", (data,), words, context, held_out=0.05, unscrubbed=unscrubbed)
        final = Train(
            name,
            pack,
            start=base,
            steps=max(1, steps // 2),
            batch=16,
            lr=5e-4,
            weight_decay=0.01,
            dropout=0.1,
        )
        return Examine(f"exam_{name}", final, exam, max_new_tokens=16 if tiny else longest)

    # The detector alone decides, at each threshold, on trees of any size: section 5.2's pruning.
    pruned = tuple(Scrub(f"pruned_{int(100 * tau)}", drills, (exam,), ngram=None, syntax=tau, min_tree_nodes=0)
                   for tau in THRESHOLDS)  # fmt: skip
    before = practised("final", drills, unscrubbed=True)
    after = tuple(
        practised(f"final_{int(100 * tau)}", data)
        for tau, data in zip(THRESHOLDS, pruned, strict=True)
    )
    table = SimilarTable("table", near, (before,), after, pruned, scores)
    return Report(
        "report", (near, audit, *judged, table, before, *after), title="Similar or learned?"
    )
