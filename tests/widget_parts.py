"""For the tests of the widgets: stand-in arms, and what a browser would see of a widget."""

from __future__ import annotations

import html.parser

from utils import widgets
from utils.data import Passage, Question
from utils.generate import Completion
from utils.measure import judge
from utils.rag import Answer
from utils.widget_html import Table, seen

HOSTILE = "<script>alert('x')</script><img src=x onerror=\"alert('x')\">&amp;"
TOWN = Passage("vellmar", "Vellmar", "48,213 people live here.")
OTHER = Passage("orsk", "Orsk", f"Its mayor is Ada Moss. {HOSTILE}")
KNOWN = Question("q1", "How many people live in Vellmar?", "48,213", "number", "vellmar")
CARD = '{"source": "vellmar", "kind": "number", "answer": "48,213"}'


class Reader(html.parser.HTMLParser):
    """What a browser would see: the tags, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(str(text))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.words += data


def arm(text: str, *shown: Passage):
    """An arm that always writes the same."""

    def answer(question: Question) -> Answer:
        return Answer(question, shown, Completion(text, 40, 12, 0.25), judge(text, question, shown))

    return answer


def ask(**options) -> widgets.Ask:
    arms = {
        "base": arm(f"About two million. {HOSTILE}"),
        "form": arm(CARD.replace("48,213", "9,999").replace('"vellmar"', "null")),
        "base + RAG": arm("48,213", TOWN, OTHER),
        "open-book + RAG": arm(CARD, TOWN, OTHER),
    }
    return widgets.Ask(arms, [KNOWN], **options)


def column(table: Table, name: str) -> dict[str, str]:
    """A column of a table as text, by the names of its rows."""
    i = table.header.index(name)
    return {row[0]: seen(getattr(row[i], "striptags", lambda r=row: r[i])()) for row in table.rows}


def body(panel) -> Reader:
    """The live form of a panel."""
    panel.box()
    return Reader(panel._body.value)


def controls(panel, kind: str) -> list:
    """The ipywidgets of a kind in the live form, by the class's name."""
    waiting, found = [panel.box()], []
    while waiting:
        widget = waiting.pop(0)
        waiting += getattr(widget, "children", ())
        found += [widget] if type(widget).__name__ == kind else []
    return found
