# %% [markdown]
# # What changes when the model may read?
#
# **Lesson 5 of 6.** You put passages into the prompt, measure what each model makes of them, and
# say of each miss whose fault it is.
#
# **Measured answer.** The facts come with the passages while the weights stay as they are. The
# adapter trained for the form alone reads no better than the untouched model; the one trained with
# (many more) passages gives form and facts. The cell below the imports prints the numbers for the
# towns.
#
# **Study time:** about 60 minutes. **Computing time:** {computing time}.

# %% [markdown]
# ## After this lesson you can
# - build a prompt that carries passages, and ask three models with it
# - say of a wrong answer whether form, retrieval or reading failed
# - show that reading changes no weight
# - change a fact and have it answered seconds later

# %%
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from IPython.display import Image, Markdown, display

from utils.card import write_card
from utils.check import check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset, training_examples
from utils.finetune import load_tuned
from utils.measure import rate
from utils.models import load_embedder, load_model, weights_hash
from utils.normalise import contains_answer
from utils.plots import headline_picture
from utils.prompts import READ, closed_book, open_book, render, titled
from utils.rag import answer_all, changed, find_passages, stands_in
from utils.recipes import lesson_adapter
from utils.reference import find_rows, reference
from utils.report import markdown, percent
from utils.retrieve import Retriever
from utils.runner import CARD_TOKENS, PROSE_TOKENS, summarise
from utils.widgets import Ask, Predict, four_arms

# %%
stored = find_rows(reference("headline"), dataset="atlas", variant="plain")
for r in stored:
    valid, right = percent(r["valid"]), percent(r["right"])
    print(f"{r['arm']:14} valid {valid:18} right {right:18} n = {r['n']}")

# %% [markdown]
# These come from a stored run, with 95 % intervals in brackets. An *arm* is one way of answering: a
# model together with a prompt. *RAG*, retrieval-augmented generation, means: find passages, put
# them in the prompt, ask. The towns are invented, so no model knows them beforehand. You now
# measure all six arms yourself, on fewer questions.

# %% [markdown]
# ## The prompt
# A passage is shown under its id, so that the card can name its source, and with its title, so
# that "Its mayor is ..." says whose mayor. `titled(passage)` joins title and text.

# %%
atlas = load_dataset("atlas")
print(titled(atlas.passages[0]))

# %% [markdown]
# ### Exercise 5.1
#
# Write `reading_prompt(question, passages)`: a line `[id] Title: text` for each passage, an empty
# line, then `Question: ` and the question. For the passage above the first line begins with its id
# in brackets.


# %% exercise="5.1"
def reading_prompt(question, passages):
    """The user's message: passages under their ids, an empty line, the question."""
    ### BEGIN SOLUTION
    shown = "\n".join(f"[{p.id}] {titled(p)}" for p in passages)
    return f"{shown}\n\nQuestion: {question}"
    ### END SOLUTION


# %%
check("5.1")

# %% [markdown]
# All arms that read use your prompt from here on, or the course's while yours is not right. A
# system message in front says how to answer.


# %%
def build(question, passages):
    """The messages of a reading arm."""
    if not passed("5.1"):
        return open_book(question, passages)
    user = reading_prompt(question, passages)
    return [{"role": "system", "content": READ}, {"role": "user", "content": user}]


# %%
base, tokenizer = load_model()
for messages in (closed_book("Who is the mayor?"), build("Who is the mayor?", atlas.passages[:3])):
    print(len(tokenizer(render(messages, tokenizer))["input_ids"]), "tokens")

# %% [markdown]
# Reading has a price: every question carries its passages, in tokens and so in seconds.

# %% [markdown]
# ## The unchanged model, closed book
# Forty questions, the same for every arm, and one function that reports as in the lessons before.

# %%
sample = atlas.ask("plain", limit=40)
retriever = Retriever(atlas.passages, load_embedder())
found = find_passages(retriever, sample, 3, "hybrid")


