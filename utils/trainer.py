"""TRL's trainer with the loss on the completions only, on one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch.nn import functional as F
from torch.utils.data import DataLoader, Sampler
from trl import SFTTrainer

from utils import parallel
from utils.pairs import IGNORED, hide


class CompletionTrainer(SFTTrainer):
    """TRL's SFTTrainer with the same loss, computed only where a completion token is predicted.

    TRL projects every position, the prompt's too, onto the 49,152 words of the vocabulary
    and adds entropies for its log; here the hidden states are gathered first. And pairs whose
    prompts begin alike share that beginning (`pairs.make_row`). The loss is TRL's: summed
    negative log-likelihood over the number of completion tokens.

    Several processes share out the rows of each step, so that a step is what it is with one.
    """

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The loss of a batch of `pairs.collate`; there are no outputs to return."""
        inner = self.accelerator.unwrap_model(model)
        if inner is model:
            return self._loss(inner, inputs, num_items_in_batch)
        if num_items_in_batch is None:
            own = (inputs["labels"][:, 1:] != IGNORED).sum()
            num_items_in_batch = self.accelerator.reduce(own, "sum")
        # The wrapper adds up the gradients of what its own `forward` computed, and no others. It
        # takes their mean, where the sum over the processes is wanted.
        with _forward(inner, lambda **rows: self._loss(inner, rows, num_items_in_batch)):
            return model(**inputs) * parallel.size()

    def get_train_dataloader(self) -> DataLoader:
        """The steps. Each process goes through all of them, and its collator takes its share."""
        if parallel.size() == 1:
            return super().get_train_dataloader()
        return DataLoader(
            self.train_dataset,
            self._train_batch_size,
            sampler=_Order(self._get_train_sampler()),
            collate_fn=self.data_collator,
        )

    def _loss(self, tuned, inputs, num_items_in_batch):
        causal = tuned.get_base_model()
        wanted = inputs["labels"][:, 1:]
        kept = wanted != IGNORED
        with self.accelerator.autocast():
            hidden = causal.model(
                input_ids=inputs["input_ids"],
                attention_mask=hide(inputs["branch"], causal.dtype),
                position_ids=inputs["position_ids"],
                use_cache=False,
            ).last_hidden_state
            logits = causal.lm_head(hidden[:, :-1][kept])
        count = kept.sum() if num_items_in_batch is None else num_items_in_batch
        return F.cross_entropy(logits.float(), wanted[kept], reduction="sum") / count


class _Order(Sampler):
    """The main process's order of the rows, in every process."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def __iter__(self) -> Iterator[int]:
        return iter(parallel.from_main(lambda: list(self.sampler)))

    def __len__(self) -> int:
        return len(self.sampler)


@contextmanager
def _forward(module, stand_in: Callable) -> Iterator[None]:
    """Let the module's `forward` be another for a while."""
    own = vars(module).get("forward")
    module.forward = stand_in
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def share(rows: Sequence[dict]) -> Sequence[dict]:
    """This process's rows of a step; where it gets none, two tokens of which nothing is learned."""
    mine = parallel.shard(rows)
    return mine or [{n: v[:2] for n, v in rows[0].items()} | {"labels": [IGNORED] * 2}]
