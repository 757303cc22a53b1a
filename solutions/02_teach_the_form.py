# %% [markdown]
# # Teach the form: what does a minute of training change?
#
# **Lesson 2 of 6.** You train a small addition to the model on cards about general knowledge, and
# ask about other things.
#
# **Measured answer.** After one pass over a few hundred pairs of question and card, nearly every
# answer to an unseen question is a valid card, with a short prompt and in one call; what the model
# knows did not grow. The first cell after the imports prints the figures of the stored run.
#
# **Study time:** about 50 minutes. **Computing time:** {computing time}.

# %% [markdown]
# ## After this lesson you can
# - turn a question and its card into a training pair, and say which tokens are learned;
# - say what LoRA adds to a model, count it, and prove that the model itself is untouched;
# - train the form, and watch answers change while it happens;
# - compare training with a few-shot prompt and with a chain of prompts, by tokens and seconds;
# - recognise a model that was trained on too narrow a set.

# %%
import math
import os
import time
from collections import Counter

import torch
from IPython.display import Image, Markdown, display
from peft import PeftModel
from safetensors.torch import load_file

# %%
from utils.arms import Arm, Task
from utils.card import CardError, parse_card, write_card
from utils.check import answered, check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset, training_examples
from utils.fetch import quiet
from utils.finetune import load_tuned, train
from utils.generate import generate
from utils.measure import rate
from utils.models import device_and_dtype, load_model, weights_hash
from utils.pairs import IGNORED, Group, Pair, make_pair, make_row
from utils.plots import tokens_picture
from utils.prompts import chain_card, chain_kind, closed_book, few_shot, render
from utils.rag import answer_all
from utils.recipes import RECIPES, lesson_adapter, lesson_folder
from utils.reference import find_rows, reference
from utils.report import markdown, percent
from utils.runner import CARD_TOKENS, PROSE_TOKENS, ask_chain, describe, shots, summarise
from utils.widgets import Predict, TrainingMonitor

# %%
for arm, dataset in (("base", "form"), ("few-shot", "form"), ("form", "form"), ("form", "atlas")):
    row = find_rows(reference("headline"), arm=arm, dataset=dataset)[0]
    shares = f"valid {percent(row['valid'])}, right {percent(row['right'])}"
    print(f"{arm} on {dataset}, n = {row['n']}: {shares}, {row['prompt_tokens']:.0f} prompt tokens")

# %% [markdown]
# ## Before
# The same questions and the same scorer as in the lesson before: general knowledge (`form`) and the
# invented country (`atlas`). None of them is in the training set. We also keep a fingerprint of the
# model's weights, a hash: if one weight changes in one bit, it becomes another.
#
# On a slow machine set `N` to 10, and be patient with cells that ask all questions: they print
# nothing until they are done.

# %%
N = 30
model, tokenizer = load_model()
untouched = weights_hash(model)
general = load_dataset("form").ask("plain", limit=N)
towns = load_dataset("atlas").ask("plain", limit=N)

# %%
base_general = answer_all(model, tokenizer, general, max_new_tokens=PROSE_TOKENS)
base_towns = answer_all(model, tokenizer, towns, max_new_tokens=PROSE_TOKENS)
for answer in (base_general[0], base_towns[0]):
    print(f"{answer.question.question}\n    {answer.completion.text}")

# %% [markdown]
# ## From examples to training pairs
# Training shows the model prompts with the completion we want. The prompt is rendered exactly as it
# will be when we ask; the completion is the card, then the end token, with which the model says
# that it is done.

# %%
examples = training_examples("form")
print(len(examples), "examples, the first:", examples[0].question)
print(write_card(examples[0].card), "then", tokenizer.eos_token)

# %% [markdown]
# ### Exercise 2.1
#
# Write `training_pair(prompt, card, end)`, a dict with two keys: `prompt`, as given, and
# `completion`, the card as `write_card` writes it with the end token right behind it.


