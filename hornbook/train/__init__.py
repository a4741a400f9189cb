"""Stage 5: documents to a model in Hugging Face's phi format.

Tokenizer, packing, pretraining, finetuning.
"""

from hornbook.train.pack import Pack
from hornbook.train.tokenizers import PaperTokenizer, TrainTokenizer
from hornbook.train.train import Train

__all__ = ["Pack", "PaperTokenizer", "Train", "TrainTokenizer"]
