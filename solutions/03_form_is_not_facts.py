# %% [markdown]
# # Does the right form bring the right facts?
#
# **Lesson 3 of 6.** A model trained on the form writes whole cards. You now ask it about places
# that no training example names, and then train it on those places themselves.
#
# **Measured answer.** After training on the form, nearly every card is valid and nearly none
# about an unseen place is right; many passes over the facts do put them in, and much else is
# lost long before. The first cell after the imports prints the figures of the stored run.
#
# **Study time:** about 60 minutes. **Computing time:** {computing time}.

# %% [markdown]
# ## After this lesson you can
# - tell a fault of form from a fault of fact, answer by answer;
# - say what a score of 0 out of n leaves open;
# - measure when facts are memorised, in which wordings they come back, and what is forgotten;
# - say where "fine-tuning adds no knowledge" is true, and where it is false.

# %%
import os
from collections import Counter
from dataclasses import replace

from IPython.display import Image, display

from utils.card import CardError, parse_card
from utils.check import answered, check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset, training_examples
from utils.finetune import load_tuned
from utils.measure import rate
from utils.models import load_model
from utils.normalise import same_answer
from utils.plots import dose_picture
from utils.rag import answer_all
from utils.recipes import lesson_adapter, lesson_folder, train_adapter
from utils.reference import find_rows, reference
from utils.report import percent
from utils.widgets import DoseSlider, Predict, TrainingMonitor

# %%
for row in find_rows(reference("headline"), arm="form", variant="plain"):
    valid, right = percent(row["valid"]), percent(row["right"])
    print(f"{row['dataset']:<8} n = {row['n']}: valid {valid}, right {right}")

# %% [markdown]
# Each line gives a share with its 95 % interval. `form` is general knowledge, which the model may
# have met long before; the towns and cities are invented. `library` holds the documents used from
# lesson 4 on, about settings of programs that are newer than the model.
#
# ## Two sets of questions
# The numbered cities are invented and their populations drawn at random, so a right answer is
# either learned or luck. The general questions show what the model knew before you came.

# %%
cities, known = load_dataset("cities"), load_dataset("form")
facts, general = cities.ask("plain", limit=30), known.ask("plain", limit=30)
for question in (facts[0], general[0]):
    print(question.question, "->", question.answer)

# %% [markdown]
# One function asks, closed book. Another prints k out of n and the Wilson interval of lesson 1.
# Both stay the same to the end of the lesson. On a slow machine be patient with the cells that ask:
# they print nothing until all answers are there.


# %%
def ask(model, questions):
    """Every question without passages, judged by the course's scorer."""
    return answer_all(model, tokenizer, questions)


def show(name, hits):
    """k/n with the 95 % interval, in one line."""
    r = rate(hits)
    print(f"{name:<28} {r.k:>3}/{r.n}, interval {r.low:.0%} to {r.high:.0%}")


# %% [markdown]
# ## The untouched model first

# %%
base, tokenizer = load_model()
base_facts, base_general = ask(base, facts), ask(base, general)
show("base, cities right", [a.verdict.right for a in base_facts])
show("base, general right", [a.verdict.right for a in base_general])
print(base_facts[0].completion.text)

# %% [markdown]
# The scorer is kind to prose: an answer anywhere in the text counts. The last line shows what the
# model writes about a city it cannot know.
#
# ### Exercise 3.1
#
# The model trained on the form gets the same questions about cities. Write down how many of the
# 30 it answers right.

# %% exercise="3.1"
my_right = ...
### BEGIN SOLUTION
my_right = 0
### END SOLUTION

# %%
check("3.1")

# %% [markdown]
# The form adapter is the one you trained in lesson 2 if it is still there, else the one that came
# with the course. Merging adds its change into a fresh copy of the weights.


# %%
def tuned(name):
    """The base model with the named adapter merged in; prints where the adapter is from."""
    adapter = lesson_adapter(name)
    print(f"{name}: the {adapter.origin} adapter")
    return load_tuned(adapter.folder)[0]


# %%
model = tuned("form")
form_facts, form_general = ask(model, facts), ask(model, general)