# %%
def told(name, answers, most=3):
    """Print some misses, then k of n with the 95 % Wilson interval."""
    for a in [a for a in answers if not a.verdict.right][:most]:
        print(f"{a.question.question}\n  expected {a.question.answer!r}, got {a.completion.text!r}")
    right = rate(a.verdict.right for a in answers)
    print(f"{name}: {right.k} of {right.n} right, interval {right.low:.0%} to {right.high:.0%}")


# %%
base_closed = answer_all(base, tokenizer, sample, max_new_tokens=PROSE_TOKENS)
told("base, closed book", base_closed)

# %% [markdown]
# It invents, in fluent sentences. Nothing in its weights could tell it about these towns.

# %% [markdown]
# ## The unchanged model, with passages
# The claim to come is that no weight changes. To prove it, take a hash of all weights now and
# compare it afterwards.

# %%
before = weights_hash(base)
print(before[:16])

# %% [markdown]
# ### Exercise 5.2
#
# How many of the 40 questions will the same model answer, with three retrieved passages in its
# prompt? Prose counts where the right value stands in it. The stored numbers above are a hint.
# Write a whole number from 0 to 40.

# %% exercise="5.2"
my_guess = ...
### BEGIN SOLUTION
my_guess = 20
### END SOLUTION

# %%
check("5.2")

# %%
base_read = answer_all(base, tokenizer, sample, found, build, PROSE_TOKENS)
told("base + RAG", base_read)

# %%
read = rate(a.verdict.right for a in base_read)
Predict("Right with three passages, of 40", exercise="5.2").beside(read)

# %%
print("weights unchanged:", weights_hash(base) == before)

# %% [markdown]
# The very same weights now answer some questions that they could not before: the facts were in the
# prompt. Many more stay wrong although the passage was there, as the next section counts. What this
# sample cannot tell: how the model reads other documents, or other wordings of the prompt.

# %% [markdown]
# ## Whose fault is a miss?
# - **form**: a card was begun and is broken
# - **retrieval**: the right passage was not among those shown
# - **abstained**: it was shown, and the model said that it cannot tell, by null or in prose
# - **reading**: it was shown, and something else was answered
#
# The order matters: what cannot be parsed comes first, and a reader is not blamed for a passage it
# never saw.

# %% [markdown]
# ### Exercise 5.3
#
# Write `diagnose(broken, found, abstained)`: the name of the fault behind a wrong answer, from
# three truth values. `diagnose(False, True, False)` is `"reading"`.


# %% exercise="5.3"
def diagnose(broken, found, abstained):
    """Why a wrong answer is wrong: "form", "retrieval", "abstained" or "reading"."""
    ### BEGIN SOLUTION
    if broken:
        return "form"
    if not found:
        return "retrieval"
    return "abstained" if abstained else "reading"
    ### END SOLUTION


# %%
check("5.3")


# %%
def why(answer):
    """Your diagnosis of a wrong answer, or the scorer's."""
    if not passed("5.3"):
        return answer.verdict.diagnosis
    broken = not answer.verdict.valid and answer.completion.text.lstrip().startswith("{")
    shown = any(p.id == answer.question.source for p in answer.passages)
    return diagnose(broken, shown, answer.verdict.abstained)


# %%
missed = [a for a in base_read if not a.verdict.right]
print(Counter(why(a) for a in missed))
print(sum(why(a) == a.verdict.diagnosis for a in missed), "of", len(missed), "as the scorer says")

# %% [markdown]
# Each fault has its own mend: training for form, lesson 04 for retrieval. Reading and abstaining
# are next.

# %% [markdown]
# ## The model trained for form
# The adapter of lesson 02 made valid cards out of prose. Now it gets the same passages. If you
# trained one there, it is yours; else it is the copy that came with the course.


# %%
def with_adapter(name):
    """The base model with an adapter merged into its weights."""
    found = lesson_adapter(name)
    print(f"the adapter {name!r}: {found.origin}")
    return load_tuned(found.folder)[0]


# %% [markdown]
# ### Exercise 5.4
#
# Compared with base + RAG, how many of the same questions does form + RAG get right: `"more"`,
# `"as many"` or `"fewer"`?