# %% exercise="2.1"
def training_pair(prompt, card, end):
    """A dict with the keys prompt and completion, both strings."""
    ### BEGIN SOLUTION
    return {"prompt": prompt, "completion": write_card(card) + end}
    ### END SOLUTION


# %%
check("2.1")

# %% [markdown]
# The training takes its pairs in groups, since some data sets have many questions over the same
# passages. Here each `Group` holds one pair.


# %%
def pair_of(example):
    """The example as a training pair: by your function where it is right."""
    if not passed("2.1"):
        return make_pair(example, tokenizer)
    prompt = render(closed_book(example.question), tokenizer)
    return Pair(**training_pair(prompt, example.card, tokenizer.eos_token))


groups = [Group((pair_of(example),)) for example in examples]
print(groups[0].pairs[0].prompt + groups[0].pairs[0].completion)

# %% [markdown]
# ## Which tokens are learned
# The model gets prompt and completion as one row of tokens. It should learn to write cards, not
# questions. So every token has a *label*: the token itself where it is to be learned, and -100
# where it is not. The training leaves out what has -100; that number is the convention of the
# libraries used here.

# %% [markdown]
# ### Exercise 2.2
#
# Write `labels(prompt_ids, completion_ids)`, one list of labels for the whole row. `labels([5, 6],
# [7, 8, 9])` is `[-100, -100, 7, 8, 9]`.


# %% exercise="2.2"
def labels(prompt_ids, completion_ids):
    """The labels of a row: -100 for each prompt token, then the completion's tokens."""
    ### BEGIN SOLUTION
    return [-100] * len(prompt_ids) + list(completion_ids)
    ### END SOLUTION


# %%
check("2.2")

# %%
row = make_row(groups[0], tokenizer)
cut = row["labels"].count(IGNORED)
mine = row["labels"]
if passed("2.2"):
    mine = [int(label) for label in labels(row["input_ids"][:cut], row["input_ids"][cut:])]
print("as the course labels it:", mine == row["labels"] if passed("2.2") else "not yet")

# %%
learned = [token for token in mine if token != IGNORED]
print(f"{len(learned)} of {len(mine)} tokens are learned: {tokenizer.decode(learned)}")

# %% [markdown]
# ## What LoRA adds
# The model is mostly large tables of numbers, called matrices. *LoRA* freezes them. Beside each one
# in the layers it puts two thin matrices whose product has the shape of the large one: for a matrix
# with `rows` times `columns` numbers, one thin matrix has `rows` times `rank` numbers and the other
# `rank` times `columns`. Only the thin ones are trained. Together they are the *adapter*.

# %% [markdown]
# ### Exercise 2.3
#
# Write `lora_size(rows, columns, rank)`: how many numbers LoRA adds beside one matrix.
# `lora_size(10, 6, 2)` is 32.


# %% exercise="2.3"
def lora_size(rows, columns, rank):
    """How many numbers the two thin matrices hold together."""
    ### BEGIN SOLUTION
    return rank * (rows + columns)
    ### END SOLUTION


# %%
check("2.3")

# %% [markdown]
# Your count, over all matrices of the model that get an adapter, should be what an adapter's file
# holds. The course brings a trained one.

# %%
settings = RECIPES["form"].settings
adapter = lesson_adapter("form")
tensors = load_file(adapter.folder / "adapter_model.safetensors")
stored = sum(tensor.numel() for tensor in tensors.values())
total = sum(weight.numel() for weight in model.parameters())
print(f"{stored:,} numbers in the adapter, {stored / total:.1%} of the model's {total:,}")

# %%
linear = [
    layer.weight.shape
    for name, layer in model.named_modules()
    if isinstance(layer, torch.nn.Linear) and name != "lm_head"
]
counted = sum(lora_size(*s, settings.rank) for s in linear) if passed("2.3") else None
print("by your function:", "exercise 2.3 is open" if counted is None else f"{counted:,}")

# %% [markdown]
# ## Is the model itself untouched?
# Adapters can be put on and taken off. We put one on, ask a question, take it off, and compare the
# fingerprints.