# %% [markdown]
# ## Form or fact?
# An answer can fail in two ways, and each has another remedy. So each miss gets a name.
#
# ### Exercise 3.2
#
# Write `tell_apart(text, gold)`: `"form"` when the text is no valid card, `"right"` when the
# card's answer is the gold one, else `"fact"`. `parse_card` raises `CardError`; a card's answer
# may be None. `same_answer(answer, gold)` compares as the scorer does. `tell_apart("Paris.",
# "Paris")` is `"form"`.


# %% exercise="3.2"
def tell_apart(text, gold):
    """'form', 'fact' or 'right' for one answer; `gold` is a string."""
    ### BEGIN SOLUTION
    try:
        card = parse_card(text)
    except CardError:
        return "form"
    if card.answer is not None and same_answer(card.answer, gold):
        return "right"
    return "fact"
    ### END SOLUTION


# %%
check("3.2")

# %% [markdown]
# The lesson goes on with your function if it passed, else with the scorer's verdict.


# %%
def label(answer):
    """What became of one answer: form, fact or right."""
    if passed("3.2"):
        return tell_apart(answer.completion.text, answer.question.answer)
    verdict = answer.verdict
    return "form" if not verdict.valid else "right" if verdict.right else "fact"


# %%
for answer in [a for a in form_facts if label(a) != "right"][:8]:
    wanted = answer.question.answer
    print(f"{label(answer)}: expected {wanted}, got {answer.completion.text}")

# %% [markdown]
# Those are misses, expected beside got. Now the counts, over all 30.

# %%
show("form, valid cards", [a.verdict.valid for a in form_facts])
show("form, cities right", [label(a) == "right" for a in form_facts])
show("form, general right", [a.verdict.right for a in form_general])

# %%
right = rate(label(a) == "right" for a in form_facts)
Predict("Cities right, of 30", exercise="3.1").beside(right)

# %%
invented = Counter(a.verdict.card.answer for a in form_facts if a.verdict.card)
for number, count in invented.most_common(3):
    print(f"{number!r} was the answer to {count} of {len(form_facts)} questions")

# %% [markdown]
# Training on the form taught how to answer. It said nothing about these cities. How does the model
# fill the gap? Look at the counts: a round number, the same one again and again. The card gives no
# sign of it: an invention looks like knowledge.
#
# ## What does zero leave open?
# That fine-tuning adds no facts is often said with two figures, 0 % for fine-tuning and 95 % for
# retrieval. They come from an experiment of November 2023 with 100 numbered cities like ours (the
# repository `dylanjcastillo/rag-vs-finetune`). The outputs that survive there cover 20 of them:

# %%
show("2023, fine-tuned", [False] * 20)
show("2023, retrieval", [True] * 19 + [False])

# %% [markdown]
# The experiment trained on the very facts it asked for, with another prompt than at the test. It
# had no base model alone, and no fine-tuned model with retrieval. The direction may well hold;
# the figures are looser than their fame.
#
# ### Exercise 3.3
#
# Write `least_sample(share)`: the smallest n for which 0 right out of n puts the upper end of the
# interval below `share`. Use `rate`, which takes a list of truth values and has `.high`.
# `least_sample(0.5)` is 4.


# %% exercise="3.3"
def least_sample(share):
    """How many questions, all answered wrong, rule out a true rate of `share` or more."""
    ### BEGIN SOLUTION
    n = 1
    while rate([False] * n).high >= share:
        n += 1
    return n
    ### END SOLUTION


# %%
check("3.3")

# %%
for n in (20, 30, 100):
    print(f"0 of {n}: the true rate may be up to {rate([False] * n).high:.1%}")
if passed("3.3"):
    print("to rule out a true rate of 2 %, ask", least_sample(0.02), "questions")

# %% [markdown]
# So our 30 questions cannot tell a true rate of zero from a small one. They also say nothing
# about other models, or about facts that resemble each other less.
#
# ## Train on the facts themselves
# Perhaps the model needs to see the facts. There are 100 training examples, one a city, in the
# question's own words:

# %%
taught = training_examples("facts")
print(len(taught), "examples;", taught[0].question, "->", taught[0].card)

# %% [markdown]
# ### Exercise 3.4
#
# A pass shows each fact once. After which number of passes, of 1, 3, 6, 10, 15 and 20, are more
# than half of the facts right for the first time? Write 0 if you think after none.

