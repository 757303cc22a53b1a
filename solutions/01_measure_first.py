# %% [markdown]
# # Measure first: how far is the untouched model from what we want?
#
# **Lesson 1 of 6.** You build the ruler that all later lessons use: is the answer in the right
# form, is it right, and how sure are you?
#
# **Measured answer.** The untouched model writes no answer card and cannot know an invented fact; a
# prompt full of examples brings part of the form, at a price in tokens. The first cell after the
# imports prints the figures of the stored run.
#
# **Study time:** about 45 minutes. **Computing time:** {computing time}.

# %% [markdown]
# ## After this lesson you can
# - show what a chat prompt looks like to the model, token by token;
# - say what a valid card is, and test it;
# - decide when two answers are the same;
# - put an interval around "k of n are right", and say what it does not cover;
# - write a few-shot prompt, and read its bill.
#
# Without a measurement of the start, nobody can say what a training changed. So we build the ruler
# first.

# %%
import re

from IPython.display import Markdown

from utils import measure
from utils.arms import Arm, Task
from utils.card import Card, CardError, is_card, parse_card, write_card
from utils.check import answered, check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset
from utils.models import load_model
from utils.normalise import same_answer
from utils.prompts import INSTRUCTIONS, closed_book, few_shot, render
from utils.rag import answer_all
from utils.reference import find_rows, reference
from utils.report import markdown, percent
from utils.runner import CARD_TOKENS, PROSE_TOKENS, describe, shots, summarise
from utils.widgets import Predict

# %%
for arm, dataset in (("base", "form"), ("few-shot", "form"), ("base", "atlas")):
    row = find_rows(reference("headline"), arm=arm, dataset=dataset)[0]
    shares = f"valid cards {percent(row['valid'])}, right {percent(row['right'])}"
    print(f"{arm} on {dataset}: {shares}, {row['prompt_tokens']:.0f} prompt tokens, n = {row['n']}")

# %% [markdown]
# `base` is the untouched model, `few-shot` the same model with examples in its prompt. `form` holds
# questions of general knowledge, `atlas` those about an invented country. The numbers in brackets
# are an interval. You compute one yourself further down.
#
# ## What the model really reads
# A chat model was trained on conversations written in one fixed way, the *chat template*. It wraps
# every message in marker tokens. Here is your question as the model gets it.

# %%
model, tokenizer = load_model()
prompt = render(closed_book("What is the capital of Norway?"), tokenizer)
print(prompt)

# %%
ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
print(len(ids), "tokens:")
print(" ".join(repr(tokenizer.decode([number])) for number in ids))

# %% [markdown]
# Two things are easy to miss. The template has put in a system message that nobody wrote. And the
# text ends where the assistant's turn begins: from there on the model goes on writing, until it
# writes the end marker.
#
# ## What a valid card is
# The card is defined in one place, as a data type. Its rules can be printed as a JSON Schema, a
# standard description that other programs understand.

# %%
schema = Card.model_json_schema()
print(schema["required"], schema["additionalProperties"])
print(schema["properties"]["kind"]["enum"])

# %% [markdown]
# `parse_card` reads a text by these rules. When the text breaks one, it raises `CardError` and says
# why.

# %%
good = '{"source": null, "kind": "place", "answer": "Oslo"}'
for text in (good, "Oslo", f"Sure: {good}", '{"kind": "city", "answer": "Oslo"}'):
    try:
        print("valid:", parse_card(text))
    except CardError as reason:
        print("not valid:", reason)

# %% [markdown]
# ### Exercise 1.1
#
# Write `is_valid(text)`: True when the text is a card and nothing else, False otherwise. Let
# `parse_card` do the reading. `is_valid("Oslo")` is False.


# %% exercise="1.1"
def is_valid(text):
    """True when the text is a valid card with nothing around it, else False."""
    ### BEGIN SOLUTION
    try:
        parse_card(text)
    except CardError:
        return False
    return True
    ### END SOLUTION


# %%
check("1.1")

# %%
valid_used = is_valid if passed("1.1") else is_card
[valid_used(text) for text in (good, "Oslo", f"Sure: {good}")]