# %%
with quiet():  # the libraries' warnings
    attached = PeftModel.from_pretrained(model, str(adapter.folder)).eval()
prompt = render(closed_book(general[0].question), tokenizer)
print("with adapter:   ", generate(attached, tokenizer, [prompt], CARD_TOKENS)[0].text)
model = attached.unload()
print("without adapter:", generate(model, tokenizer, [prompt], PROSE_TOKENS)[0].text)
print("same weights as at the start:", weights_hash(model) == untouched)

# %% [markdown]
# ## Train it
# A *step* shows the model a batch of pairs, measures the *loss* and moves the adapter a little. An
# *epoch* is one pass over all pairs.
#
# The loss says how surprised the model is by the tokens it should have written. Its unit is the nat
# a token: 0 is no surprise, and the logarithm of 2, about 0.7, is what a fair coin costs.
#
# - `rank`: the width of the thin matrices, as in your `lora_size`;
# - `alpha`: the adapter's change counts `alpha / rank` times;
# - `learning_rate`: how far a step moves at most, less at the start and towards the end;
# - `batch_size`: how many pairs a step sees; `epochs`: how many passes.

# %%
for name in ("rank", "alpha", "learning_rate", "batch_size", "epochs"):
    print(f"{name:<14} {getattr(settings, name)}")

# %% [markdown]
# ### Exercise 2.4
#
# Predict: after this one pass, what share of the answers to questions about the invented towns will
# be valid cards, from 0 to 1? No training pair is about towns.

# %% exercise="2.4"
my_cards = ...
### BEGIN SOLUTION
my_cards = 0.9
### END SOLUTION

# %%
check("2.4")

# %% [markdown]
# This is the monitor of the training. Its first line is the untouched model. While the training
# cell runs, the monitor takes the loss of each step and asks the same question again a few times
# on the way.

# %%
monitor = TrainingMonitor([general[0].question], tokenizer, PROSE_TOKENS)
monitor.show()
monitor.sample(0, model)

# %% [markdown]
# The next cell trains: a minute or two on a laptop, several on an old or busy one. Watch the
# monitor above. You may skip the cell: the lesson then goes on with the adapter that came with the
# course. If you stop it half-way (menu Kernel, Interrupt), it goes on from where it was when you
# run it again.

# %% tags=["slow"]
if os.environ.get("FORM_AND_FACTS_TRAIN") != "0":
    start = time.perf_counter()
    # two ways to compute the same attention: "eager" trains faster on a CPU
    attention = "eager" if device_and_dtype()[0].type == "cpu" else "sdpa"
    student, _ = load_model(attention=attention)
    watch = (monitor.tick, monitor.sample)
    tuned = train(student, tokenizer, groups, settings, lesson_folder() / "form", *watch)
    print(f"{len(monitor.losses)} steps in {time.perf_counter() - start:.0f} seconds")
    print("frozen weights the same:", weights_hash(tuned.unload()) == untouched)

# %%
losses = list(monitor.losses.values())
if losses:
    print(f"loss from {losses[0]:.2f} to {losses[-1]:.2f}, lowest {min(losses):.2f}")
else:
    print("no training here: the lesson goes on with the adapter that is on disk")

# %% [markdown]
# If you trained, compare the loss with the answers beside it. It falls steeply in the first steps,
# while sentences turn into cards, so the early fall is probably the form: brackets, keys, the order
# of things. What is left is probably mostly the answers themselves.
#
# ## After
# We add the adapter's change into a copy of the model, so that it answers as fast as before, and
# ask the very same questions.

# %%
adapter = lesson_adapter("form")
print("adapter in use:", adapter.origin)
formed, _ = load_tuned(adapter.folder)
form_general = answer_all(formed, tokenizer, general, max_new_tokens=CARD_TOKENS)
form_towns = answer_all(formed, tokenizer, towns, max_new_tokens=CARD_TOKENS)