# %% exercise="5.4"
form_guess = ...
### BEGIN SOLUTION
form_guess = "fewer"
### END SOLUTION

# %%
check("5.4")

# %%
former = with_adapter("form")
form_closed = answer_all(former, tokenizer, sample, max_new_tokens=CARD_TOKENS)
form_read = answer_all(former, tokenizer, sample, found, build, CARD_TOKENS)
told("form, closed book", form_closed, 0)
told("form + RAG", form_read)

# %%
counts = [sum(a.verdict.right for a in answers) for answers in (form_read, base_read)]
outcome = "more" if counts[0] > counts[1] else "fewer" if counts[0] < counts[1] else "as many"
Predict("Form + RAG against base + RAG", exercise="5.4").beside(outcome)

# %%
print(f"right: {counts[0]} with form + RAG, {counts[1]} with base + RAG, of {len(form_read)} each")
print("valid cards:", sum(a.verdict.valid for a in form_read), "of", len(form_read))

# %% [markdown]
# On the towns both read badly, so 40 questions tell them apart poorly. Take something easier: the
# cities of lesson 03, where one sentence holds the answer and retrieval finds it.

# %%
cities = load_dataset("cities")
few = cities.ask("plain", limit=30)
lines = find_passages(Retriever(cities.passages, retriever.embedder), few, 1, "hybrid")
for name, model, limit in (("base", base, PROSE_TOKENS), ("form", former, CARD_TOKENS)):
    answers = answer_all(model, tokenizer, few, lines, build, limit)
    told(f"{name} + RAG, cities", answers, 2)
    print(
        "  one that is right:", next((a.completion.text for a in answers if a.verdict.right), "-")
    )

# %% [markdown]
# The scorer is kinder to prose: a sentence that repeats the passage counts, while a card has to
# pick the value out. But look at the misses of the form arm: do their numbers stand in the passage
# at all? Where they do not, it is reading that is lost. Is it the same with the passage of a town,
# if the right one stands there alone?

# %%
by_id = {p.id: p for p in atlas.passages}
alone = [[by_id[q.source]] for q in sample]
for name, model, limit in (("base", base, PROSE_TOKENS), ("form", former, CARD_TOKENS)):
    answers = answer_all(model, tokenizer, sample, alone, build, limit)
    told(f"{name}, the right passage alone", answers, 0)

# %% [markdown]
# Compare the intervals. Where they overlap, forty questions show no difference, which is no proof
# that there is none; the cost may depend on the kind of page. How does it fail where it fails? An
# answer that stands in no passage was not copied from there.

# %% [markdown]
# ### Exercise 5.5
#
# Write `copied(answer, passages)`: True when the answer stands in at least one of the passages,
# its title counted, and False for None. `contains_answer(text, answer)` says whether an answer
# stands in a text as whole words.


# %% exercise="5.5"
def copied(answer, passages):
    """True when the answer stands in one of the passages shown."""
    ### BEGIN SOLUTION
    return answer is not None and any(contains_answer(titled(p), answer) for p in passages)
    ### END SOLUTION


# %%
check("5.5")


# %%
def stands(answer, passages):
    """Yours, or the same by the course."""
    return (copied if passed("5.5") else stands_in)(answer, passages)


# %%
def copies(name, answers):
    """Print how many of the wrong cards hold words that stand in a passage."""
    wrong = [a for a in answers if a.verdict.card and not a.verdict.right]
    cards = [a for a in wrong if not a.verdict.abstained]
    n = sum(stands(a.verdict.card.answer, a.passages) for a in cards)
    said = f"{n} of {len(cards)} wrong cards hold an answer that stands in a passage"
    print(f"{name}: {said if cards else 'no wrong card holds an answer'}")


copies("form + RAG", form_read)

# %% [markdown]
# Cards that say null are left out. A wrong answer that stands in a passage is the wrong line, a
# line of the wrong passage, or a part of the right line. One that stands nowhere was not copied as
# it stands: made up, or copied with a slip. Now see what each adapter was trained on.

