"""A run of the experiment: arms run or taken from disk, results written."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from utils import models, parallel, plots, report, runner
from utils.arms import DATASETS, INSTRUCTED, OWN, Arm, Task, choose
from utils.data import DATA, DataError, Question, load_questions
from utils.datasets import Dataset, load_dataset
from utils.documents import load_documents
from utils.rag import Answer
from utils.screen import Screen
from utils.stage import Stage, data_hash, kept_rows

if TYPE_CHECKING:
    from utils.experiment import Options


def meet(options: Options) -> None:
    """Of several processes: join, see that all run the same, let the main one fetch first.

    Raises ParallelError. With one process there is nothing to do.
    """
    parallel.join(models.device_and_dtype()[0].type == "cpu" if parallel.size() > 1 else True)
    if parallel.size() == 1:
        return
    with parallel.main_first():
        models.model_source()
        models.embedder_source()
        if options.passages is None and "library" in (options.datasets or DATASETS):
            load_dataset("library")
    made = Stage(options, Screen(""))
    versions = [version(package) for package in report.PACKAGES]
    parallel.agree(json.dumps([str(kept_rows(options)), str(made.trained()), str(DATA), versions]))
    parallel.see(options.out)


def run_arms(options: Options) -> dict:
    """Run the chosen arms, write results/headline.json and the picture; returns the headline."""
    arms = choose(options.arms, options.datasets)
    library = runner.Library(load_dataset, functools.cache(models.load_embedder))
    screen = Screen(f"Form & Facts, seed {options.seed}, {options.split} split")
    stage = Stage(options, screen)
    kept = kept_rows(options)
    before = _hash_base(stage) if any(arm.prompt == "rag" for arm in arms) else None
    answers = []
    told = None
    with screen.open():
        for arm in arms:
            for row in run_arm(arm, stage, library, kept, answers):
                screen.add(row)
        if any(arm.name == "base" and Task("form") in arm.tasks for arm in arms):
            told = next(run_arm(INSTRUCTED, stage, library, kept, []), None)
    searched = {t.dataset: None for arm in arms for t in arm.tasks if t.retriever}
    with stage.clock.phase("recall"):
        recall = runner.recall_rows(library, list(searched), options.limit, options.split)
    weights = {"before_rag": before, "after_rag": before and _hash_base(stage)}
    found = {**_headline(stage, screen.rows, recall, weights), "instructed": told}
    if parallel.is_main():
        report.write_json(options.out / "headline.json", found)
        text = plots.headline_picture(screen.rows, options.out)
        screen.say(f"{text}Written: {options.out / 'headline.json'} and the picture beside it.")
    _write_answers(options, answers)
    return found


def run_arm(arm: Arm, stage: Stage, library, kept: Path, answers: list) -> Iterator[dict]:
    """The arm's rows, one a task, as they are done; rows already on disk are taken from there."""
    for task in arm.tasks:
        parts = (arm.name, arm.prompt, arm.passes, task.dataset, task.variant)
        path = kept / ("_".join(str(part) for part in parts) + ".json")
        read = functools.partial(report.read_json, path)
        row = None if stage.options.answers else parallel.from_main(read)
        if row is None and not _questions(task, stage.options, library):
            stage.screen.say(f"{task.dataset} has no {stage.options.split} questions; left out.")
            continue
        if row is None:
            row, given = _fresh(arm, task, stage, library)
            if parallel.is_main():
                report.write_json(path, row)
            answers += [(arm.name, answer) for answer in given]
        yield row


def _questions(task: Task, options: Options, library: runner.Library) -> list[Question]:
    return runner.questions_of(library, task, options.limit, options.split)


def _fresh(arm: Arm, task: Task, stage: Stage, library) -> tuple[dict, list]:
    options = stage.options
    with stage.clock.phase("loading models"):
        model = stage.model_for(arm.adapter)
    size = len(parallel.shard(_questions(task, options, library)))
    stage.screen.begin(f"{arm.name} on {task.dataset}, {task.variant}", size)
    before = _hash(stage, model) if task.retriever else None
    with stage.clock.phase(f"answers of {arm.name}"):
        row, answers = runner.run_task(
            arm,
            task,
            model,
            stage.tokenizer(),
            library,
            options.limit,
            options.split,
            stage.screen.tick,
        )
    if before and _hash(stage, model) != before:
        raise RuntimeError(f"the weights changed while {arm.name} only read: this must not happen")
    row["adapter"] = stage.origins.get(arm.adapter) if arm.adapter else None
    return row, answers


