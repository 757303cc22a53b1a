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
# **Study time:** about 50 minutes. **Computing time:** measured at the last build, on the machine
# named at the end of the solutions notebook.

# %% [markdown]
# ## After this lesson you can
# - turn a question and its card into a training pair, and say which tokens are learned;
# - say what LoRA adds to a model, count it, and prove that the model itself is untouched;
# - train the form, and watch answers change while it happens;
# - compare training with a few-shot prompt and with a chain of prompts, by tokens and seconds;
# - recognise a model that was trained too long on too little.

# %%
import math
import os
import time

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown
from peft import PeftModel
from safetensors.torch import load_file

from utils.arms import Arm, Task
from utils.card import write_card
from utils.check import answered, check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset, training_examples
from utils.fetch import quiet
from utils.finetune import load_tuned, train
from utils.generate import generate
from utils.models import device_and_dtype, load_model, weights_hash
from utils.pairs import IGNORED, Group, Pair, make_pair, make_row
from utils.plots import FORM
from utils.prompts import closed_book, few_shot, render
from utils.rag import answer_all
from utils.recipes import RECIPES, lesson_adapter, lesson_folder
from utils.reference import find_rows, reference
from utils.report import markdown, percent
from utils.runner import CARD_TOKENS, PROSE_TOKENS, ask_chain, describe, shots, summarise

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
# where it is not. The training passes over a -100; that number is the convention of the libraries
# used here.

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
    mine = labels(row["input_ids"][:cut], row["input_ids"][cut:])
print("as the course labels it:", mine == row["labels"])

# %%
learned = [token for token in mine if token != IGNORED]
print(f"{len(learned)} of {len(mine)} tokens are learned: {tokenizer.decode(learned)}")

# %% [markdown]
# ## What LoRA adds
# The model is mostly large tables of numbers, called matrices. *LoRA* freezes them. Beside each it
# puts two thin matrices whose product has the shape of the large one: for a matrix with `rows`
# times `columns` numbers, one thin matrix has `rows` times `rank` numbers and the other `rank`
# times `columns`. Only the thin ones are trained. Together they are the *adapter*.

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
# All settings stand in one place. A *step* shows the model a batch of pairs, measures the *loss*
# (how surprised it is by the tokens it should have written) and moves the adapter a little. An
# *epoch* is one pass over all pairs.

# %%
settings

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


# %%
losses = []


def note(step):
    """Keep the loss of a step."""
    losses.append(step.loss)


def watch(step, tuned):
    """Print how the same question is answered now."""
    text = generate(tuned, tokenizer, [prompt], PROSE_TOKENS)[0].text
    print(f"step {step}, loss {losses[-1]:.2f}: {text}")


# %% [markdown]
# The next cell trains. You may skip it: the lesson then goes on with the adapter that came with the
# course. If you stop it half-way (menu Kernel, Interrupt), it goes on from where it was when you
# run it again.

# %% tags=["slow"]
if os.environ.get("FORM_AND_FACTS_TRAIN") != "0":
    start = time.perf_counter()
    attention = "eager" if device_and_dtype()[0].type == "cpu" else "sdpa"
    student, _ = load_model(attention=attention)
    losses.clear()
    tuned = train(student, tokenizer, groups, settings, lesson_folder() / "form", note, watch)
    print(f"{len(losses)} steps in {time.perf_counter() - start:.0f} seconds")
    print("frozen weights the same:", weights_hash(tuned.unload()) == untouched)

# %% tags=["slow"]
if losses:
    _, axes = plt.subplots(figsize=(8, 3))
    axes.plot(range(1, len(losses) + 1), losses, color=FORM)
    axes.set_title("The loss while the form is learned")
    axes.set_xlabel(f"step ({settings.batch_size} pairs each)")
    axes.set_ylabel("loss (nats a token)")
    plt.show()
    print(f"In words: from {losses[0]:.2f} to {losses[-1]:.2f}, lowest {min(losses):.2f}.")

# %% [markdown]
# If you trained, you saw the loss fall steeply in the first steps and then move little. The early
# fall is the form: brackets, keys, the order of things. What is left is mostly the answers
# themselves.
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
for answer in [a for a in form_general + form_towns if not a.verdict.right][:6]:
    print(answer.question.question)
    print(f"    expected: {answer.question.answer}")
    print(f"    got:      {answer.completion.text[:90]}")


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
said = answered("2.4")
print("share of cards you predicted:", "nothing yet" if said is None else said)
print(f"share measured: {sum(a.verdict.valid for a in form_towns) / N:.2f}")

# %% [markdown]
# The form reaches questions of a kind that was never trained. The facts do not: look at the answers
# about towns again. And compare the general knowledge before and after. Two things changed at once
# there: the model answers in a word instead of a sentence, and a card is compared exactly while a
# sentence is searched. Where the intervals overlap, this sample does not tell before from after.
# The stored run at the top asked more questions: compare its two lines for `base` and `form`.
#
# ## Against prompts alone
# A few-shot prompt carries its examples each time. A *chain* asks three times: for the answer, for
# its kind, for the card. Both leave the model as it is.

# %%
shown = shots()
few = answer_all(model, tokenizer, general, None, lambda q, _: few_shot(q, shown), CARD_TOKENS)
chain = ask_chain(model, tokenizer, general, lambda done: None)

# %%
for name, answers in (("few-shot", few), ("chain", chain), ("form", form_general)):
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
# ## Trained too long on too little
# What if training goes on? The course keeps an extreme case: an adapter that went over and over one
# hundred sentences about the populations of numbered cities. We ask it our general-knowledge
# questions.

# %%
worn, _ = load_tuned(lesson_adapter("facts-20").folder)
worn_general = answer_all(worn, tokenizer, general, max_new_tokens=CARD_TOKENS)
for answer in worn_general[:4]:
    print(f"{answer.question.question}\n    {answer.completion.text}")

# %%
show("general, trained too long", worn_general)

# %% [markdown]
# The cards may still be valid while the answers have gone to waste. A falling loss does not show
# that; only questions outside the training set do.
#
# ## The result

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
