"""Sequences, training, checkpoints: from texts to a model in Hugging Face's phi format."""