# %% [markdown]
# Why so strict? A program that reads thousands of answers cannot ask back. An answer that is almost
# a card breaks it as surely as one that is none.
#
# ## When two answers are the same
# Form is settled; now the fact. We compare with a known answer, the *gold* answer. Letter by letter
# would be unfair, since "48213" and "48,213" are one number. Anything looser than a few small
# differences of writing would be unfair the other way.

# %% [markdown]
# ### Exercise 1.2
#
# Write `exact_match(got, gold)`: True when both are the same text apart from capital letters, extra
# spaces, commas, and a full stop at the end. `got` may be None, for a card without an answer; that
# is never right.


# %% exercise="1.2"
def exact_match(got, gold):
    """True when got and gold are the same answer; got may be None."""
    ### BEGIN SOLUTION
    if got is None:
        return False
    clean = [" ".join(text.lower().replace(",", "").split()).rstrip(".") for text in (got, gold)]
    return clean[0] == clean[1]
    ### END SOLUTION


# %%
check("1.2")

# %%
match_used = exact_match if passed("1.2") else same_answer
print(match_used("48213.", "48,213"), match_used("The capital of Norway is Oslo.", "Oslo"))

# %% [markdown]
# The second comparison matters: the untouched model answers in sentences, so an exact match would
# call all of them wrong. The course's scorer therefore searches a plain sentence for the gold
# answer, and compares exactly only what stands in a card. That gives the untouched model the
# benefit of the doubt. A broken card counts as wrong.
#
# The course's own comparison, `same_answer`, also knows units and takes out only commas that group
# digits.
#
# ## The first measurement
# We ask two sets of questions: general knowledge, and facts about `atlas`, the invented country.
# The next lesson trains on general knowledge too, but on another part of that set: no question that
# we ask is trained on there.
#
# On a slow machine set `N` to 10. The intervals get wider, and all else stays as it is.

# %%
N = 30
general = load_dataset("form").ask("plain", limit=N)
towns = load_dataset("atlas").ask("plain", limit=N)
for question in (general[0], towns[0]):
    print(f"{question.question} ({question.answer})")

# %% [markdown]
# ### Exercise 1.3
#
# Predict: what share of the general-knowledge questions will this small model answer correctly,
# from 0 to 1?

# %% exercise="1.3"
my_share = ...
### BEGIN SOLUTION
my_share = 0.6
### END SOLUTION

# %%
check("1.3")

# %% [markdown]
# The next cell asks all questions before it prints anything, so it may be silent for a minute or
# more.

# %%
base_general = answer_all(model, tokenizer, general, max_new_tokens=PROSE_TOKENS)
base_towns = answer_all(model, tokenizer, towns, max_new_tokens=PROSE_TOKENS)

# %% [markdown]
# First look at misses. A figure without them hides what went wrong, and sometimes the fault lies
# with the question or the scorer.


# %%
def show_misses(answers, most=4):
    """Print the first wrong answers: expected beside got."""
    for answer in [answer for answer in answers if not answer.verdict.right][:most]:
        print(answer.question.question)
        print(f"    expected: {answer.question.answer}")
        print(f"    got:      {answer.completion.text[:90]!r}")


show_misses(base_general)

# %%
show_misses(base_towns)

# %% [markdown]
# Read the answers about towns again. The model does not say that it has never heard of the place.
#
# On our machine Earth Day is among the first misses. Is it the model's fault, or the ruler's? A day
# and a month in another order are the same date, and the scorer does not see it. So we count such
# cases: misses that hold every word of the expected answer.


# %%
def words(text):
    """The words and numbers of a text, as a set."""
    return set(re.findall("[a-z]+|[0-9]+", text.lower()))


def rulers(answers):
    """The wrong answers that hold all words of the expected one."""
    missed = [answer for answer in answers if not answer.verdict.right]
    return [a for a in missed if words(a.question.answer) <= words(a.completion.text)]


print("perhaps the ruler's fault:", len(rulers(base_general)), "of", N)
show_misses(rulers(base_general))