# %%
for name in ("form", "open-book"):
    examples = training_examples(name)
    n = sum(bool(e.passages) for e in examples)
    print(f"{name}: {n} of {len(examples)} examples show passages")

# %% [markdown]
# The form adapter never met a passage, and it always learned to answer at once. What training
# never asks for, it may undo. But passages are not the only difference: the other set is also many
# times larger, as the counts above show. So whatever the reader does better in the next section
# may come from the passages, from the number of examples, or from both. To tell them apart, train
# on as many open-book examples as there are form examples; this lesson does not.

# %% [markdown]
# ## Train to read
# The *open-book* adapter saw cards together with passages: things of many kinds, and none of our
# towns.

# %%
examples = training_examples("open-book")
example = next(e for e in examples if e.passages and e.card.answer is not None)
print(build(example.question, example.passages)[1]["content"])
print(write_card(example.card))

# %%
towns = {p.title for p in atlas.passages}
met = [p.title for e in examples for p in e.passages if p.title in towns]
print("training passages about our towns:", len(met))

# %%
reader = with_adapter("open-book")
reader_closed = answer_all(reader, tokenizer, sample, max_new_tokens=CARD_TOKENS)
told("open-book, closed book", reader_closed, 1)
refused = sum(a.verdict.abstained for a in reader_closed)
print(f"cards that say null: {refused} of {len(reader_closed)}")

# %%
reader_read = answer_all(reader, tokenizer, sample, found, build, CARD_TOKENS)
told("open-book + RAG", reader_read)
copies("open-book + RAG", reader_read)

# %% [markdown]
# Without passages it is right as seldom as the others. A null is more honest there than an
# invention: the count above says how often it gave a null. With passages it reads towns it has
# never met. Forty questions leave a wide interval; compare arms only where theirs lie apart.

# %% [markdown]
# ### When retrieval fails
# So far the right passage was nearly always among the three. Take it away: give each question the
# passages that were found for a later one, none of them about its town. Failures of a real
# retriever are harder to see through, since they look alike.

# %%
n = 20
others = [
    next(hits for hits in found[i + 1 :] + found[:i] if q.source not in [p.id for p in hits])
    for i, q in enumerate(sample[:n])
]
lost = answer_all(reader, tokenizer, sample[:n], others, build, CARD_TOKENS)
print("why wrong:", Counter(why(a) for a in lost if not a.verdict.right), "of", len(lost))
print("cards that say null:", sum(a.verdict.abstained for a in lost), "of", len(lost))
copies("passages of other towns", lost)

# %% [markdown]
# Every wrong answer that is no broken card is a miss of retrieval, by definition: the reader was
# never shown what was asked for. A null scores as a miss too, and is still the better card. An
# answer copied from another town looks as good as a right one until you look up the source it
# names. The more nulls above, the safer the reader; no reader mends what retrieval loses.

# %% [markdown]
# ### Ask for yourself
# Base, form, base + RAG and open-book + RAG side by side, with the course's prompt. For a question
# typed exactly as in the data set the box also says what is right. Try one of those printed, then
# one about a town that does not exist: which column admits it? Where no box appears, change the
# text in `show`.

# %%
print(*(q.question for q in sample[1:4]), sep="\n")
arms = four_arms(retriever, tokenizer, {"base": base, "form": former, "open-book": reader})
Ask(arms, atlas.questions).show(sample[0].question)

# %% [markdown]
# ## Change a fact
# The page changes. Take a question that was answered right, and give its town another value.

# %% [markdown]
# ### Exercise 5.6
#
# Write `with_change(passages, id, old, new)`: a new list in which the text of the passage of that
# id has `new` wherever `old` stood. Leave the list you are given as it is; `replace(p, text=...)`
# makes a changed copy of a passage. Raise ValueError when `old` does not stand in that text,
# or no passage has that id: a change that silently does nothing is the worst kind.


# %% exercise="5.6"
def with_change(passages, id, old, new):
    """The passages with one text changed; ValueError when there is no `old` to change."""
    ### BEGIN SOLUTION
    if not any(p.id == id and old in p.text for p in passages):
        raise ValueError(f"{old!r} does not stand in the passage {id!r}")
    return [replace(p, text=p.text.replace(old, new)) if p.id == id else p for p in passages]
    ### END SOLUTION


