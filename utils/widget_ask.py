"""The widget Ask: one question, four models side by side, the passages they were shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from utils.data import Question
from utils.prompts import titled
from utils.rag import Answer, answer_all, find_passages
from utils.runner import CARD_TOKENS, PROSE_TOKENS
from utils.widget_html import Table, badge, brief, card_badge
from utils.widget_panel import Panel

MOST = 1000  # characters of a question
EMPTY = "Type a question first."
LONG = f"A question may have {MOST:,} characters at most: ask a shorter one."
SUGGESTED = 40  # questions offered while one types
WAITING = "\u2026"
Answerer = Callable[[Question], Answer]


class Ask(Panel):
    """A question box and a column for each arm: answer, form, fact, source, tokens, seconds.

    `arms` names a function for each column, which answers one question; see `four_arms`.
    `known` are questions with their answers: right or wrong is said of these alone. After
    `limit` seconds no further arm is asked.
    """

    def __init__(
        self, arms: Mapping[str, Answerer], known: Sequence[Question] = (), limit: float = 120
    ) -> None:
        super().__init__()
        self.arms, self.limit = dict(arms), limit
        self.known = {_key(q.question): q for q in known}
        self.first = ""
        self.question: Question | None = None
        self.answers: dict[str, Answer | str] = {}  # an answer, or why there is none

    def show(self, question: str | None = None) -> None:
        """Display it; with a question, answer that one at once."""
        self.first = question or ""
        super().show()
        if question is not None:
            try:
                self.guarded(lambda: self.ask(question))
            finally:
                self.refresh()

    def ask(self, text: str) -> None:
        """Answer a question arm by arm, each shown when it is there."""
        text = text.strip()
        if not text or len(text) > MOST:
            self.say(LONG if text else EMPTY)
            return
        known = self.known.get(_key(text))
        self.question = known or Question("typed", text, None)
        self.answers, start = {}, time.monotonic()
        for done, (name, answer) in enumerate(self.arms.items()):
            self._progress(done, f"{done} of {len(self.arms)} answers. Now: {name} {WAITING}")
            if time.monotonic() - start > self.limit:
                self.answers[name] = f"not asked: {self.limit:.0f} seconds were over"
                continue
            try:
                self.answers[name] = answer(self.question)
            except Exception as error:
                self.answers[name] = f"no answer ({type(error).__name__}): {error}"
        seconds = time.monotonic() - start
        self._progress(len(self.arms), f"{len(self.arms)} answers in {seconds:.1f} seconds.")

    def tables(self) -> list[Table]:
        """The answers, a column an arm; then the passages, where some were shown."""
        header = ("", *self.arms)
        if self.question is None:
            return [Table("Nothing has been asked yet.", header, ())]
        rows = [(title, *(self._cell(arm, tell) for arm in self.arms)) for title, tell in ROWS]
        found = [Table(self._caption(), header, tuple(rows))]
        passages = self._passages()
        return [*found, passages] if passages.rows else found

    def controls(self, widgets) -> list:
        """The box, the button, and how far it is."""
        every = max(1, len(self.known) // SUGGESTED)
        self._typing = widgets.Combobox(
            description="Question",
            tooltip="A question for all models",
            placeholder="Type a question, then press Enter",
            options=[q.question for q in list(self.known.values())[::every]],
            value=self.first,
            ensure_option=False,
            continuous_update=False,  # one message a question: a click must not overtake the text
            layout=widgets.Layout(width="auto", flex="1 1 20em"),
        )
        button = widgets.Button(
            description="Ask", tooltip="Ask all models this question", button_style="primary"
        )
        self._bar = widgets.IntProgress(
            description="Answers",
            tooltip="Answers so far",
            min=0,
            max=len(self.arms),
            layout=widgets.Layout(width="20em"),
        )
        button.on_click(lambda _: self._clicked())
        self._typing.observe(lambda _: self._clicked(), "value")
        row = widgets.HBox([self._typing, button], layout=widgets.Layout(flex_flow="row wrap"))
        return [row, self._bar]

    def _clicked(self) -> None:
        if not self.early():
            self.say("Waiting for the kernel, which is running a cell.")
            self.work(lambda: self.ask(self._typing.value))

    def _progress(self, done: int, note: str) -> None:
        self.note = note
        if self._box is not None:
            self._bar.value = done
        self.paint()

    def _caption(self) -> str:
        if self.question.id == "typed":
            return f"{self.question.question} (the right answer is not known here)"
        wanted = self.question.answer or "none, no passage holds it"
        return f"{self.question.question} (wanted: {wanted})"

    def _cell(self, arm: str, tell: Callable[[Answer], Any]):
        got = self.answers.get(arm)
        if isinstance(got, Answer):
            return tell(got)
        if got is None:
            return WAITING
        return got if tell is _text else "\u2013"

    def _passages(self) -> Table:
        """Every passage that was shown, who named it as the source, and whether it is the one."""
        answers = {n: a for n, a in self.answers.items() if isinstance(a, Answer) and a.passages}
        found = {p.id: p for a in answers.values() for p in a.passages}
        rows = []
        for id, passage in found.items():
            users = [
                n for n, a in answers.items() if a.verdict.card and a.verdict.card.source == id
            ]
            used = badge("used by " + ", ".join(users), True) if users else ""
            right = badge("holds the answer", True) if id == self.question.source else ""
            rows.append((id, brief(titled(passage)), used, right))
        header = ("id", "passage", "named as source", "right one")
        return Table("Passages in the prompt of the arms that read", header, tuple(rows))


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _text(answer: Answer):
    return brief(answer.completion.text)


def _form(answer: Answer):
    return card_badge(answer.verdict.valid)


def _fact(answer: Answer):
    if answer.question.id == "typed":
        return badge("not known")
    return badge("right", True) if answer.verdict.right else badge("wrong", False)


def _source(answer: Answer):
    card = answer.verdict.card
    return "\u2013" if card is None or card.source is None else card.source


def _tokens(answer: Answer):
    return f"{answer.completion.prompt_tokens} in, {answer.completion.completion_tokens} out"


def _seconds(answer: Answer):
    return f"{answer.completion.seconds:.1f}"


ROWS = (
    ("answer", _text),
    ("form", _form),
    ("fact", _fact),
    ("source", _source),
    ("tokens", _tokens),
    ("seconds", _seconds),
)


def four_arms(
    retriever=None, tokenizer=None, models: Mapping[str, Any] | None = None, k: int = 3
) -> dict[str, Answerer]:
    """The columns of the course: base, form, base + RAG, open-book + RAG.

    `models` holds models that are loaded already, under base, form and open-book; what is not
    given, the retriever over atlas too, is loaded when first asked for.
    """
    ready = {"retriever": retriever, "tokenizer": tokenizer, **(models or {})}

    def get(name: str):
        if ready.get(name) is None:
            ready.update({k: v for k, v in _load(name).items() if ready.get(k) is None})
        return ready[name]

    def arm(name: str, reads: bool) -> Answerer:
        def answer(question: Question) -> Answer:
            model, new = get(name), PROSE_TOKENS if name == "base" else CARD_TOKENS
            shown = find_passages(get("retriever"), [question], k, "hybrid") if reads else None
            return answer_all(model, get("tokenizer"), [question], shown, max_new_tokens=new)[0]

        return answer

    plan = (("base", False), ("form", False), ("base", True), ("open-book", True))
    return {name + (" + RAG" if reads else ""): arm(name, reads) for name, reads in plan}


def _load(name: str) -> dict[str, Any]:
    """A part of the course, with what is loaded along; the libraries are heavy, so only now."""
    from utils.datasets import load_dataset
    from utils.finetune import load_tuned
    from utils.models import load_embedder, load_model
    from utils.recipes import lesson_adapter
    from utils.retrieve import Retriever

    if name == "retriever":
        return {name: Retriever(load_dataset("atlas").passages, load_embedder())}
    adapter = None if name in ("base", "tokenizer") else lesson_adapter(name)
    model, tokenizer = load_tuned(adapter.folder) if adapter else load_model()
    return {name if adapter else "base": model, "tokenizer": tokenizer}