# %% [markdown]
# The scorer stays as it is, for this model and for all later ones. A known fault that hits everyone
# alike is better than a ruler that changes between two measurements. But keep its size in mind.
#
# Now count.

# %%
valid = sum(valid_used(answer.completion.text) for answer in base_general + base_towns)
right_general = sum(answer.verdict.right for answer in base_general)
right_towns = sum(answer.verdict.right for answer in base_towns)
print(f"valid cards: {valid} of {2 * N}")
print(f"right: general knowledge {right_general} of {N}, towns {right_towns} of {N}")

# %% [markdown]
# Your guess beside the result. The interval in the last line is the subject of the next section.

# %%
right = measure.rate(answer.verdict.right for answer in base_general)
Predict("General questions right, as a share", exercise="1.3").beside(right)

# %% [markdown]
# ## How much is a sample worth?
# Another thirty questions would give another count. How far off may ours be? The *Wilson interval*
# answers that. For k right of n, with $p = k/n$ and $z = 1.96$ for 95 % confidence, it reaches
#
# $$\frac{p + \frac{z^2}{2n} \pm z\sqrt{\frac{p(1-p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}$$
#
# with minus for the low end and plus for the high end. In words: the middle is pulled a little
# towards one half, and the width shrinks with the root of n. Why not the plain interval, p plus or
# minus z times the root of p(1-p)/n? Where none is right it has width 0, as if a few questions
# could prove "never".

# %% [markdown]
# ### Exercise 1.4
#
# Write `wilson(k, n)`, which gives the low and the high end as a pair of shares between 0 and 1.
# `wilson(5, 10)` is about (0.24, 0.76).


# %% exercise="1.4"
def wilson(k, n):
    """(low, high): the 95 % Wilson interval of the share k / n."""
    z = 1.96
    ### BEGIN SOLUTION
    p = k / n
    middle = p + z**2 / (2 * n)
    reach = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    below = 1 + z**2 / n
    return (middle - reach) / below, (middle + reach) / below
    ### END SOLUTION


# %%
check("1.4")


# %% [markdown]
# `measure.rate` takes the same interval from scipy, a library that many have checked. The two lines
# below should agree.


# %%
def scipys(k, n):
    """The same interval from scipy, through the course's scorer."""
    found = measure.rate([True] * k + [False] * (n - k))
    return found.low, found.high


wilson_used = wilson if passed("1.4") else scipys
print([max(0.0, round(end, 3)) for end in wilson_used(right_towns, N)])
print([round(end, 3) for end in scipys(right_towns, N)])

# %%
for name, k in (("general knowledge", right_general), ("towns", right_towns)):
    low, high = wilson_used(k, N)
    print(f"{name}: {k} of {N} right; the true share is plausibly {max(0, low):.0%} to {high:.0%}")

# %% [markdown]
# None right does not mean never right: even then the high end is well above zero, and only more
# questions would bring it down. And the interval covers the choice of questions alone. It says
# nothing about other wordings, other models, or questions of another kind.
#
# ## Asking for the form
# Nobody had asked the model for a card. A fair ruler asks. A *few-shot* prompt describes the card
# and then shows solved examples, as turns of a conversation that never took place.

# %%
print(INSTRUCTIONS)

# %%
examples = shots()
for example in examples:
    print(example.question, "->", example.card.answer)

# %% [markdown]
# ### Exercise 1.5
#
# Write `few_shot_messages(question, examples)`, a list of messages: first the role `system` with
# `INSTRUCTIONS`; then for each example a `user` message with its `question` and an `assistant`
# message with its `card`, written by `write_card`; last the question, from the `user`. A message is
# a dict such as `{"role": "user", "content": "Hello"}`.


# %% exercise="1.5"
def few_shot_messages(question, examples):
    """The chat messages of a few-shot prompt, a list of dicts with role and content."""
    ### BEGIN SOLUTION
    messages = [{"role": "system", "content": INSTRUCTIONS}]
    for example in examples:
        messages.append({"role": "user", "content": example.question})
        messages.append({"role": "assistant", "content": write_card(example.card)})
    return messages + [{"role": "user", "content": question}]
    ### END SOLUTION


