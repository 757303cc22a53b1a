"""The stored reference results, so that a lesson can show a long run it does not repeat."""

from __future__ import annotations

import json
from typing import Any

from utils.data import DATA, DataError


def reference(name: str, seed: int = 0) -> dict[str, Any]:
    """A stored result: `headline` or `dose`, as `utils.experiment` wrote it.

    Raises DataError where there is none, or one that cannot be read.
    """
    path = DATA / "results" / f"{name}-seed{seed}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(
            f"{path.name} is not in data/results: get the course's folder anew, or run "
            f"python -m utils.experiment{' --dose' if name == 'dose' else ''} to make your own"
        ) from None
    except ValueError:
        raise DataError(f"{path.name} is not JSON: get the course's folder anew") from None


def find_rows(result: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    """The rows of a result whose fields have these values: `arm="form", dataset="atlas"`."""
    return [r for r in result["rows"] if all(r[key] == value for key, value in wanted.items())]
