"""Prune what resembles the exam, retrain, examine: section 5 of the paper, for your own data.

A base model is pretrained on the textbook shelf. It is finetuned on all exercises, and again on
what each threshold leaves; the page shows the paper's Table 3. Similar problems are also easier:
give the results of a model that never saw the data by scores=starcoder=results.jsonl to compare.
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
    exercises="shelf",  # or a jsonl, a Parquet file or a folder: whole exercises as text
    exam="unconventional",  # or humaneval, mbpp:FILE, jsonl:FILE
    scores=(),  # results on that exam of models that never saw the exercises: NAME=FILE
    judge="",  # a model at OPENAI_BASE_URL that judges the pairs
    size="3M",
    steps=240,  # of the base model; half as many of each finetuning
    longest=128,  # tokens of an answer
):
    tiny = size == "tiny"
    textbooks = ShelfSections("shelf_textbooks")
    if exercises == "shelf":
        exercise_data = ShelfExercises("exercises", "train", 0.2 if tiny else 1.0)
    else:
        exercise_data = CollectFiles("exercises", exercises, piece_lines=0)

    # Which record is nearest to which problem: all of the data, every function, as in the paper.
    nearest = NearExam("nearest_records", (exercise_data,), (exam,))
    audit = AuditScrub("audit", exercise_data, (exam,), sample_size=500)
    judged_pairs = ()
    if judge == "scripted":
        answers = ("Both count. Verdict: same idea",)
        judged_pairs = (
            JudgeNear("judged_pairs", nearest, LLM("scripted", "scripted", answers=answers)),
        )
    elif judge:
        judge_model = named(judge, temperature=0.0, max_tokens=200)
        judged_pairs = (JudgeNear("judged_pairs", nearest, judge_model),)

    clean_textbooks = Scrub("clean_shelf_textbooks", textbooks, (exam,))
    tokenizer = TrainTokenizer(
        "tokenizer", (clean_textbooks, exercise_data), vocab=512 if tiny else 4096
    )
    context = 64 if tiny else 256
    pretrain_data = Pack("pretrain_data", (clean_textbooks,), tokenizer, context, 0.1)
    base = Train("base", pretrain_data, shape=size, steps=steps, batch=16, lr=2e-3)

    def finetune_and_examine(suffix, data, unscrubbed=False):
        finetune_data = Pack(
            f"finetune_data{suffix}",
            (data,),
            tokenizer,
            context,
            held_out=0.05,
            unscrubbed=unscrubbed,
        )
        final = Train(
            f"final{suffix}",
            finetune_data,
            start=base,
            steps=max(1, steps // 2),
            batch=16,
            lr=5e-4,
            weight_decay=0.01,
            dropout=0.1,
        )
        return Examine(f"exam_final{suffix}", final, exam, max_new_tokens=16 if tiny else longest)

    # Syntax trees alone decide, at each threshold, on trees of any size: section 5.2's pruning.
    exam_final = finetune_and_examine("", exercise_data, unscrubbed=True)
    pruned, examined = [], []
    for threshold in THRESHOLDS:
        suffix = f"_{int(100 * threshold)}"
        pruned.append(
            Scrub(
                f"pruned{suffix}",
                exercise_data,
                (exam,),
                ngram=None,
                syntax=threshold,
                min_tree_nodes=0,
            )
        )
        examined.append(finetune_and_examine(suffix, pruned[-1]))
    table = SimilarTable(
        "similar_table", nearest, (exam_final,), tuple(examined), tuple(pruned), scores
    )
    return Report(
        "report",
        (nearest, audit, *judged_pairs, table, exam_final, *examined),
        title="Similar or learned?",
    )