# %%
check("5.6")


# %%
def changed_atlas(id, old, new):
    """The passages changed by your function, or by the course."""
    return (with_change if passed("5.6") else changed)(atlas.passages, id, old, new)


# %%
rights = [a.question for a in reader_read if a.verdict.right and a.question.kind == "person"]
asked = (rights or [q for q in sample if q.kind == "person"])[0]
new = "Nadia Fern"
print(asked.question, "| old:", asked.answer, "| new:", new)

# %%
start = time.perf_counter()
fresh = Retriever(changed_atlas(asked.source, asked.answer, new), retriever.embedder)
wanted = [replace(asked, answer=new)]
shown = find_passages(fresh, wanted, 3, "hybrid")
again = answer_all(reader, tokenizer, wanted, shown, build, CARD_TOKENS)
print(again[0].completion.text, "| right:", again[0].verdict.right)
print(f"{time.perf_counter() - start:.1f} seconds, the whole index made anew")

# %% [markdown]
# One question shows the way; it is no rate. The other road is training on the new fact: lesson 03
# showed the minutes it takes. What it costs the rest, the stored dose curve tells for a training on
# all the cities at once; for one fact alone it was not measured:

# %%
for passes in (0, 1, 20):
    right = find_rows(reference("dose"), variant="general", passes=passes)[0]["right"]
    print(f"{passes} passes over the facts: {right['k']} of {right['n']} on general knowledge")

# %% [markdown]
# ## When the page is silent
# Some questions have no answer in any passage. The right card then has null for its answer: the
# model *abstains*.

# %%
silent = atlas.ask("unanswerable", limit=20)
shown = find_passages(retriever, silent, 3, "hybrid")
told("no answer to find", answer_all(reader, tokenizer, silent, shown, build, CARD_TOKENS))
refused = sum(a.verdict.abstained for a in reader_read)
print(f"abstained on questions that have an answer: {refused} of {len(reader_read)}")

# %% [markdown]
# Look at both counts together. A model that always abstains would be perfect on the first and
# useless on the second.

# %% [markdown]
# ## The table, on your machine


# %%
def row(arm, answers, k=None):
    """One row of the headline table."""
    about = {"arm": arm, "dataset": "atlas", "variant": "plain", "passes": None, "k": k}
    return {**about, **summarise(answers)}


rows = [row("base", base_closed), row("form", form_closed), row("base+rag", base_read, 3)]
rows += [row("form+rag", form_read, 3)]
rows += [row("open-book", reader_closed), row("open-book+rag", reader_read, 3)]

# %%
columns = ("arm", "n", "valid", "right", "source", "tokens in", "s/answer", "misses f/t/r/a")
Markdown(markdown(rows, columns))

# %% [markdown]
# Percent, with the 95 % interval in brackets; *source* is the share of cards that name the right
# passage. f/t/r/a counts the misses by fault: form, retrieval
# (its t), reading, abstained. Closed book nothing is shown, so a miss that is not of form counts as
# retrieval. The stored run, with more questions, should be near; an adapter of your own adds the
# luck of its training:

# %%
Markdown(markdown(stored, columns))

# %%
with tempfile.TemporaryDirectory() as folder:
    words = headline_picture(rows, Path(folder))
    display(Image(filename=str(Path(folder) / "headline.png"), alt=words))
print(words)

# %% [markdown]
# **Three sentences to remember**
#
# 1. Passages in the prompt bring facts, and no weight changes.
# 2. The adapter trained without passages did not learn to read them; the one trained with passages,
#    and many more examples, reads ones it has never seen.
# 3. Before you mend a miss, say whether form, retrieval or reading failed, or the model abstained.
#
# **An open question.** Two passages contradict each other, one of them out of date. What should
# the card say, and which examples would teach it?
#
# Next lesson: [Which of the two do you need, and is it fit to use?](06_choose_and_ship.ipynb)

# %%
progress()
