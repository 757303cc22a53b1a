"""One row of the table: ask a model a task's questions, and sum up the verdicts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from utils import parallel
from utils.arms import Arm, Task
from utils.data import Example, Passage, Question
from utils.datasets import Dataset, training_examples
from utils.generate import Completion, generate
from utils.measure import has_source, judge, misses, rate
from utils.prompts import chain_card, chain_kind, closed_book, few_shot, instructed, render
from utils.rag import Answer, answer_all, find_passages
from utils.retrieve import METHODS, Retriever, recall_at_k

SHOTS = 5
PROSE_TOKENS, CARD_TOKENS = 40, 64
RECALL_AT = (1, 3, 5)
MOST = {("form", "plain"): 200, ("own", "own"): None}  # questions a row; 100 elsewhere
Tick = Callable[[int], None]


@dataclass
class Library:
    """Data sets and their retrievers, each made once when first asked for."""

    load: Callable[[str], Dataset]
    embedder: Callable[[], object]
    made: dict[str, Retriever] = field(default_factory=dict)

    def retriever(self, name: str) -> Retriever:
        """The retriever over a data set's passages."""
        if name not in self.made:
            self.made[name] = Retriever(self.load(name).passages, self.embedder())
        return self.made[name]


def questions_of(library: Library, task: Task, limit: int | None, split: str) -> list[Question]:
    """The task's questions; general knowledge is the form set's under another variant name."""
    variant = "plain" if task.variant == "general" else task.variant
    most = MOST.get((task.dataset, task.variant), 100)
    if limit is not None:
        most = limit if most is None else min(most, limit)
    return library.load(task.dataset).ask(variant, split, most)


def run_task(
    arm: Arm, task: Task, model, tokenizer, library: Library, limit=None, split="test", tick=None
) -> tuple[dict, list[Answer]]:
    """The row of one arm and task, and the answers behind it.

    Several processes share out the questions, and each has all answers in the end; `tick` hears
    of this one's.
    """
    tick = tick or (lambda done: None)
    questions = questions_of(library, task, limit, split)
    mine = parallel.shard(questions)
    shown: list[list[Passage]] = [[] for _ in mine]
    if task.retriever:
        found = library.retriever(task.dataset)
        shown = find_passages(found, mine, task.k or 3, task.retriever)
    answers = parallel.gather(ask_all(arm, model, tokenizer, mine, shown, tick) if mine else [])
    if [answer.question for answer in answers] != questions:
        raise RuntimeError(f"{arm.name} on {task.dataset}: a question was lost or asked twice")
    return {**describe(arm, task), **summarise(answers)}, answers


def ask_all(arm: Arm, model, tokenizer, questions, shown, tick: Tick) -> list[Answer]:
    """Ask with the arm's prompt; base models write prose and are cut earlier."""
    if arm.prompt == "chain":
        return ask_chain(model, tokenizer, questions, tick)
    if arm.prompt == "instructed":
        return answer_all(model, tokenizer, questions, None, instructed, CARD_TOKENS, tick)
    if arm.prompt == "few-shot":
        examples = shots()

        def build(question, _):
            return few_shot(question, examples)

        return answer_all(model, tokenizer, questions, None, build, CARD_TOKENS, tick)
    new = CARD_TOKENS if arm.adapter else PROSE_TOKENS
    return answer_all(model, tokenizer, questions, shown, max_new_tokens=new, tick=tick)


def ask_chain(model, tokenizer, questions: Sequence[Question], tick: Tick) -> list[Answer]:
    """Three calls a question: the answer, its kind, the card. Tokens and seconds add up."""
    run = functools.partial(generate, model, tokenizer)
    first = run([render(closed_book(q.question), tokenizer) for q in questions], PROSE_TOKENS)
    kinds = [chain_kind(q.question, a.text) for q, a in zip(questions, first, strict=True)]
    second = run([render(messages, tokenizer) for messages in kinds], 6)
    cards = [
        chain_card(q.question, a.text, k.text)
        for q, a, k in zip(questions, first, second, strict=True)
    ]
    third = run([render(messages, tokenizer) for messages in cards], CARD_TOKENS, tick)
    calls = [_add(three) for three in zip(first, second, third, strict=True)]
    return [Answer(q, (), c, judge(c.text, q)) for q, c in zip(questions, calls, strict=True)]


def _add(calls: Sequence[Completion]) -> Completion:
    """The last call's text with the tokens and seconds of all."""
    return replace(
        calls[-1],
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        seconds=sum(call.seconds for call in calls),
    )


@functools.cache
def shots() -> list[Example]:
    """The solved examples of the few-shot prompt: one of each kind, from the training set."""
    by_kind: dict[str, Example] = {}
    for example in training_examples("form"):
        by_kind.setdefault(example.card.kind, example)
    return list(by_kind.values())[:SHOTS]


def describe(arm: Arm, task: Task) -> dict:
    """What a row is about."""
    return {
        "arm": arm.name,
        "dataset": task.dataset,
        "variant": task.variant,
        "passes": arm.passes,
        "k": task.k,
        "retriever": task.retriever,
    }


def summarise(answers: Sequence[Answer]) -> dict:
    """Counts with intervals, mean costs, and why the wrong answers are wrong.

    `source` counts over the questions whose source is known, and is None where no card was
    written; `abstained` is None closed book.
    """
    verdicts = [answer.verdict for answer in answers]
    open_book = any(answer.passages for answer in answers)
    cards = any(verdict.card for verdict in verdicts)
    known = [bool(a.verdict.source) for a in answers if has_source(a.question)]
    mean = functools.partial(_mean, answers)
    return {
        "n": len(answers),
        "valid": asdict(rate(v.valid for v in verdicts)),
        "right": asdict(rate(v.right for v in verdicts)),
        "source": asdict(rate(known)) if open_book and cards and known else None,
        "abstained": asdict(rate(v.abstained for v in verdicts)) if open_book else None,
        "prompt_tokens": mean("prompt_tokens"),
        "completion_tokens": mean("completion_tokens"),
        "seconds_per_answer": mean("seconds"),
        "misses": misses(verdicts),
    }


def _mean(answers: Sequence[Answer], name: str) -> float:
    return round(sum(getattr(a.completion, name) for a in answers) / len(answers), 4)


def recall_rows(library: Library, names: Sequence[str], limit=None, split="test") -> list[dict]:
    """recall@1, 3 and 5 of each retriever on the plain questions of each data set."""
    rows = []
    for name in names:
        asked = [q for q in library.load(name).ask("plain", split, limit) if q.source]
        for method in METHODS if asked else ():
            mine = [q.question for q in parallel.shard(asked)]
            found = parallel.gather(library.retriever(name).search(mine, 5, method))
            for k in RECALL_AT:
                value = recall_at_k(found, [q.source for q in asked], k)
                rows.append(
                    {"dataset": name, "retriever": method, "k": k, "recall": value, "n": len(asked)}
                )
    return rows
