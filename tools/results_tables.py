"""What docs/results.md shows of the stored results: every table, with n and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tools import tables
from utils import report
from utils.sweep_table import pooled

NONE = "Not measured yet: `data/results` holds no `{}.json`.\n"
RATES = ("valid", "right")
UNSEEN = "unseen-test"
PROSE = "prose-dev"
OWN = {"unseen": UNSEEN, "prose": PROSE}
RECIPE = "open-book"  # runs that train this adapter from nothing


def values(root: Path) -> dict[str, str]:
    """The text of each marker of docs/results.md."""
    folder = root / "data" / "results"
    found = tables.load_seeds(folder)
    first, curve = found.get(0), tables.load(folder / "dose-seed0.json")
    return {
        **{f"seed{n}": whole(found.get(n), f"headline-seed{n}") for n in tables.SEEDS},
        "pooled": together(found),
        "recall": tables.recall(first["recall"]) if first else NONE.format("headline-seed0"),
        "weights": weights(found),
        "recipe": recipe(tables.load_seeds(folder, RECIPE)),
        "dose": dose(curve) if curve else NONE.format("dose-seed0"),
        **{key: whole(tables.load(folder / f"{name}.json"), name) for key, name in OWN.items()},
    }


def whole(found: dict | None, name: str) -> str:
    """All rows of one run, with where, when and with what they were measured."""
    if not found:
        return NONE.format(name)
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    table = report.markdown(found["rows"])
    return f"{tables.measured_on(found)} {versions}; {found['embedder']}.\n\n{table}"


def together(headlines: dict[int, dict]) -> str:
    """The trained arms over the seeds: least to most, and all answers with one interval."""
    body = []
    for (*names, n), rows in tables.trained_rows(headlines).items():
        if len(rows) > 1:
            seeds = ", ".join(map(str, rows))
            rates = (over(rows.values(), name) for name in RATES)
            body.append((*names, seeds, n * len(rows), *rates))
    if not body:
        return "Not measured yet: one seed alone is stored.\n"
    head = ("arm", "data set", "variant", "passes", "seeds", "n", *RATES)
    return tables.grid(head, body)


def recipe(found: dict[int, dict]) -> str:
    """The open-book adapter trained from nothing: where and how long, and the rows of each seed;
    of several the rows together as well."""
    if not found:
        return NONE.format(f"{RECIPE}-seed0")
    lines = [
        f"- {tables.measured_on(one)} Training took "
        f"{tables.span(one['seconds'][f'training {RECIPE}'])}.\n"
        for one in found.values()
    ]
    tables_of = [f"Seed {n}:\n\n{report.markdown(one['rows'])}" for n, one in found.items()]
    if len(found) > 1:
        tables_of.append(f"Together:\n\n{together(found)}")
    return "\n".join(["".join(lines), *tables_of])


def over(rows: Iterable[dict], name: str) -> str:
    """ "98 % (96–99), 97 to 99"."""
    found = pooled([row[name] for row in rows])
    return f"{report.percent(found)}, {100 * found['min']:.0f} to {100 * found['max']:.0f}"


def weights(headlines: dict[int, dict]) -> str:
    """The hash of all weights before and after the arms that read, a line a run."""
    body = []
    for seed, found in headlines.items():
        before, after = found["weights"]["before_rag"], found["weights"]["after_rag"]
        if before:
            said = "the same" if before == after else "DIFFERENT"
            held = found["device"]["dtype"]
            body.append((seed, held, f"`{before[:16]}…`", f"`{after[:16]}…`", said))
    head = ("seed", "numbers", "before", "after", "")
    return tables.grid(head, body) if body else NONE.format("headline-seed0")


def dose(found: dict) -> str:
    """All rows of the dose curve."""
    return f"{tables.measured_on(found)}\n\n{report.markdown(found['rows'])}"


def reach(root: Path) -> str:
    """One line for README.md: how far reading carries to documents of another kind."""
    found = {name: tables.load(root / "data" / "results" / f"{name}.json") for name in OWN.values()}
    if not found[UNSEEN]:
        return NONE.format(UNSEEN)
    said = (
        "On hand-written passages and questions about things in no training example, some "
        f"without an answer, open-book + RAG was right in {_read(found[UNSEEN])}"
    )
    if found[PROSE]:
        said += (
            f"; on longer prose with a particular in every clause in {_read(found[PROSE])} (a set "
            "to develop on)"
        )
    return f"{said}: expect less on your documents than on the towns.\n"


def _read(found: dict) -> str:
    """ "80 % (73–86), n = 150": how often open-book + RAG was right."""
    (row,) = (row for row in found["rows"] if row["arm"] == "open-book+rag")
    return f"{report.percent(row['right'])}, n = {row['n']}"
