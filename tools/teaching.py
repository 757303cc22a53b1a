"""The generated parts of the teaching kit: minutes, plans, and the numbers of each lesson.

tools/readme.py puts them between the markers of docs/teaching.md and of the pages in
docs/teaching. Minutes come from utils/exercises, from tools/teaching_plans.toml and from the
lessons; measured numbers from data/results and from the executed lessons.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.execute import NOTE
from tools.tables import ReadmeError, dose, grid, load, measured_on, recall, span
from utils import report
from utils.exercise_data import Exercise, Lesson, load_all

PLANS = Path(__file__).resolve().parent / "teaching_plans.toml"
STUDY = re.compile(r"Study time:\*+ about (an hour|\d+ minutes)")
TOOK = re.compile(r"on (\w+ \S+ with \d+ cores), Python \S+, in (\d+) seconds")
COLUMNS = ("arm", "data set", "variant", "passes", "n", "valid", "right", "source", "tokens in")
OPEN = "Not measured yet.\n"
ROWS: dict[str, list[tuple]] = {  # arm, data set, variant, passes
    "00": [("base", "atlas", "plain", None)],
    "01": [
        ("base", "form", "plain", None),
        ("base", "atlas", "plain", None),
        ("few-shot", "form", "plain", None),
    ],
    "02": [
        ("few-shot", "form", "plain", None),
        ("chain", "form", "plain", None),
        ("form", "form", "plain", None),
        ("form", "atlas", "plain", None),
    ],
    "03": [("form", "cities", "plain", None), ("facts", "cities", "plain", 3)],
    "05": [
        ("base", "atlas", "plain", None),
        ("base+rag", "atlas", "plain", None),
        ("form+rag", "atlas", "plain", None),
        ("base+rag", "cities", "plain", None),
        ("form+rag", "cities", "plain", None),
        ("open-book+rag", "atlas", "plain", None),
        ("open-book+rag", "atlas", "unanswerable", None),
    ],
    "06": [
        ("open-book", "library", "plain", None),
        ("base+rag", "library", "plain", None),
        ("open-book+rag", "library", "plain", None),
        ("open-book+rag", "library", "unanswerable", None),
    ],
}


@dataclass(frozen=True)
class Facts:
    """What is known of a lesson: minutes of study, None where nothing says; how long it ran."""

    lesson: Lesson
    study: int | None
    took: tuple[str, int] | None

    @property
    def minutes(self) -> float:
        """The minutes of its exercises."""
        return sum(exercise.minutes for exercise in self.lesson.exercises)

    @property
    def points(self) -> int:
        """The points of its exercises."""
        return sum(exercise.points for exercise in self.lesson.exercises)


def facts(root: Path) -> list[Facts]:
    """All lessons, with what their notebooks below root say."""
    return [
        Facts(lesson, study_minutes(root, lesson.number), execution(root, lesson.number))
        for lesson in load_all()
    ]


def cells(root: Path, folder: str, number: str) -> list[dict]:
    """The cells of a lesson's notebook, none where there is none."""
    found = sorted((root / folder).glob(f"{number}_*.ipynb"))
    return json.loads(found[0].read_text("utf-8"))["cells"] if found else []


def study_minutes(root: Path, number: str) -> int | None:
    """The study time that a lesson names in its first cells."""
    for cell in cells(root, "notebooks", number):
        if found := STUDY.search(" ".join("".join(cell["source"]).split())):
            return 60 if found[1] == "an hour" else int(found[1].split()[0])
    return None


def execution(root: Path, number: str) -> tuple[str, int] | None:
    """The machine and the seconds that the note of the executed lesson names."""
    notes = [c for c in cells(root, "solutions", number) if c.get("id") == NOTE]
    found = TOOK.search("".join(notes[0]["source"])) if notes else None
    return (found[1], int(found[2])) if found else None


def room_values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/teaching/room.md."""
    timing = load(root / "data" / "results" / "timing.json") or {}
    memory, machine = timing.get("peak_memory_gib"), timing.get("machine", "–")
    if memory is None:
        return {"memory": "The memory of a run has not been measured yet.\n"}
    told = f"`make run` used at most {memory:.1f} GiB of memory, measured on {machine}.\n"
    return {"memory": told}


def hub_values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/teaching.md."""
    return {"minutes": minutes_table(facts(root))}


