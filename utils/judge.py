"""The verdict on an exercise: its cases, its prediction or its choices, with the feedback.

It runs no learner's code: `ask` is given expression, setup and seconds and gives a Run, from the
notebook's own process or, for a grader, from another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from utils import feedback, guesses
from utils.compare import difference, same, show
from utils.evaluate import holds, measure
from utils.exercise_data import Case, Exercise, Question, Wrong
from utils.runs import Run

Ask = Callable[[str, str, float], Run]
RIGHT, WRONG, ERROR, OPEN = "right", "wrong", "error", "not attempted"
SAYS = {WRONG: "not right yet", ERROR: "an error in your code", OPEN: "not attempted"}
TYPES = {"number": (int, float), "integer": (int,), "string": (str,), "boolean": (bool,)}
WANTED = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a string",
    "boolean": "True or False",
}


@dataclass(frozen=True)
class Finding:
    """What one case or answer came to, and the lines that say why."""

    outcome: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """outcome: right, wrong, error or not attempted; points: those earned; lines: the feedback.

    case: the number of the case that decided, from 1; None when all are right and for the
    other kinds. answer: the JSON form of a prediction or of choices.
    """

    outcome: str
    points: int
    lines: tuple[str, ...]
    case: int | None = None
    answer: Any = None


def judge(exercise: Exercise, ask: Ask) -> Verdict:
    """Judge an exercise. Cases are asked in order, up to the first that is not right."""
    if exercise.kind == "function":
        return _judge_cases(exercise, ask)
    run = ask(exercise.expr, "", exercise.seconds)
    if run.unwritten and not run.error:  # no function is there that could lack its return
        finding = Finding(OPEN, (f"  {feedback.IS_NONE.format(exercise.expr)}",))
        return _verdict(exercise, finding, answer=run.value)
    judged = predicted if exercise.kind == "predict" else chosen
    finding = stopped(run, exercise.expr, "", exercise.seconds) or judged(exercise, run)
    return _verdict(exercise, finding, answer=run.value)


def _judge_cases(exercise: Exercise, ask: Ask) -> Verdict:
    count = len(exercise.cases)
    for i, case in enumerate(exercise.cases, 1):
        finding = judge_case(case, ask, exercise.seconds)
        if finding.outcome != RIGHT:
            told = (f"  This is case {i} of {count}; those before it are right.",) if i > 1 else ()
            told = () if finding.outcome == OPEN else told
            return _verdict(exercise, Finding(finding.outcome, finding.lines + told), i)
    return _verdict(exercise, Finding(RIGHT))


def _verdict(
    exercise: Exercise, finding: Finding, case: int | None = None, answer: Any = None
) -> Verdict:
    """The finding under a header with the points."""
    right = finding.outcome == RIGHT
    of = f"{exercise.points} point" + ("s" if exercise.points > 1 else "")
    said = "noted" if exercise.kind == "predict" else "right"
    end = (
        f"{said}. {exercise.points} of {of}." if right else f"{SAYS[finding.outcome]} (0 of {of})."
    )
    head = f"Exercise {exercise.id}, {exercise.title}: {end}"
    lines = (head, *finding.lines)
    return Verdict(finding.outcome, exercise.points if right else 0, lines, case, answer)


def judge_case(case: Case, ask: Ask, seconds: float) -> Finding:
    """One case: right when the wanted value comes, or the wanted exception is raised.

    seconds: the time limit, unless the case has its own.
    """
    seconds = case.seconds or seconds
    run = _measured(case, ask(case.expr, case.setup, seconds))
    if case.raises in run.error or (case.raises is None and run.valued and _wanted(run, case)):
        return Finding(RIGHT)
    expected = show(case.want) if case.raises is None else f"{case.raises} is raised"
    names = (*run.error, *(["TimeoutError"] if run.late else []))
    known = [w.message for w in case.wrong if w.error in names and w.says in run.message]
    finding = stopped(run, case.expr, case.setup, seconds, expected, known)
    if finding is not None:
        return finding
    rows = [("yours", run.fault or show(run.value)), ("expected", expected)]
    rows = feedback.asked(case.expr, case.setup) + rows + _causes(case, run, ask, seconds)
    return Finding(WRONG, feedback.aligned(rows + feedback.printed(run)))


def stopped(
    run: Run, expr: str, setup: str, seconds: float, expected: str = "", known: list[str] = ()
) -> Finding | None:
    """The finding where no value came: nothing written, an error, no time left; else None."""
    if run.gap or run.missing or run.unwritten:
        return Finding(OPEN, (f"  {feedback.open_text(run)}",))
    if not (run.error or run.late):
        return None
    rows = feedback.asked(expr, setup) + feedback.error_rows(run, seconds)
    rows += [("expected", expected)] if expected else []
    rows += [("likely cause", text) for text in known[:1] or guesses.of_error(run)]
    return Finding(ERROR, feedback.aligned(rows + feedback.printed(run)))


def _measured(case: Case, run: Run) -> Run:
    """The run with the value that the case's own lines make of it."""
    if not (case.measure and run.valued) or run.unwritten:
        return run
    value, fault = measure(case.measure, run.value)
    return replace(run, value=value, fault=fault)


