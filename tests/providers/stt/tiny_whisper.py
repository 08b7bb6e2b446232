"""A Whisper of 16 dimensions that has learnt nothing: the real format, by the real libraries, in a few kilobytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

DIMENSIONS, MELS, FRAMES, POSITIONS = 16, 80, 1500, 448
LANGUAGES = ("en", "de")
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{at / 50:.2f}|>" for at in range(POSITIONS)),
)


def make(folder: Path) -> Path:
    from ctranslate2.specs import WhisperSpec
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]

    spec = WhisperSpec(1, 1, 1, 1)
    _fill(spec, len(vocabulary))
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{language}|>") for language in LANGUAGES]
    spec.config.alignment_heads = []
    spec.validate()
    spec.save(str(folder))
    return folder


def _fill(spec: Any, words: int) -> None:
    """Random weights where the format wants some."""
    random = np.random.default_rng(7)

    def weights(*shape: int) -> Any:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    def linear(layer: Any, inner: int, outer: int) -> None:
        layer.weight, layer.bias = weights(outer, inner), weights(outer)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(DIMENSIONS, np.float32), np.zeros(DIMENSIONS, np.float32)

    def attention(layer: Any, *, own: bool) -> None:
        norm(layer.layer_norm)
        widths = (3, 1) if own else (1, 2, 1)
        for part, width in zip(layer.linear, widths, strict=True):
            linear(part, DIMENSIONS, width * DIMENSIONS)

    def feed_forward(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, DIMENSIONS, 4 * DIMENSIONS)
        linear(layer.linear_1, 4 * DIMENSIONS, DIMENSIONS)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(DIMENSIONS, MELS, 3), weights(DIMENSIONS)
    encoder.conv2.weight, encoder.conv2.bias = weights(DIMENSIONS, DIMENSIONS, 3), weights(DIMENSIONS)
    encoder.position_encodings.encodings = weights(FRAMES, DIMENSIONS)
    decoder.position_encodings.encodings = weights(POSITIONS, DIMENSIONS)
    decoder.embeddings.weight = weights(words, DIMENSIONS)
    decoder.projection.weight = decoder.embeddings.weight
    for stack in (encoder, decoder):
        norm(stack.layer_norm)
        for layer in stack.layer:
            attention(layer.self_attention, own=True)
            feed_forward(layer.ffn)
    for layer in decoder.layer:
        attention(layer.attention, own=False)
