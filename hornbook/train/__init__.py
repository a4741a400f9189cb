"""Stage folder 5: documents to a model in Hugging Face's phi format: tokenizer, packing, pretraining, finetuning."""

from hornbook.train.pack import Pack
from hornbook.train.train import Train
from hornbook.train.words import PaperTokenizer, TrainTokenizer

__all__ = ["Pack", "PaperTokenizer", "Train", "TrainTokenizer"]