def _wanted(run: Run, case: Case) -> bool:
    return same(run.value, case.want, case.tolerance)


def _causes(case: Case, run: Run, ask: Ask, seconds: float) -> list[feedback.Row]:
    """The likely cause of a wrong value, and where it differs if that is not plain to see."""
    if run.fault is not None:
        return []
    found = [w.message for w in case.wrong if _is_known(w, case, run, ask, seconds)]
    none = run.value is None and case.raises is None
    cause = found[0] if found else guesses.NO_RETURN if none else case.message
    where = difference(run.value, case.want, case.tolerance) if case.raises is None else None
    told = none or (found and type(run.value) is not type(case.want))  # the cause says it all
    return [("likely cause", cause)] + ([("look at", where)] if where and not told else [])


def _is_known(wrong: Wrong, case: Case, run: Run, ask: Ask, seconds: float) -> bool:
    """True when the value is this known wrong one."""
    if wrong.when is not None:
        return holds(wrong.when, run.value, case.want)
    if wrong.expr is not None:
        other = ask(wrong.expr, case.setup, seconds)
        return other.valued and same(run.value, other.value, case.tolerance)
    return bool(wrong.value) and same(run.value, wrong.value[0], case.tolerance)


def predicted(exercise: Exercise, run: Run) -> Finding:
    """A prediction: any answer of the right type and in range is accepted."""
    value = run.value
    right = run.valued and type(value) in TYPES[exercise.type] and value == value
    if exercise.type == "integer" and type(value) is float and value.is_integer():
        right = True
    if right and exercise.options:
        right = any(same(value, option) for option in exercise.options)
    elif right and exercise.type in ("number", "integer"):
        low, high = exercise.low, exercise.high
        right = (low is None or value >= low) and (high is None or value <= high)
    if right:
        return Finding(RIGHT, (f"  Your prediction: {show(value)}. Run on to compare it.",))
    rows = [("yours", run.fault or show(value)), ("expected", _range(exercise))]
    rows += [("likely cause", text) for text in guesses.of_prediction(exercise, value)]
    return Finding(WRONG, feedback.aligned(feedback.asked(exercise.expr) + rows))


def _range(exercise: Exercise) -> str:
    if exercise.options:
        return "one of " + ", ".join(map(show, exercise.options))
    low, high = exercise.low, exercise.high
    text = f" from {low:g}" if low is not None else ""
    return WANTED[exercise.type] + text + (f" up to {high:g}" if high is not None else "")


def chosen(exercise: Exercise, run: Run) -> Finding:
    """Choices: each wrong one with its reason; right when all are."""
    lone = exercise.questions[0].key is None
    kind = str if lone else dict
    if type(run.value) is not kind:
        expected = "a string" if lone else "a dict: " + ", ".join(q.key for q in exercise.questions)
        rows = [("yours", run.fault or show(run.value)), ("expected", expected)]
        return Finding(WRONG, feedback.aligned(feedback.asked(exercise.expr) + rows))
    given = [(q, run.value if lone else run.value.get(q.key)) for q in exercise.questions]
    if all(answer is None for _, answer in given):
        return Finding(OPEN, (f"  {feedback.GAP}",))
    wrong = [(q, answer) for q, answer in given if answer not in q.right]
    if not wrong:
        return Finding(RIGHT, tuple(f"  {_label(q)}{q.reasons[answer]}" for q, answer in given))
    count = f"  {len(given) - len(wrong)} of {len(given)} are right."
    return Finding(WRONG, (*([] if lone else [count]), *(_choice(*pair) for pair in wrong)))


def _choice(question: Question, answer: Any) -> str:
    names = ", ".join(show(name) for name in question.reasons)
    reason = question.reasons.get(answer) if isinstance(answer, str) else None
    unknown = "no answer yet" if answer is None else f"{show(answer)} is none of the choices"
    said = f"{show(answer)}: {reason}" if reason else f"{unknown}; there are {names}"
    return f"  {_label(question)}{said}"


def _label(question: Question) -> str:
    name = " ".join(filter(None, (question.key, question.text and f"({question.text})")))
    return f"{name}: " if name else ""
