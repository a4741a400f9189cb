"""Train a classifier of educational value in minutes: labelled pieces, their vectors, the fit.

Then: hornbook score-quality runs/taste FILE.jsonl. To train it on other labels, let a model judge
pieces of a folder of code (source=FOLDER judge=MODEL), or judge them yourself (hornbook label
runs/taste, then labels=FILE).
"""

from pathlib import Path

from hornbook import seed
from hornbook.collect import CollectFiles
from hornbook.curate import (
    Embed,
    EmbedLayers,
    FitQuality,
    JudgeSample,
    Labels,
    OwnLabels,
    Perplexity,
    StripComments,
    shipped_labels,
)
from hornbook.llm import named
from hornbook.models.embedder import Embedder
from hornbook.writeup import Report

# Offline, in seconds: some of the package's own source, judged by a script.
SMOKE = {"source": str(Path(seed.__file__).parent), "judge": "scripted", "embedder": "hashed"}


def recipe(
    # wheels: those of the shipped labels; or a folder of Python files, a jsonl or a Parquet file
    source="wheels",
    # or a file with your own labels of pieces of the source; ignored where a judge is named
    labels="shipped",
    judge="",  # a model that judges pieces of the source: any at OPENAI_BASE_URL
    embedder="smollm2",  # or any Hugging Face name, or hashed
    layer=0,  # of the embedder; 0: the layer and the pooling that do best on the labels
    tokens=512,  # of each piece that are read
    kind="blend",  # or forest, linear, regression, counts
    # compare with perplexity and with code without comments: two more passes of the model
    controls=False,
):
    if judge:
        judge_model = named(judge, max_tokens=60)
        labels_stage = JudgeSample("labels", CollectFiles("code", source), judge_model, sample=400)
    elif labels != "shipped":
        labels_stage = OwnLabels("labels", CollectFiles("code", source), labels)
    else:
        labels_stage = Labels("labels", shipped_labels.list_labelled_wheels())
    embedding_model = Embedder(embedder, layer, tokens)
    embed = Embed if layer else EmbedLayers
    control = None
    if controls:
        # Does it only look at comments? Does it only find what a model expects?
        labels_stage = Perplexity("perplexity", labels_stage)
        without_comments = StripComments("without_comments", labels_stage)
        control = embed("labelled_without_comments", without_comments, embedding_model)
    labelled = embed("labelled", labels_stage, embedding_model)
    trees = 20 if embedder == "hashed" else 500
    quality_classifier = FitQuality(
        "quality_classifier", labelled, kind, trees=trees, control=control
    )
    return Report("report", (quality_classifier,), title="A quality classifier for code")
