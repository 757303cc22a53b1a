"""What a lesson's notebook calls: check("1.2"), hint("1.2"), solution("1.2"), progress().

None of them raises, and none takes longer than the exercise's time limit, but for what
utils.evaluate says it cannot stop. Output is plain text, the same in every front end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from utils.evaluate import runner
from utils.exercise_data import FOLDER, Exercise, ExerciseError, files, load_exercise, load_lesson
from utils.judge import OPEN, RIGHT, judge
from utils.progress import Record, Records, load, progress_path, save, table

SOLUTIONS = "solutions.json"  # beside the TOML files; tools/build.py writes it
_unsaved: dict[Path, Records] = {}  # what could not be written, by the file it was meant for
_told: set[str] = set()  # sentences about the file, each said once a session
_last: dict[str, str] = {}  # the outcome of each exercise's last check in this session


def check(exercise: str) -> None:
    """Check what the cell above defines, and print the verdict: right, wrong, error, open."""
    namespace = _namespace(sys._getframe(1).f_globals)
    _safely(lambda: _check(load_exercise(exercise, FOLDER), namespace))


def hint(exercise: str) -> None:
    """Print the next hint, from a question to nearly the code."""
    namespace = _namespace(sys._getframe(1).f_globals)
    _safely(lambda: _hint(load_exercise(exercise, FOLDER), namespace))


def solution(exercise: str) -> None:
    """Print a solution, after an attempt or a hint; without one, on the second call."""
    _safely(lambda: _solution(load_exercise(exercise, FOLDER)))


def progress() -> None:
    """Print a table of all exercises with their points; it outlives a restart of the kernel."""
    namespace = _namespace(sys._getframe(1).f_globals)
    _safely(lambda: _progress(namespace))


def passed(exercise: str) -> bool:
    """True when the exercise's last check since the kernel started was right.

    For a lesson that goes on with the learner's function where it is right, else with its own.
    """
    return _last.get(exercise) == RIGHT


def answered(exercise: str) -> Any:
    """The JSON form of the prediction or choice last checked, in any session; None without."""
    return _records().get(exercise, Record()).answer


def _check(exercise: Exercise, namespace: dict) -> Iterable[str]:
    _last.pop(exercise.id, None)
    verdict = judge(exercise, runner(namespace))
    _last[exercise.id] = verdict.outcome
    record = _records().get(exercise.id, Record())
    tried = verdict.outcome != OPEN
    right = verdict.outcome == RIGHT
    kept = verdict.answer if right and exercise.kind != "function" else record.answer
    changes = {"right": record.right or right, "attempts": record.attempts + tried, "answer": kept}
    _note(exercise.id, outcome=verdict.outcome, **changes)
    yield from verdict.lines
    if tried and not right and exercise.kind != "predict":  # any answer in range is right
        more = record.hints < len(exercise.hints)
        yield f'  Next: {"hint" if more else "solution"}("{exercise.id}")'


def _hint(exercise: Exercise, namespace: dict) -> Iterable[str]:
    count = len(exercise.hints)
    if not count:
        yield f"Exercise {exercise.id} has no hints: any answer is accepted. Guess, then measure."
        return
    stage = min(_records().get(exercise.id, Record()).hints + 1, count)
    _note(exercise.id, hints=stage)
    yield f"Hint {stage} of {count} for exercise {exercise.id}: {exercise.hints[stage - 1].strip()}"
    if stage == count:
        yield f'That is the last one; solution("{exercise.id}") shows a solution.'
    yield from _replaced(namespace)


def _solution(exercise: Exercise) -> Iterable[str]:
    record = _records().get(exercise.id, Record())
    if not (record.attempts or record.hints or record.asked):
        _note(exercise.id, asked=True)
        yield f'Try exercise {exercise.id} first, or call hint("{exercise.id}").'
        yield f'Calling solution("{exercise.id}") once more shows a solution.'
        return
    text = _solutions().get(exercise.id)
    if text is None:
        raise ExerciseError("the solutions are not in this copy of the course; run: make build")
    yield f"A solution of exercise {exercise.id}, {exercise.title}:"
    yield ""
    yield text


def _solutions() -> dict[str, str]:
    try:
        return json.loads((FOLDER / SOLUTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _progress(namespace: dict) -> Iterable[str]:
    lessons = []
    for path in files(FOLDER):
        try:
            lessons.append(load_lesson(path))
        except ExerciseError as error:
            yield f"Left out: {error}"
    yield from table(lessons, _records())
    yield from _replaced(namespace)


def _replaced(namespace: dict) -> Iterable[str]:
    """A sentence when the notebook has put something else under the name check."""
    if namespace.get("check", check) is not check:
        yield "`check` is something else in this notebook; run: from utils.check import check"


def _records() -> Records:
    """What is known so far, from the file, or from memory when it could not be written."""
    path = progress_path()
    if path in _unsaved:
        return _unsaved[path]
    records, sentence = load(path)
    if sentence:
        _tell(sentence)
        _unsaved[path] = records
    return records


def _note(id: str, **changes: Any) -> None:
    """Change one record and write the file, or keep it in memory and say so once."""
    path, records = progress_path(), dict(_records())
    records[id] = replace(records.get(id, Record()), **changes)
    sentence = save(path, records)
    if sentence is None:
        _unsaved.pop(path, None)
        return
    if path not in _unsaved:
        _tell(sentence)
    _unsaved[path] = records


def _tell(sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        _print([sentence])


def _namespace(caller: dict) -> dict:
    """The notebook's namespace where there is one, else that of the calling code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
    return caller if shell is None else shell.user_ns


def _safely(lines: Callable[[], Iterable[str]]) -> None:
    """Print the lines that a function gives; whatever goes wrong becomes one sentence."""
    try:
        _print(lines())
    except KeyboardInterrupt:
        _print(["Stopped. Nothing was judged."])
    except ExerciseError as error:
        _print([str(error)])
    except Exception as error:
        _print([f"The check itself failed ({type(error).__name__}); your code was not judged."])


def _print(lines: Iterable[str]) -> None:
    text = "\n".join(lines) + "\n"
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a console that has not all letters
        sys.stdout.write(text.encode("ascii", "backslashreplace").decode())