def minutes_table(found: list[Facts]) -> str:
    """A line a lesson and the sums: minutes of study and exercises, points, computing time."""
    body = [
        (
            f"{f.lesson.number} {f.lesson.title}",
            "–" if f.study is None else f.study,
            len(f.lesson.exercises),
            f"{f.minutes:g}",
            f.points,
            span(f.took[1]) if f.took else "–",
        )
        for f in found
    ]
    studies = [f.study or 0 for f in found]
    ran = [f.took for f in found if f.took]
    sums = (sum(len(f.lesson.exercises) for f in found), f"{sum(f.minutes for f in found):g}")
    body.append(
        (
            "all",
            sum(studies) or "–",
            *sums,
            sum(f.points for f in found),
            span(sum(seconds for _, seconds in ran)) if ran else "–",
        )
    )
    head = ("lesson", "study, minutes", "exercises", "minutes of these", "points", "computing")
    machines = sorted({machine for machine, _ in ran})
    told = f"\nComputing: one run of all cells on {' and '.join(machines)}.\n" if ran else ""
    return grid(head, body) + told


def lesson_values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/teaching/lessons.md: one a lesson."""
    folder = root / "data" / "results"
    headline, curve = (load(folder / f"{name}-seed0.json") for name in ("headline", "dose"))
    return {
        f"lesson-{f.lesson.number}": f"{about(f)}\n{numbers(f.lesson.number, headline, curve)}"
        for f in facts(root)
    }


def about(f: Facts) -> str:
    """Its times and points in a sentence or two."""
    count = len(f.lesson.exercises)
    told = [f"**Timing.** {count} exercises, {f.points} points, about {f.minutes:g} minutes."]
    if f.study:
        told.append(f"The whole lesson: about {f.study} minutes.")
    if f.took:
        told.append(f"Its cells compute for {span(f.took[1])} on {f.took[0]}.")
    return " ".join(told) + "\n"


def numbers(number: str, headline: dict | None, curve: dict | None) -> str:
    """The stored results to have at hand in a lesson."""
    if not headline:
        return OPEN
    if number == "04":
        firsts = [row for row in headline["recall"] if row["k"] == 1]
        return f"{measured_on(headline)}\n\n{recall(firsts)}"
    rows = [row for wanted in ROWS[number] for row in headline["rows"] if fits(row, *wanted)]
    text = f"{measured_on(headline)}\n\n{report.markdown(rows, COLUMNS)}"
    return text + (f"\n{dose(curve)}" if number == "03" and curve else "")


def fits(row: dict, arm: str, dataset: str, variant: str, passes: int | None) -> bool:
    """True for the row of these fields."""
    found = (row["arm"], row["dataset"], row["variant"])
    return found == (arm, dataset, variant) and passes in (None, row["passes"])


def plan_values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/teaching/plan.md. Raises ReadmeError for an impossible plan.

    Nothing of it depends on the folder: the plans and the exercises are the course's own.
    """
    exercises = {e.id: e for lesson in load_all() for e in lesson.exercises}
    values: dict[str, str] = {}
    for session in tomllib.loads(PLANS.read_text("utf-8"))["session"]:
        text = session_text(session, exercises)
        values[session["plan"]] = values.get(session["plan"], "") + text
    return values


def session_text(session: dict, exercises: dict[str, Exercise]) -> str:
    """One session as a table with the time since its start, and what is done at home."""
    body, at, done = [], 0.0, []
    for block in session["block"]:
        done += block.get("exercises", [])
        unknown = [id for id in block.get("exercises", []) if id not in exercises]
        if unknown:
            raise ReadmeError(f"{PLANS.name}: there is no exercise {unknown[0]}; name another")
        took = block.get("minutes", 0)
        took += sum(exercises[id].minutes for id in block.get("exercises", []))
        body.append((clock(at), f"{took:g}", block["what"], ", ".join(block.get("exercises", []))))
        at += took
    if at > session["room"]:
        told = f"{session['title']} needs {at:g} minutes and has {session['room']}"
        raise ReadmeError(f"{PLANS.name}: {told}; take a block or an exercise out")
    if at < session["room"]:
        body.append((clock(at), f"{session['room'] - at:g}", session["rest"], ""))
    table = grid(("from", "minutes", "what", "exercises"), body)
    return f"### {session['title']}\n\n{home(session, exercises, done)}{table}\n"


def home(session: dict, exercises: dict[str, Exercise], done: list[str]) -> str:
    """What is done before and after a session, where it is about one lesson."""
    if "lesson" not in session:
        return ""
    number = str(int(session["lesson"]))
    left = [e for e in exercises.values() if e.id.split(".")[0] == number and e.id not in done]
    took = sum(e.minutes for e in left)
    after = f"exercise {' and '.join(e.id for e in left)}, about {took:g} minutes" if left else ""
    return f"At home before: {session['before']}. At home after: {after or 'nothing'}.\n\n"


def clock(minutes: float) -> str:
    """Minutes since the start as hours and minutes."""
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}"
