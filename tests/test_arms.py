"""The arms and the command line: what is run, and the sentence where nothing can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils import arms, experiment, session
from utils.arms import ARMS, DATASETS, NAMES, choose
from utils.data import DATA, DataError, load_questions
from utils.experiment import QUICK_LIMIT, RESULTS, main, parse
from utils.fetch import ModelError

ROWS = [(arm, task) for arm in ARMS for task in arm.tasks]


def test_all_arms_without_a_choice() -> None:
    assert choose() == list(ARMS)
    assert choose(list(NAMES), list(DATASETS)) == list(ARMS)


def test_names_are_in_the_order_of_the_table() -> None:
    wanted = "base few-shot chain form facts base+rag form+rag open-book open-book+rag".split()
    assert list(NAMES) == wanted
    assert [arm.name for arm in choose(["form+rag", "base"])] == ["base", "form+rag"]


def test_both_doses_of_facts_are_one_name() -> None:
    assert [(arm.adapter, arm.passes) for arm in choose(["facts"])] == [
        ("facts-3", 3),
        ("facts-20", 20),
    ]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_choice_of_data_sets_keeps_their_tasks_and_no_others(dataset: str) -> None:
    wanted = [(arm.name, arm.passes, task) for arm, task in ROWS if task.dataset == dataset]
    found = [(arm.name, arm.passes, task) for arm in choose(None, [dataset]) for task in arm.tasks]
    assert found == wanted != []


ERRORS = [
    ((["facts", "fact"], None), f"'fact' is no arm; there are: {', '.join(NAMES)}"),
    ((None, ["Atlas"]), "'Atlas' is no data set; there are: cities, atlas, library, form"),
    (
        (["facts", "few-shot"], ["atlas"]),
        "facts, few-shot: not asked on atlas; choose other arms or data sets",
    ),
]


@pytest.mark.parametrize(("chosen", "sentence"), ERRORS, ids=[case[1][:30] for case in ERRORS])
def test_a_choice_that_makes_no_sense(chosen, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        choose(*chosen)
    assert str(caught.value) == sentence


def test_no_row_is_measured_twice() -> None:
    keys = [(arm.name, arm.passes, task.dataset, task.variant) for arm, task in ROWS]
    assert len(keys) == len(set(keys))


def test_passages_are_shown_by_the_rag_arms_and_no_others() -> None:
    for arm, task in ROWS:
        assert (arm.prompt == "rag") == (task.retriever is not None) == (task.k is not None)
        assert arm.name.endswith("+rag") == (arm.prompt == "rag")


def test_only_adapters_that_were_trained_on_something_have_passes() -> None:
    for arm in ARMS:
        assert (arm.passes is not None) == (arm.name == "facts")
        assert arm.adapter is None or arm.adapter.startswith(arm.name.removesuffix("+rag"))
        assert (arm.adapter is None) == (arm.name.split("+")[0] in ("base", "few-shot", "chain"))
    assert {arm.passes for arm in ARMS if arm.passes} <= set(arms.DOSES)


def test_every_task_has_questions() -> None:
    asked = {
        name: {(q.variant, q.split) for q in load_questions(DATA / name / "questions.jsonl")}
        for name in DATASETS
        if name != "library"
    }
    for _, task in ROWS:
        variant = "plain" if task.variant == "general" else task.variant
        assert task.dataset == "library" or (variant, "test") in asked[task.dataset]


def test_an_empty_command_line_is_the_whole_experiment() -> None:
    options = parse([])
    assert (options.arms, options.datasets, options.limit, options.model) == (None,) * 4
    assert (options.seed, options.train, options.split) == (0, "short", "test")
    assert options.out == RESULTS and not options.quick and not options.dose


LINES = [
    ("--arms base,form", "arms", ["base", "form"]),
    ("--datasets cities", "datasets", ["cities"]),
    ("--limit 7", "limit", 7),
    ("--quick", "limit", QUICK_LIMIT),
    ("--quick --limit 7", "limit", 7),
    ("--seed 3", "seed", 3),
    ("--train all", "train", "all"),
    ("--split dev", "split", "dev"),
    ("--dose", "dose", True),
    ("--doses 20,3", "doses", (3, 20)),
    ("--doses 3", "dose", True),
    ("--out here", "out", Path("here")),
    ("--passages own --questions q.jsonl", "passages", Path("own")),
    ("--answers a.jsonl", "answers", Path("a.jsonl")),
]


@pytest.mark.parametrize(("line", "name", "value"), LINES, ids=[case[0] for case in LINES])
def test_a_command_line_is_read(line: str, name: str, value: object) -> None:
    assert getattr(parse(line.split()), name) == value


def test_spaces_after_commas_do_no_harm() -> None:
    assert parse(["--arms", "base, base+rag"]).arms == ["base", "base+rag"]


NONSENSE = [
    ("--passages own", "--passages and --questions go together: give both"),
    ("--questions q.jsonl", "--passages and --questions go together: give both"),
    ("--limit 0", "--limit must be 1 or more"),
    ("--quick --limit -1", "--limit must be 1 or more"),
    ("--limit many", "argument --limit: invalid int value: 'many'"),
    ("--train long", "argument --train: invalid choice: 'long'"),
    ("--split train", "argument --split: invalid choice: 'train'"),
    ("--doses 3,many", "--doses takes passes over the facts, such as 3,20"),
    ("--fast", "unrecognized arguments: --fast"),
]


@pytest.mark.parametrize(("line", "sentence"), NONSENSE, ids=[case[0] for case in NONSENSE])
def test_a_command_line_that_makes_no_sense(line: str, sentence: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line.split())
    assert caught.value.code == 2
    assert f"python -m utils.experiment: error: {sentence}" in capsys.readouterr().err


def fails(error: BaseException):
    """A run that ends with the error."""

    def run(*_) -> None:
        raise error

    return run


ENDS = [
    (ModelError("The model is not there; run: x"), 1, "Stopped: The model is not there; run: x\n"),
    (DataError("a.jsonl, line 3: x"), 1, "Stopped: a.jsonl, line 3: x\n"),
    (ValueError("no such adapter"), 1, "Stopped: no such adapter\n"),
    (RuntimeError("the weights changed"), 1, "Stopped: the weights changed\n"),
    (
        KeyboardInterrupt(),
        130,
        "\nStopped. Finished arms are kept; run the same command again to go on.\n",
    ),
]


@pytest.mark.parametrize(("error", "code", "sentence"), ENDS, ids=[str(case[1:]) for case in ENDS])
def test_how_a_run_ends(error, code: int, sentence: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(session, "run_arms", fails(error))
    assert main([]) == code
    assert capsys.readouterr().err == sentence


def test_an_error_without_words_is_shown_whole(monkeypatch) -> None:
    monkeypatch.setattr(session, "run_arms", fails(ValueError()))
    with pytest.raises(ValueError):
        main([])


@pytest.mark.parametrize(("chosen", "sentence"), ERRORS, ids=[case[1][:30] for case in ERRORS])
def test_a_wrong_choice_stops_before_any_model_is_touched(
    chosen, sentence: str, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(session, "run_arms", fails(AssertionError("a run was started")))
    names, datasets = chosen
    line = ["--arms", ",".join(names)] if names else []
    line += ["--datasets", ",".join(datasets)] if datasets else []
    assert main(line) == 1
    assert capsys.readouterr().err == f"Stopped: {sentence}\n"


WAYS = [
    ([], "run_arms"),
    (["--dose"], "run_dose"),
    (["--doses", "0,1,3,6,10,15,20"], "run_dose"),
    (["--passages", "own", "--questions", "q.jsonl"], "run_own"),
]


@pytest.mark.parametrize(
    ("line", "way"), WAYS, ids=[case[0][0] if case[0] else "none" for case in WAYS]
)
def test_the_command_line_chooses_the_run(line: list[str], way: str, monkeypatch) -> None:
    called = []
    for name in ("run_arms", "run_dose", "run_own"):
        monkeypatch.setattr(session, name, lambda options, *rest, n=name: called.append((n, rest)))
    assert main(line) == 0
    assert called == [(way, (arms.DOSES,) if way == "run_dose" else ())]
    assert experiment.DOSES[0] == 0
