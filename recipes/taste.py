"""A classifier of educational value in minutes: labelled pieces, their vectors, the fit, and nothing else.

Then: hornbook score-quality runs/taste FILE.jsonl. To teach it another taste, let a model judge
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
    source="wheels",  # the shipped labels' own; or a folder of Python files, a jsonl or a Parquet file
    labels="shipped",  # or a file of labels of your own for pieces of the source; ignored where a judge is named
    judge="",  # a model that judges pieces of the source: any at OPENAI_BASE_URL
    embedder="smollm2",  # or any Hugging Face name, or hashed
    layer=0,  # of the embedder; 0: the layer and the pooling that do best on the labels
    tokens=512,  # of each piece that are read
    kind="blend",  # or forest, linear, regression, counts
    controls=False,  # compare with perplexity and with code without comments: two more passes of the model
):
    if judge:
        known_pieces = JudgeSample(
            "labels", CollectFiles("pieces", source), named(judge, max_tokens=60), sample=400
        )
    elif labels != "shipped":
        known_pieces = OwnLabels("labels", CollectFiles("pieces", source), labels)
    else:
        known_pieces = Labels("labels", shipped_labels.list_labelled_wheels())
    how, vectors = Embedder(embedder, layer, tokens), Embed if layer else EmbedLayers
    control = None
    if controls:  # does it only look at comments? does it only find what a model expects?
        known_pieces = Perplexity("expected", known_pieces)
        control = vectors("bare_vectors", StripComments("bare", known_pieces), how)
    trees = 20 if embedder == "hashed" else 500
    taste = FitQuality(
        "taste", vectors("vectors", known_pieces, how), kind, trees=trees, control=control
    )
    return Report("report", (taste,), title="A taste for code")