# %%
check("1.5")

# %%
few_shot_used = few_shot_messages if passed("1.5") else few_shot
print(render(few_shot_used(general[0].question, examples[:1]), tokenizer))

# %% [markdown]
# ### Exercise 1.6
#
# Predict: with all examples in the prompt, what share of the answers to the general questions will
# be valid cards, from 0 to 1?

# %% exercise="1.6"
my_valid = ...
### BEGIN SOLUTION
my_valid = 0.7
### END SOLUTION

# %%
check("1.6")


# %%
def build(question, passages):
    """The prompt for one question; there are no passages yet."""
    return few_shot_used(question, examples)


few_general = answer_all(model, tokenizer, general, None, build, CARD_TOKENS)
few_towns = answer_all(model, tokenizer, towns, None, build, CARD_TOKENS)

# %%
show_misses(few_general)

# %%
valid = measure.rate(valid_used(answer.completion.text) for answer in few_general)
Predict("Valid cards with examples in the prompt, as a share", exercise="1.6").beside(valid)

# %% [markdown]
# Your `exact_match` judges what stands in the cards. Does it disagree with the course's scorer
# anywhere? If so, look at the two answers and decide who is right.

# %%
cards = [answer for answer in few_general if answer.verdict.valid]
pairs = [(a.verdict.card.answer, a.question.answer, a.verdict.right) for a in cards]
apart = [(got, gold) for got, gold, right in pairs if match_used(got, gold) != right]
print(f"cards compared: {len(cards)}, not agreed: {len(apart)}", *apart, sep="\n")

# %% [markdown]
# ## The bill
# The examples are read again for every single question. That costs prompt tokens and, where a model
# is rented, money. Time goes into the prompt and into the answer, and a card is a short answer:
# look at both columns of tokens.
#
# The next cell makes a row for each of the four measurements. `describe` only labels a row: an
# *arm* is who was asked and how, a *task* is the data set. `summarise` does the counting.

# %%
asked = {
    ("base", "form"): base_general,
    ("base", "atlas"): base_towns,
    ("few-shot", "form"): few_general,
    ("few-shot", "atlas"): few_towns,
}
rows = []
for (arm, dataset), answers in asked.items():
    told = describe(Arm(arm, None, "", ()), Task(dataset))
    rows.append(told | summarise(answers))

# %%
columns = ("arm", "data set", "n", "valid", "right", "tokens in", "tokens out", "s/answer")
title = "**Before any training: percent (95 % interval), tokens, and seconds an answer**"
Markdown(f"{title}\n\n{markdown(rows, columns)}")

# %%
more = rows[2]["prompt_tokens"] / rows[0]["prompt_tokens"]
print(f"the few-shot prompt is {more:.1f} times as long as the question alone")

# %% [markdown]
# Look at the column `right`, too. Why did the answers change?

# %%
missed = [answer for answer in few_general if not answer.verdict.right]
print(f"general knowledge right: {right_general} alone, {N - len(missed)} few-shot, of {N}")
for valid, name in ((False, "no valid card"), (True, "a valid card")):
    kind = [answer for answer in missed if answer.verdict.valid == valid]
    print(f"few-shot misses, {name}: {len(kind)}, with the expected words: {len(rulers(kind))}")

# %% [markdown]
# So a prompt about the form can cost right answers. A broken card counts as wrong even where the
# expected words stand in it: the first line of misses says how many those are. The other misses are
# whole cards with another answer. Did the ruler overlook the right one there? The second line says
# how often.
#
# **Three sentences to remember**
#
# 1. Measure the untouched model first, with the scorer and the questions you will use afterwards.
# 2. Show the misses, then k of n, then the interval, then what the sample cannot tell.
# 3. A few-shot prompt asks for the form, pays for it in every answer, and adds no facts.
#
# **An open question.** Could the form be put into the model once, so that the examples need not be
# read each time?
#
# Next lesson: [Teach the form](02_teach_the_form.ipynb).
