# %% [markdown]
# # Start here: what does a small model answer on your own machine?
#
# **The start of the course.** Six lessons follow.
#
# **Measured answer.** It answers in fluent sentences, also what it cannot know. The first cell
# after the imports prints the figures of the stored run.
#
# **Study time:** about 20 minutes. **Computing time:** {computing time}.

# %% [markdown]
# ## After this lesson
# - you know that everything the course needs is in place, or which command mends it;
# - you have asked the model its first questions, and you know what a token is;
# - you have met the exercises: `check`, `hint`, `solution` and `progress`;
# - you have seen the answer card, the form that the course teaches.
#
# You need Python and no knowledge of language models. Nothing here asks for an account, a graphics
# card or a network.

# %%
from IPython.display import Markdown

from utils.card import Card, is_card, write_card
from utils.check import answered, check, hint, passed, progress, solution  # noqa: F401
from utils.datasets import load_dataset
from utils.doctor import check_up
from utils.generate import generate
from utils.models import load_model
from utils.prompts import closed_book, render
from utils.reference import find_rows, reference
from utils.report import device_facts
from utils.widgets import Predict

# %% [markdown]
# A page like this is a notebook: text, and cells of code. Click into a cell and press Shift and
# Enter to run it. Run the cells from top to bottom; a later one often needs what an earlier one
# made. While a cell runs, a star stands beside it: `[*]`. No output for a while is normal, since
# some cells ask the model many questions before they print.
#
# The course keeps the results of one long run on disk, the *stored run*. This cell reads a line of
# it: how often the model was right, and how often its answer had the form that the course teaches.
# That form is called an *answer card*; you see one further down.

# %%
row = find_rows(reference("headline"), arm="base", dataset="atlas")[0]
found = f"right answers: {row['right']['k']}, answer cards: {row['valid']['k']}"
print(f"{row['n']} questions about a country that does not exist: {found}.")

# %% [markdown]
# ## Is everything in place?
# The check-up looks at Python, the packages, the disk, the memory, the models and the data. A line
# that begins with `[mend]` ends with the command to run in a terminal, in the folder of the course.
# The command `python -m utils.doctor` prints the same lines with more detail.

# %%
findings = check_up()
for finding in findings:
    print(f"[ok] {finding.name}" if finding.ok else finding)

# %% [markdown]
# If a line asks for a mend, do it first, then restart the kernel (menu Kernel, Restart) and begin
# again. A line about packages of other versions is no reason to stop, but your figures may then
# differ from ours.

# %% [markdown]
# ## The first answer
# A language model reads text and writes how it goes on, one *token* after the other. A token is a
# word or a piece of one. Unless you named another, the model is SmolLM2-135M-Instruct: small, so
# that it runs on any laptop. It is loaded once, in a few seconds. A *weight* is one of the numbers
# it computes with.

# %%
model, tokenizer = load_model()
print(f"{sum(weight.numel() for weight in model.parameters()):,} weights")

# %% [markdown]
# This is how the model sees a short sentence. The numbers are the tokens; behind each stands its
# text.

# %%
ids = tokenizer("What is the capital of Norway?")["input_ids"]
print([(number, tokenizer.decode([number])) for number in ids])

# %% [markdown]
# Before you run a measurement in this course, you say what you expect. That takes seconds, and a
# surprise you can see teaches more than a figure you nod at. The first exercise is such a
# prediction: any answer in range earns its point.
#
# An exercise has three cells: the task, a cell in which `...` stands for what you write, and the
# check. Replace the `...`, run the cell, then run the check.

# %% [markdown]
# ### Exercise 0.1
#
# The question has as many tokens as you see above. How many will the model write to answer it? Put
# a whole number from 1 to 40 in place of the `...`; 40 is the limit that the next cell sets.

# %% exercise="0.1"
my_tokens = ...
### BEGIN SOLUTION
my_tokens = 12
### END SOLUTION

# %%
check("0.1")

# %% [markdown]
# Now ask. The question goes to the model alone, without any document beside it: that is called
# *closed book*. The model stops when it thinks the answer is complete, and at the limit of new
# tokens at the latest.

# %%
LIMIT = 40
prompt = render(closed_book("What is the capital of Norway?"), tokenizer)
first = generate(model, tokenizer, [prompt], LIMIT)[0]
first.text

# %% [markdown]
# Your guess beside what was written:

# %%
Predict("Tokens of the first answer", exercise="0.1").beside(first.completion_tokens)

# %% [markdown]
# ## Your first function
# How fast was that? Most exercises ask for a small function like the next one, and the lesson then
# goes on with *your* function. If you could not solve it, the lesson says so or takes the course's
# own: every later cell runs either way.

# %% [markdown]
# ### Exercise 0.2
#
# Write `tokens_per_second(tokens, seconds)`, the number of tokens written in one second.
# `tokens_per_second(30, 2.0)` is 15.


# %% exercise="0.2"
def tokens_per_second(tokens, seconds):
    """Tokens written in one second, a number."""
    ### BEGIN SOLUTION
    return tokens / seconds
    ### END SOLUTION


# %%
check("0.2")

# %% [markdown]
# The check prints one of four verdicts: not attempted, not right yet, an error in your code, or
# right. A prediction is noted and counts as right, whatever it says. A wrong answer comes back with
# what you gave, what was expected, and the likely cause. You can check as often as you like; only
# the best try counts.
#
# If you are stuck, ask for a hint. Each call shows the next one, from a question to nearly the
# code. After a try or a hint, `solution("0.2")` shows one way to do it. Hints and solutions cost no
# points. The next cell shows everyone the first hint, so your progress will count one.

# %%
hint("0.2")

# %% [markdown]
# Here your function goes to work. The first answer after loading is often slower than the next
# ones, and in the lessons many questions are answered at once, which is faster for each.

# %%
if passed("0.2"):
    print(f"{tokens_per_second(first.completion_tokens, first.seconds):.1f} tokens a second")
else:
    print(f"{first.completion_tokens} tokens in {first.seconds:.2f} seconds; exercise 0.2 is open")

# %% [markdown]
# ## What it knows, and what it cannot know
# The next cell asks three questions. Two are common knowledge. The third is about a town from
# `atlas`, a country invented for this course, so no model can have read about it. Look at how sure
# the third answer sounds.

# %%
invented = load_dataset("atlas").ask("plain", limit=1)[0]
questions = ["What is the capital of Norway?", "How many legs does a spider have?"]
questions.append(invented.question)
prompts = [render(closed_book(question), tokenizer) for question in questions]
answers = generate(model, tokenizer, prompts, LIMIT)
for question, answer in zip(questions, answers, strict=True):
    print(f"{question}\n    {' '.join(answer.text.split())}")

# %%
print("in our data:", invented.answer)

# %% [markdown]
# The course has one name for each of the two things to look at. *Facts*: is the answer right?
# *Form*: does it come in the shape we can use?

# %% [markdown]
# ## The form: an answer card
# A program that reads the answers wants them in one fixed form. Ours is a card: one JSON object
# with three keys and nothing around it. `source` names the document that the answer came from,
# `kind` says what sort of thing it is, `answer` holds the answer itself.

# %%
card = Card(source="vellmar", kind="number", answer="48,213")
print(write_card(card))
print("valid card:", is_card(write_card(card)))

# %%
cards = [is_card(answer.text) for answer in answers]
print(f"valid cards among the answers above: {sum(cards)} of {len(cards)}")

# %% [markdown]
# Three answers are an example, not a measurement. Nobody asked the model for a card, so you cannot
# blame it either. What happens when we do ask is the business of the next lesson.

# %% [markdown]
# ## What you have now
# Two things to keep: where you stand in the course, and the machine you measured on. Your progress
# is kept in a file, so it is still there after a restart.

# %%
progress()

# %%
facts = {**device_facts(), "first answer (seconds)": round(first.seconds, 2)}
lines = ["**Your machine, and its first answer**", "", "| what | here |", "|---|---|"]
Markdown("\n".join(lines + [f"| {name} | {value} |" for name, value in facts.items()]))

# %% [markdown]
# When you report a figure of yours, give this table with it: seconds differ from machine to
# machine, and a few answers may differ too.
#
# **Three sentences to remember**
#
# 1. A model writes token after token, and it sounds as sure of what it invents as of what it knows.
# 2. Form and facts are two questions, and each needs its own measurement.
# 3. Say what you expect before you measure.
#
# **An open question.** How many questions would you have to ask before you trust a figure such as
# "half of the answers are right"?
#
# Next lesson: [Measure first](01_measure_first.ipynb).