# %%
for answers in (form_general, form_towns):
    for answer in [a for a in answers if not a.verdict.right][:3]:
        print(answer.question.question)
        print(f"    expected: {answer.question.answer}")
        print(f"    got:      {answer.completion.text[:90]}")


# %% [markdown]
# Those are three misses of general knowledge, then three about towns. Now the counts.


# %%
def show(name, answers):
    """Valid cards and right answers: k/n, then percent with the 95 % interval."""
    row = summarise(answers)
    for what in ("valid", "right"):
        print(f"{name}, {what}: {row[what]['k']}/{row['n']}, {percent(row[what])}")


show("general, before", base_general)
show("general, after", form_general)
show("towns, after", form_towns)

# %%
valid = rate(answer.verdict.valid for answer in form_towns)
Predict("Valid cards about the towns, as a share", exercise="2.4").beside(valid)

# %% [markdown]
# The form reaches questions of a kind that was never trained. The facts do not: count the
# towns answered right, and look at the wrong answers again. A whole card can be wrong.
#
# Compare the general knowledge before and after. Two things changed at once there: the model
# answers in a word instead of a sentence, and a card is compared exactly while a sentence is
# searched. Do the two intervals overlap? That settles nothing here. It would be a rough test for
# two separate samples, and you asked the same questions twice. Exercise 3.6 counts them one by one:
# which were lost, which were gained.
#
# ## Against prompts alone
# A few-shot prompt carries its examples each time. A *chain* asks three times: for the answer, for
# its kind, for the card. Both leave the model as it is.

# %%
shown = shots()
few = answer_all(model, tokenizer, general, None, lambda q, _: few_shot(q, shown), CARD_TOKENS)

# %% [markdown]
# First one chain by itself. Each call gets the replies before it.


# %%
def reply(messages, most):
    """What the untouched model writes, in at most so many tokens."""
    return generate(model, tokenizer, [render(messages, tokenizer)], most)[0].text


question = general[0].question
prose = reply(closed_book(question), PROSE_TOKENS)
kind = reply(chain_kind(question, prose), 6)
last = reply(chain_card(question, prose, kind), CARD_TOKENS)
for text in (question, prose, kind, last):
    print(repr(text))

# %%
print(chain_card(question, "(first reply)", "(second reply)")[0]["content"])

# %% [markdown]
# Now all questions, ten at a time. If you stop this cell, the lesson goes on with those that are
# done.

# %%
chain = []
for start in range(0, N, 10):
    chain += ask_chain(model, tokenizer, general[start : start + 10], lambda done: None)
    print(f"{len(chain)} of {N} questions went through the chain")


# %%
def fault(text):
    """Why a text is no card; the first reason alone."""
    try:
        parse_card(text)
    except CardError as reason:
        return str(reason).split(";")[0].split(" at character")[0].split(", from")[0]
    return "a valid card"


for reason, count in Counter(fault(a.completion.text) for a in chain).most_common(4):
    print(f"{count:>3} of {len(chain)}: {reason}")

# %% [markdown]
# A chain is as good as its weakest call. On our machine the second reply is a sentence where a word
# is asked, and the third comes in a frame of code marks, with a `kind` that is none of the five. A
# program could cut off the frame; the rest would still be no card. A larger model may well keep to
# such a description, at the price of three calls a question.

# %%
for name, answers in (("few-shot", few), ("chain", chain), ("form", form_general)):
    if not answers:
        continue
    bill = summarise(answers)
    tokens = f"{bill['prompt_tokens']:.0f} tokens in, {bill['completion_tokens']:.0f} out"
    print(f"{name}: {tokens}, {bill['seconds_per_answer']:.2f} seconds an answer")

# %% [markdown]
# ### Exercise 2.5
#
# Training reads tokens once; a shorter prompt saves some with every answer. Write
# `break_even(training, few, form)`: the smallest whole number of answers after which the prompt
# tokens saved are at least the tokens read in training, or None when nothing is saved.
# `break_even(1000, 150, 50)` is 10.