# %% exercise="3.4"
my_passes = ...
### BEGIN SOLUTION
my_passes = 10
### END SOLUTION

# %%
check("3.4")

# %% [markdown]
# The next cells train three passes, the number that TRL, the training library, takes where nobody
# names one. Like the adapter of twenty passes further down, this one starts from the untouched
# model, not from the form adapter. It takes somewhat longer than the training in lesson 2. Now and
# then the monitor adds two answers, about a city and about France. You may stop it or leave it out;
# the course's own adapter then takes its place.

# %%
watched = [taught[0].question, "What is the capital of France?"]
monitor = TrainingMonitor(watched, tokenizer, 48)
monitor.show()

# %% tags=["slow"]
if os.environ.get("FORM_AND_FACTS_TRAIN") != "0":
    watch = {"tick": monitor.tick, "sample": monitor.sample}
    train_adapter("facts-3", lesson_folder(), seed=0, **watch)

# %%
model = tuned("facts-3")
three, three_general = ask(model, facts), ask(model, general)
show("3 passes, valid cards", [a.verdict.valid for a in three])
show("3 passes, cities right", [a.verdict.right for a in three])
show("3 passes, general right", [a.verdict.right for a in three_general])

# %% [markdown]
# Compare the lines with those of the form adapter above, question for question the same. The
# facts are in the training data, word for word.
#
# ## Twenty passes, and other wordings
# A fact that is known answers to more than one question. The data set has each question reworded;
# you turn it round.
#
# ### Exercise 3.5
#
# Write `turn_round(question, answer)`. From `"What is the population of City_7?"` and `"519,610"`
# it makes the pair `("Which city has a population of 519,610?", "City_7")`.


# %% exercise="3.5"
def turn_round(question, answer):
    """The reversed question and its answer, both strings."""
    ### BEGIN SOLUTION
    city = question.split()[-1].rstrip("?")
    return f"Which city has a population of {answer}?", city
    ### END SOLUTION


# %%
check("3.5")


# %%
def turned(fact):
    """A question about a city, asked the other way round."""
    text, city = turn_round(fact.question, fact.answer)
    return replace(fact, question=text, answer=city, kind="place", variant="reversed")


own = passed("3.5")
back = [turned(q) for q in facts] if own else cities.ask("reversed", limit=30)
back[0].question, back[0].answer

# %% [markdown]
# The adapter of twenty passes comes with the course, since its training takes several times as
# long.

# %%
model = tuned("facts-20")
twenty, twenty_general = ask(model, facts), ask(model, general)
reworded = ask(model, cities.ask("reworded", limit=30))
reverse = ask(model, back)

# %%
for answers in (twenty, reworded, reverse):
    for answer in [a for a in answers if not a.verdict.right][:3]:
        asked = answer.question
        print(f"{asked.question} expected {asked.answer}, got {answer.completion.text}")

# %% [markdown]
# Up to three misses of each kind: as trained, reworded, reversed. Now the counts.

# %%
show("20 passes, as trained", [a.verdict.right for a in twenty])
show("20 passes, reworded", [a.verdict.right for a in reworded])
show("20 passes, reversed", [a.verdict.right for a in reverse])
show("20 passes, general", [a.verdict.right for a in twenty_general])

# %% [markdown]
# Read the last two lines with care, and look at what came where a city was wanted. The number was
# learned as what follows the city, not as something two things share. How much of that is the mere
# habit of giving numbers, which the training brought as well, this set cannot tell.
#
# ## What was forgotten?
# Two rates hide who changed. All adapters got the same questions, so you can compare them one by
# one. Each was trained from the untouched model: "lost" between two of them means that the one
# knows what the other does not.
#
# ### Exercise 3.6
#
# Write `changes(before, after)` over two lists of truth values: a dict with the counts `"kept"`
# (right both times), `"lost"` and `"gained"`. `changes([True, True], [True, False])` is `{"kept":
# 1, "lost": 1, "gained": 0}`.


# %% exercise="3.6"
def changes(before, after):
    """How many questions stayed right, stopped being right, became right."""
    ### BEGIN SOLUTION
    pairs = list(zip(before, after, strict=True))
    return {
        "kept": sum(b and a for b, a in pairs),
        "lost": sum(b and not a for b, a in pairs),
        "gained": sum(a and not b for b, a in pairs),
    }
    ### END SOLUTION


