"""Everything with weights or tokens: the transformer, generation, tokenizers, embedders, export."""
