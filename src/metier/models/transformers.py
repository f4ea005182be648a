"""The reference engine: PyTorch and transformers, on CUDA when there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metier.models.chat import ChatTokenizer
from metier.models.constraints import Choices, GrammarCompiler
from metier.models.decoding import Constraint, completion, decode, open_rows, ready_text
from metier.models.labels import label_tree
from metier.models.quiet import quiet
from metier.models.scoring import Item, Pack, score
from metier.models.weights import check_adapter, check_weights
from metier.types import Completion, Conversation, GenerateConfig, LabelScores, Usage

if TYPE_CHECKING:
    import torch

TorchModel = Any
"""A causal model of transformers or PEFT, whose types do not say what calling them gives."""
Precision = Literal["auto", "float32", "bfloat16", "float16"]
ROWS_PER_BATCH = 64
"""Where tokens per second stop growing on two cores."""


class TransformersModel:
    """A language model read by transformers, with an optional LoRA adapter in PEFT's layout."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str | None = None,
        adapter: Path | None = None,
        precision: Precision = "auto",
    ) -> None:
        """Load the weights; ``precision`` "auto" is bf16 where the processor multiplies it fast."""
        from transformers import AutoModelForCausalLM

        self._name = name or directory.name
        check_weights(directory)
        if adapter is not None:
            check_adapter(adapter, directory, base_name=self._name)
        self._chat = ChatTokenizer(directory)
        self._device, dtype = _place(precision)
        with quiet():
            model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, adapter)
        self._model = model.eval().to(self._device)
        self._grammars: GrammarCompiler | None = None
        self._engine = _TorchEngine(self._model, self._device, self._chat.pad)

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._name

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Continue every conversation."""
        prompts = [self._chat.prompt(conversation) for conversation in batch]
        rows = open_rows(prompts, config, self._constraints(len(prompts), config))
        by_length = sorted(rows, key=lambda row: -len(row.prompt))
        for start in range(0, len(rows), ROWS_PER_BATCH):
            for _ in decode(self._engine, by_length[start : start + ROWS_PER_BATCH], self._chat):
                pass
        return [completion(row) for row in rows]

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        """Yield the text that ``generate`` gives, piece by piece."""
        prompt = self._chat.prompt(conversation)
        rows = open_rows([prompt], config, self._constraints(1, config))
        sent = 0
        for _ in decode(self._engine, rows, self._chat):
            text = ready_text(rows[0])
            if len(text) > sent:
                yield text[sent:]
                sent = len(text)

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability that the answer is exactly this text, then stops."""
        items = [
            Item(self._chat.prompt(conversation), label_tree([self._chat.answer(text)]))
            for conversation, text in batch
        ]
        return [scores[0] for scores in score(self._engine, items)[0]]

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label for every conversation, reading each prompt once."""
        tree = label_tree([self._chat.answer(label) for label in labels])
        items = [Item(self._chat.prompt(conversation), tree) for conversation in batch]
        scores, shared = score(self._engine, items)
        return [
            LabelScores(logs, Usage(len(item.prompt), len(tree.tokens), shared if place else 0))
            for place, (item, logs) in enumerate(zip(items, scores, strict=True))
        ]

    def count_tokens(self, text: str) -> int:
        """Tokens of plain text."""
        return len(self._chat.tokens(text))

    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of ``text`` that has at most ``max_tokens`` tokens."""
        return self._chat.truncate(text, max_tokens)

    def _constraints(self, count: int, config: GenerateConfig) -> list[Constraint | None]:
        if config.choices:
            answers = [self._chat.answer(choice) for choice in config.choices]
            return [Choices(answers) for _ in range(count)]
        if config.json_schema is not None:
            if self._grammars is None:
                vocabulary = self._model.get_output_embeddings().weight.shape[0]
                self._grammars = GrammarCompiler(self._chat, vocabulary)
            return [self._grammars.schema(config.json_schema) for _ in range(count)]
        return [None] * count


class _TorchEngine:
    """Steps and trees on one torch model."""

    def __init__(self, model: TorchModel, device: str, pad: int) -> None:
        self._model = model
        self._device = device
        self._pad = pad
        self._cache: Any = None
        self._mask: torch.Tensor
        self._prefix: Any = None
        self._prefix_tokens: list[int] = []

    def start(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read left-padded prompts."""
        import torch
        from transformers import DynamicCache

        width = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), width), self._pad)
        mask = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        self._cache = DynamicCache(config=self._model.config)
        self._mask = mask.to(self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return self._forward(ids, positions)

    def step(self, tokens: Sequence[int], rows: Sequence[int]) -> torch.Tensor:
        """Append one token to each kept row."""
        import torch

        if len(rows) < len(self._mask):
            kept = torch.tensor(rows, device=self._device)
            self._cache.batch_select_indices(kept)
            self._mask = self._mask[kept]
        positions = self._mask.sum(1, keepdim=True)
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        return self._forward(torch.tensor(tokens)[:, None], positions)

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.no_grad():
            output = self._model(
                input_ids=ids.to(self._device),
                position_ids=positions.to(self._device),
                attention_mask=self._mask,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return output.logits[:, -1].float()  # type: ignore[no-any-return]

    def read_prefix(self, tokens: Sequence[int]) -> None:
        """Keep the keys and values of a prefix until another one comes."""
        import torch
        from transformers import DynamicCache

        if self._prefix_tokens == list(tokens):
            return
        self._prefix, self._prefix_tokens = None, list(tokens)
        if tokens:
            self._prefix = DynamicCache(config=self._model.config)
            with torch.no_grad():
                self._model(
                    input_ids=torch.tensor([list(tokens)], device=self._device),
                    past_key_values=self._prefix,
                    use_cache=True,
                    logits_to_keep=1,
                )

    def tree_logits(self, pack: Pack) -> torch.Tensor:
        """One pass over prompts and trees, with a mask of our own."""
        import copy

        import torch

        cache = copy.deepcopy(self._prefix)
        if cache is not None:
            cache.batch_repeat_interleave(len(pack.ids))
        dtype = self._model.dtype
        hidden = torch.from_numpy(~pack.visible)[:, None].to(self._device)
        mask = torch.zeros(hidden.shape, dtype=dtype, device=self._device)
        mask.masked_fill_(hidden, torch.finfo(dtype).min)
        with torch.no_grad():
            output = self._model(
                input_ids=torch.from_numpy(pack.ids).to(self._device),
                position_ids=torch.from_numpy(pack.positions).to(self._device),
                attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=pack.keep,
            )
        return output.logits.float()  # type: ignore[no-any-return]


def _place(precision: Precision) -> tuple[str, torch.dtype]:
    """Device and number format. Without AMX, bf16 on a CPU is emulated and slower than fp32."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision != "auto":
        return device, getattr(torch, precision)
    fast = device == "cuda" or torch.cpu._is_amx_tile_supported()
    return device, torch.bfloat16 if fast else torch.float32