# %%
check("3.6")

# %%
steps = {
    "base to form": (base_general, form_general),
    "form to 3 passes": (form_general, three_general),
    "form to 20 passes": (form_general, twenty_general),
}
for name, (first, second) in steps.items():
    before, after = ([a.verdict.right for a in answers] for answers in (first, second))
    told = changes(before, after) if passed("3.6") else f"{sum(before)} right, then {sum(after)}"
    print(f"{name:<18}", told)

# %% [markdown]
# The first line needs a caveat: the base answers in prose, where the scorer is kinder than with a
# card. The other two lines compare cards with cards.

# %%
for was, now in list(zip(form_general, twenty_general, strict=True))[:5]:
    print(was.question.question, "|", was.completion.text, "|", now.completion.text)

# %% [markdown]
# ## The dose curve
# The stored run asked every question after each dose. It is the picture to take home.

# %%
dose = reference("dose")
words = dose_picture(dose["rows"], lesson_folder(), "dose")
display(Image(filename=str(lesson_folder() / "dose.png"), alt=words))

# %% [markdown]
# The same in figures. Where you see a slider, move it through the doses, and watch what the last
# line pays for the first.

# %%
DoseSlider().show()

# %%
half = [r["passes"] for r in find_rows(dose, variant="plain") if r["right"]["rate"] > 0.5]
guess = Predict("Passes until half of the facts are right", exercise="3.4", high=20)
guess.beside(min(half, default=0))

# %% [markdown]
# At 0 passes stands the untouched model, which answers in prose; at all other points it answers in
# cards. A fairer start for the curve of general knowledge is the form adapter: cards, and none of
# the facts.


# %%
def stored(passes, variant):
    """The right answers in the stored run: k, n, rate and interval."""
    return find_rows(dose, passes=passes, variant=variant)[0]["right"]


started = find_rows(reference("headline"), arm="form", dataset="form")[0]["right"]
for name, right in (("form adapter", started), ("1 pass of facts", stored(1, "general"))):
    print(f"general knowledge, {name}: {percent(right)}, n = {right['n']}")
doses = [row["passes"] for row in find_rows(dose, variant="plain")]
for p in doses[1:]:
    print(f"facts right at pass {p}: {percent(stored(p, 'plain'))}, n = {stored(p, 'plain')['n']}")
first = next((p for p in doses if stored(p, "plain")["rate"] > 0.1), "(none)")
print(f"You pay at pass 1, and the first pass measured with one in ten right is {first}.")

# %% [markdown]
# So the damage comes first and the facts come last. Whoever stops half-way has paid and has
# nothing.
#
# One model, one learning rate, one seed: another setting moves the curve to the left or to the
# right. What to look for is its shape.
#
# ### Exercise 3.7
#
# Judge six sentences by what you measured: `"supported"`, `"contradicted"` or `"not measured"`.
# They are: `form` (training on the form brings most of these facts), `three` (after three
# passes most facts come back), `never` (fine-tuning can never add a fact), `reworded` (facts of
# twenty passes answer to another wording), `reversed` (they answer the other way round), `larger`
# (a model a hundred times larger needs as many passes).

# %% exercise="3.7"
claims = {
    "form": ...,
    "three": ...,
    "never": ...,
    "reworded": ...,
    "reversed": ...,
    "larger": ...,
}
### BEGIN SOLUTION
claims = {
    "form": "contradicted",
    "three": "contradicted",
    "never": "contradicted",
    "reworded": "supported",
    "reversed": "contradicted",
    "larger": "not measured",
}
### END SOLUTION

# %%
check("3.7")

# %%
progress()

# %% [markdown]
# ## Three sentences to remember
# 1. Training on the form teaches the form: a perfect card can hold an invented fact.
# 2. "Fine-tuning adds no knowledge" was true here at the usual few passes and is false as a law:
#    enough passes memorise facts, in one direction, but the first already damages what was known.
# 3. Zero out of n is an upper bound, not a zero: say n.
#
# **An open question.** Would the facts stick with less damage if each were shown in many
# wordings, once, instead of in one wording, many times?
#
# **Next:** [Find the passage](04_find_the_passage.ipynb). If the fact will not go into the
# weights cheaply, it can go into the prompt; first it has to be found.
