"""The notebook of the widget tests: every widget, with stand-ins that answer at once."""

from __future__ import annotations

from pathlib import Path

import nbformat

IMPORTS = """\
import time
from pathlib import Path

from conftest import make_tiny
from utils.data import Passage, Question
from utils.finetune import Settings, train
from utils.generate import Completion
from utils.measure import judge, rate
from utils.pairs import Group, Pair
from utils.rag import Answer
from utils.widgets import (
    Ask, DoseSlider, Predict, RetrievalExplorer, TrainingMonitor, four_arms, live,
)
"""
HOSTILE = "<img src=x onerror=\"alert('run')\"><script>alert('run')</script>"
STAND_INS = f"""\
HOSTILE = {HOSTILE!r}
TOWN = Passage("vellmar", "Vellmar " + HOSTILE, "48,213 people live here. " + HOSTILE)
OTHER = Passage("orsk", "Orsk", "Its mayor is Ada Moss.")
KNOWN = [Question("q1", "How many people live in Vellmar?", "48,213", "number", "vellmar")]
CARD = '{{"source": "vellmar", "kind": "number", "answer": "48,213"}}'


def arm(text, *shown, pause=0.0):
    def answer(question):
        time.sleep(pause)
        completion = Completion(text, 40, 12, 0.25)
        return Answer(question, shown, completion, judge(text, question, shown))

    return answer


arms = {{
    "base": arm("About 2 million. " + HOSTILE),
    "form": arm(CARD.replace("48,213", "9,999").replace('"vellmar"', "null")),
    "base + RAG": arm("It has 48,213 inhabitants.", TOWN, OTHER),
    "open-book + RAG": arm(CARD, TOWN, OTHER),
}}
print("live:", live())
"""
ASK = "Ask(arms, KNOWN).show(KNOWN[0].question)"
SLOW = 'Ask({str(i): arm("slow", pause=1.0) for i in range(20)}).show()  # slow'
EXPLORE = """\
from utils.datasets import load_dataset
from utils.models import load_embedder
from utils.retrieve import Retriever

cities = load_dataset("cities")
RetrievalExplorer(Retriever(cities.passages, load_embedder()), cities.ask("plain")).show()"""
TRAIN = """\
model, tokenizer = make_tiny()
card = '{"source": null, "kind": "place", "answer": "Oslo"}<|im_end|>'
prompt = "<|im_start|>user\\nWhere?<|im_end|>\\n<|im_start|>assistant\\n"
groups = [Group((Pair(prompt, card),))] * 160
monitor = TrainingMonitor(["Where?"], tokenizer)
monitor.show()"""
TRAIN_NOW = """\
settings = Settings(learning_rate=2e-2, batch_size=4, schedule="constant")
monitor.sample(0, model)
tuned = train(model, tokenizer, groups, settings, Path("adapter"), monitor.tick, monitor.sample)"""
TRAIN_SLOWLY = """\
from utils.finetune import Step

slow = TrainingMonitor([], tokenizer)
slow.show()
for i in range(1, 31):
    slow.tick(Step(i, 30, 3 / i))
    time.sleep(0.5)"""
PREDICT = 'guess = Predict("How many of 40 are right?", low=0, high=40)\nguess'
BESIDE = "guess.beside(rate([True] * 10 + [False] * 30))"
KEPT = 'Predict("Tokens of the first answer", exercise="0.1").beside(12)'
DOSE = "DoseSlider().show()"
REAL = "Ask(four_arms()).show()  # real"


def write(path: Path) -> None:
    """Write the notebook; the last cell, which loads the real models, is run by itself."""
    sources = [
        IMPORTS,
        STAND_INS,
        ASK,
        EXPLORE,
        TRAIN,
        TRAIN_NOW,
        PREDICT,
        BESIDE,
        KEPT,
        DOSE,
        SLOW,
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(notebook, path)