def run_dose(options: Options, doses: tuple[int, ...]) -> list[dict]:
    """The dose curve: one training of the most passes, asked at each; results/dose.json."""
    library = runner.Library(load_dataset, functools.cache(models.load_embedder))
    screen = Screen(f"Passes over the facts, seed {options.seed}")
    stage = Stage(options, screen)
    kept = kept_rows(options) / "dose"
    tasks = next(arm.tasks for arm in choose() if arm.name == "facts")
    with screen.open():
        for dose in doses:
            arm = Arm("facts", f"facts-{dose}" if dose else None, "closed", tasks, dose)
            for row in run_arm(arm, stage, library, kept, []):
                screen.add(row)
    found = _headline(stage, screen.rows, [], {})
    if parallel.is_main():
        report.write_json(options.out / "dose.json", found)
        screen.say(plots.dose_picture(screen.rows, options.out))
    return screen.rows


def run_own(options: Options) -> list[dict]:
    """The reading arms on documents and questions of one's own; results/own.json.

    Raises DataError for files without a passage or a question.
    """
    passages = load_documents(options.passages)
    questions = [replace(q, variant="own", split="own") for q in load_questions(options.questions)]
    if not questions:
        raise DataError(f"{options.questions}: holds no question: give at least one")
    own = Dataset("own", passages, questions)
    library = runner.Library(lambda name: own, functools.cache(models.load_embedder))
    screen = Screen(f"{options.passages}: {len(passages)} passages, {len(questions)} questions")
    stage = Stage(replace(options, split="own"), screen)
    answers: list = []
    names = options.arms or list(OWN)
    with screen.open():
        for arm in choose(names):
            found = Task("own", "own", 3, "hybrid") if arm.prompt == "rag" else Task("own", "own")
            row, given = _fresh(replace(arm, tasks=(found,)), found, stage, library)
            screen.add(row)
            answers += [(arm.name, answer) for answer in given]
    if parallel.is_main():
        report.write_json(options.out / "own.json", _headline(stage, screen.rows, [], {}))
    _write_answers(options, answers)
    return screen.rows


def _headline(stage: Stage, rows: list[dict], recall: list[dict], weights: dict) -> dict:
    """The result with what it depends on: model, embedder, seed, adapters, split."""
    options = stage.options
    return report.headline(
        rows,
        recall,
        weights,
        model=options.model or _short(models.model_source()),
        embedder=_short(models.embedder_source()),
        seed=options.seed,
        split=options.split,
        data=data_hash(),
        processes=parallel.size(),
        seconds={name: round(spent, 1) for name, spent in stage.clock.spent.items()},
    )


def _short(source: str) -> str:
    """A source without this machine's folders."""
    return Path(source).name if Path(source).is_dir() else source


def _hash_base(stage: Stage) -> str:
    with stage.clock.phase("loading models"):
        model = stage.model_for(None)
    return _hash(stage, model)


def _hash(stage: Stage, model) -> str:
    with stage.clock.phase("hashing weights"):
        return models.weights_hash(model)


def _write_answers(options: Options, answers: Sequence[tuple[str, Answer]]) -> None:
    """One JSON line an arm and question, where --answers asks for it."""
    if options.answers is None or not parallel.is_main():
        return
    lines = [json.dumps(_answer_line(arm, answer), ensure_ascii=False) for arm, answer in answers]
    options.answers.parent.mkdir(parents=True, exist_ok=True)
    options.answers.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _answer_line(arm: str, answer: Answer) -> dict:
    verdict = answer.verdict
    return {
        "arm": arm,
        "id": answer.question.id,
        "passages": [passage.id for passage in answer.passages],
        "text": answer.completion.text,
        "card": verdict.card.model_dump() if verdict.card else None,
        "verdict": "right" if verdict.right else "wrong",
        "diagnosis": verdict.diagnosis,
    }