# %% exercise="2.5"
def break_even(training, few, form):
    """Answers until the saved prompt tokens make up for training; None for never."""
    ### BEGIN SOLUTION
    saved = few - form
    if saved <= 0:
        return None
    return math.ceil(training / saved)
    ### END SOLUTION


# %%
check("2.5")

# %%
read = settings.epochs * sum(len(make_row(group, tokenizer)["input_ids"]) for group in groups)
lengths = [summarise(answers)["prompt_tokens"] for answers in (few, form_general)]
print(f"training read {read:,.0f} tokens; a prompt has {lengths[0]:.0f} or {lengths[1]:.0f}")
if passed("2.5"):
    print("answers until training pays:", break_even(read, *lengths))

# %% [markdown]
# That count is kind to training: a token costs more to learn from than to read, because the error
# must be traced back through the model. Take the result as a lower bound.
#
# ## Trained on too narrow a set
# The training pairs here were of many kinds. What if they are all alike? The course keeps an
# extreme case, the adapter `facts-20`: it went twenty times over one hundred questions about the
# populations of invented, numbered cities. The next lesson is about it. Here we only ask it our
# general-knowledge questions.

# %%
worn, _ = load_tuned(lesson_adapter("facts-20").folder)
worn_general = answer_all(worn, tokenizer, general, max_new_tokens=CARD_TOKENS)
for answer in worn_general[:4]:
    print(f"{answer.question.question}\n    {answer.completion.text}")

# %%
show("general, after facts-20", worn_general)

# %% [markdown]
# The cards may still be valid while the answers have gone to waste. Was that the length or the set?
# The stored run asked after each number of passes over the same hundred.

# %%
for row in find_rows(reference("dose"), variant="general"):
    if row["passes"] in (0, 1, 20):
        print(f"{row['passes']:>2} passes, general right: {percent(row['right'])}, n = {row['n']}")
row = find_rows(reference("headline"), arm="form", dataset="form")[0]
print(f"the form adapter instead: {percent(row['right'])}, n = {row['n']}")

# %% [markdown]
# Nearly all of the fall comes with the first pass. The form adapter answers in cards as well and
# was trained for one pass too, over more examples and at the same learning rate. So it is the
# narrow set that does the harm, more than the cards or the length. A falling loss does not show it;
# only questions outside the training set do.
#
# ## The result
# First the stored run as a picture: to the right, what a prompt costs in tokens; upwards, how many
# cards are valid.

# %%
alt = tokens_picture(reference("headline")["rows"], lesson_folder())
display(Image(filename=str(lesson_folder() / "tokens.png"), alt=alt))

# %% [markdown]
# Then your own run.

# %%
asked = [
    ("base", "form", base_general),
    ("few-shot", "form", few),
    ("chain", "form", chain),
    ("form", "form", form_general),
    ("base", "atlas", base_towns),
    ("form", "atlas", form_towns),
]

# %%
asked = [row for row in asked if row[2]]  # without what was stopped before its first answers
rows = [describe(Arm(a, None, "", ()), Task(d)) | summarise(found) for a, d, found in asked]
columns = ("arm", "data set", "n", "valid", "right", "tokens in", "tokens out", "s/answer")
title = "**After teaching the form: percent (95 % interval), tokens, and seconds an answer**"
Markdown(f"{title}\n\n{markdown(rows, columns)}")

# %% [markdown]
# What this sample cannot tell: whether another training run would give the same counts, and how the
# form holds in questions much longer than these.
#
# **Three sentences to remember**
#
# 1. A short LoRA training teaches a form that holds on questions of another kind.
# 2. The adapter is small and can be taken off; the model underneath stays as it was, bit for bit.
# 3. Form in the weights makes each prompt shorter, and only questions outside the training set show
#    what it cost.
#
# **An open question.** The cards about towns look perfect. Would you notice that they are wrong if
# you did not have the gold answers?
#
# Next lesson: [Form is not facts](03_form_is_not_facts.ipynb).
