"""A language model of 2 MB, made on the spot: real files for a real engine, without a download.

Two layers of Llama with random weights and a byte-level BPE in which every sentence of ``SENTENCES`` is one
token. The weights are bent a little: a string is opened, gets a sentence and is closed. So under structured
output at temperature 1 it gives short JSON, which means nothing and differs from seed to seed, but what it
quotes stands in every text that holds the sentences (:func:`passage`). So a pipeline goes all the way to
accepted rows.
Needs torch, transformers and tokenizers (``make test-vllm`` has them).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LAYERS, HIDDEN, HEADS, KV_HEADS, VOCABULARY = 2, 128, 4, 2, 512
LONGEST = 8192
"""Positions of the model: room for a rubric judge's prompt, at about two characters a token."""

SENTENCES = (
    "The mill stands beside the river.",
    "A pump lifts the water out of the well.",
    "The village brings its grain in autumn.",
    "Snow lies on the roof until March.",
    "Two wheels turn below the bridge.",
    "The miller keeps a book of all sacks.",
    "Bread is baked behind the yard.",
    "The old road leads over the hill.",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ("<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")


def passage(number: int) -> str:
    """A text that differs with ``number`` and holds all the sentences that the model can quote."""
    return f"This is leaf {number} of the book. {' '.join(SENTENCES)} It was written in {1000 + number}."


def make_model(folder: Path, *, seed: int = 0) -> Path:
    """Write the model into ``folder``; the same seed gives the same weights. Returns ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=LONGEST,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.08,
        tie_word_embeddings=False,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        _bend(model, tokenizer)
    model.save_pretrained(folder)
    return folder


def make_shape(folder: Path, shape: tuple[int, int, int, int, int]) -> Path:
    """A model without weights, for ``load_format: dummy``, with the tiny model's tokenizer.

    ``shape``: hidden size, that of the feed-forward layers, layers, heads, key-value heads.
    """
    from transformers import LlamaConfig

    hidden, inner, layers, heads, kv_heads = shape
    _tokenizer(folder)
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=LONGEST,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    return folder


def make_adapter(folder: Path, base: Path, *, seed: int = 0, rank: int = 8, size: float = 0.5) -> Path:
    """Write a LoRA adapter for the tiny model ``base``; ``size`` is the spread of its random weights."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    random = torch.Generator().manual_seed(seed)
    width = {"q_proj": HIDDEN, "v_proj": HIDDEN // HEADS * KV_HEADS}
    tensors = {}
    for layer in range(LAYERS):
        for name, out in width.items():
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{place}.lora_A.weight"] = size * torch.randn(rank, HIDDEN, generator=random)
            tensors[f"{place}.lora_B.weight"] = size * torch.randn(out, rank, generator=random)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "target_modules": sorted(width),
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _bend(model: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    """Make some tokens likely after others (see the head of this file)."""
    texts = {number: tokenizer.decode([number]) for number in range(VOCABULARY)}

    def those(wanted: Callable[[str], bool]) -> list[int]:
        return [number for number, text in texts.items() if wanted(text)]

    said = those(lambda text: text in SENTENCES)
    assert len(said) == len(SENTENCES), "a sentence is more than one token"
    _link(model, range(VOCABULARY), those(lambda text: text[:1] in set('{}[]:,"') and not text[1:]), 4.0)
    _link(model, range(VOCABULARY), those(lambda text: text.isspace() or text == "<|pad|>"), -8.0)
    _link(model, those(lambda text: text.endswith("[")), those(lambda text: text == "{"), 8.0)
    _link(model, those(lambda text: text.endswith('"')), said, 9.0)
    _link(model, those(lambda text: text == "<|assistant|>"), said, 9.0)
    _link(model, said, those(lambda text: text == '"'), 11.0)
    _link(model, said, those(lambda text: text == "<|end|>"), 16.0)


def _link(model: Any, before: Iterable[int], after: Iterable[int], bias: float) -> None:
    """Raise the logits of the tokens ``after`` by ``bias`` on the average of tokens ``before``."""
    import torch

    first = list(before)
    weights = model.model.embed_tokens.weight
    weights[first] += 2 * torch.nn.functional.normalize(torch.randn(HIDDEN), dim=0)
    sample = torch.randint(VOCABULARY, (256, 8))
    others = model.model(sample).last_hidden_state[:, -1].mean(dim=0)
    sample[:, -1] = torch.tensor(first)[torch.randint(len(first), (256,))]
    mean = model.model(sample).last_hidden_state[:, -1].mean(dim=0)
    direction = mean if len(first) == VOCABULARY else mean - others
    for token in after:
        model.lm_head.weight[token] += bias * direction / mean.dot(direction)


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*SENTENCES, *SENTENCES], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        bos_token="<|begin|>",
        eos_token="<|end|>",
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(folder)
    return fast
