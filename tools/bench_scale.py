"""What grows how: `python tools/bench_scale.py` writes results/scale.json, for docs/scale.md.

lengths: a training step by the tokens in it. processes: two against one on the same cores, in
turns. embedding: passages a second. codes: vectors made small, what they find and how fast.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import bench, bench_search  # noqa: E402
from tools.bench_search import recall  # noqa: E402
from utils import parallel  # noqa: E402
from utils.datasets import load_dataset, training_examples  # noqa: E402
from utils.finetune import Settings, train  # noqa: E402
from utils.generate import generate  # noqa: E402
from utils.models import ModelError, device_and_dtype, load_embedder, load_model  # noqa: E402
from utils.nearest import search_exact  # noqa: E402
from utils.pairs import Group, make_groups, make_row  # noqa: E402
from utils.prompts import titled  # noqa: E402
from utils.recipes import load_to_train  # noqa: E402
from utils.report import write_json  # noqa: E402
from utils.retrieve import embed  # noqa: E402

PARTS = ("lengths", "processes", "embedding", "codes")
STEPS = 4  # of a training; the first is not timed
PLACES = (0.1, 0.5, 0.9)  # which rows of the training set are taken, by length
QUESTIONS = 24
TEXTS = 512
VECTORS, LISTS, LOOKED, AGAIN = 100_000, 1024, 64, 100
CODES = {
    "fp16": "SQfp16",
    "PQ, 96 bytes": "PQ96",
    "PQ of 4 bits, 96 bytes": "PQ192x4fs",
    "PQ, 48 bytes": "PQ48",
}
WRITTEN = 32  # tokens


def timed_training(groups: Sequence[Group], settings: Settings) -> tuple[float, float]:
    """(tokens a step, seconds of the fastest) of a training on these groups, the first left out."""
    stamps: list[float] = []
    model, tokenizer = load_to_train()
    sizes = [len(make_row(group, tokenizer)["input_ids"]) for group in groups]
    folder = Path(parallel.from_main(tempfile.mkdtemp))
    train(
        model,
        tokenizer,
        groups,
        settings,
        folder / "adapter",
        lambda step: stamps.append(time.perf_counter()),
    )
    if parallel.is_main():
        shutil.rmtree(folder, ignore_errors=True)
    seconds = min(b - a for a, b in pairwise(stamps))  # other work on the machine only adds
    return sum(sizes) / len(sizes) * settings.batch_size, seconds


def lengths() -> list[dict]:
    """A training step of two rows, short, middling and long ones."""
    _, tokenizer = load_model()
    groups = make_groups(training_examples("open-book")[:3000], tokenizer)
    groups.sort(key=lambda group: len(make_row(group, tokenizer)["input_ids"]))
    rows = []
    for place in PLACES:
        start = int(place * len(groups)) - STEPS
        settings = Settings(batch_size=2)
        tokens, seconds = timed_training(groups[start : start + 2 * STEPS], settings)
        rows.append({"tokens": tokens, "seconds": seconds, "rows": 2, "timed": STEPS - 1})
        print(f"  {tokens:.0f} tokens: {seconds:.2f} s a step", flush=True)
    return rows


def processes(rounds: int) -> list[dict]:
    """One process and two on this machine's cores, in turns: tokens and answers a second."""
    rows = []
    for turn in range(rounds):
        for count in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                told = Path(folder) / "told.json"
                threads = max(1, (os.cpu_count() or 1) // count)
                launch = [sys.executable]
                if count > 1:
                    launch += ["-m", "accelerate.commands.launch", "--multi_gpu"]
                    launch += ["--num_processes", str(count), "--num_machines", "1"]
                    launch += ["--main_process_port", "0", "--mixed_precision", "no"]
                    launch += ["--dynamo_backend", "no"]
                    launch += ["--num_cpu_threads_per_process", str(threads)]
                command = [*launch, str(Path(__file__).resolve()), "--worker", str(told)]
                subprocess.run(command, cwd=ROOT, check=True)
                rows.append({"processes": count, "round": turn + 1, **json.loads(told.read_text())})
                print("  " + json.dumps(rows[-1]), flush=True)
    return rows


def worker(told: Path) -> None:
    """One process of `processes`: its share of a training and of the questions."""
    parallel.join(cpu=device_and_dtype()[0].type == "cpu")
    from tools.bench_answers import prompts_of

    groups = make_groups(training_examples("form")[: 8 * STEPS], load_model()[1])
    tokens, seconds = timed_training(groups, Settings(rank=8, alpha=16, batch_size=8))
    model, tokenizer = load_model()
    mine = parallel.shard(prompts_of(QUESTIONS, tokenizer)[0])
    generate(model, tokenizer, mine[:1], 2)
    parallel.wait()
    begun = time.perf_counter()
    found = parallel.gather(generate(model, tokenizer, mine, WRITTEN))
    answering = time.perf_counter() - begun
    if parallel.is_main():
        rates = {"tokens_per_second": tokens / seconds, "answers_per_second": QUESTIONS / answering}
        write_json(told, rates | {"questions": len(found), "steps": STEPS - 1})
    parallel.leave()


def embedding() -> dict:
    """Passages a second, of the length that those of atlas and library have."""
    texts = [titled(p) for name in ("atlas", "library") for p in load_dataset(name).passages]
    texts = (texts * (TEXTS // len(texts) + 1))[:TEXTS]
    embedder = load_embedder()
    embed(embedder, texts[:32])
    begun = time.perf_counter()
    embed(embedder, texts)
    rate = TEXTS / (time.perf_counter() - begun)
    size = sum(len(text.encode()) for text in texts) / TEXTS
    return {"passages_per_second": rate, "n": TEXTS, "bytes_a_passage": size}


def codes() -> list[dict]:
    """Lists of vectors held in few bytes: recall@10, and vectors looked through a second a core."""
    import faiss

    passages, questions = bench_search.real_vectors()
    vectors = bench_search.draw(passages, VECTORS, 0)
    queries = bench_search.draw(questions, bench_search.QUERIES, 1)
    _, wanted = search_exact(vectors, queries, 10)
    rows = []
    for name, code in CODES.items():
        made = f"IVF{LISTS},{code}"
        index = faiss.index_factory(vectors.shape[1], made, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        index.nprobe = LOOKED
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        index.search(queries[:8], AGAIN)
        faiss.cvar.indexIVF_stats.reset()
        begun = time.perf_counter()
        _, found = index.search(queries, AGAIN)
        seconds = time.perf_counter() - begun
        faiss.omp_set_num_threads(threads)
        row = {
            "name": name,
            "bytes_a_vector": index.code_size,
            "recall_at_10": recall(found[:, :10], wanted),
            "recall_at_10_ranked_again": recall(ranked_again(found, vectors, queries), wanted),
            "looked_through_per_second": faiss.cvar.indexIVF_stats.ndis / seconds,
            "share_looked_through": faiss.cvar.indexIVF_stats.ndis / len(queries) / VECTORS,
            "vectors": VECTORS,
            "n": len(queries),
        }
        rows.append(row)
        print("  " + json.dumps(row), flush=True)
    return rows


def ranked_again(found, vectors, queries):
    """The ten best of the rows found, by the whole vectors' own scores."""
    scores = (vectors[found] * queries[:, None]).sum(-1)
    return [line[order[:10]] for line, order in zip(found, (-scores).argsort(1), strict=True)]


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts asked for and write them beside those measured before."""
    parser = argparse.ArgumentParser(prog="python tools/bench_scale.py", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=2, help="of the processes, in turns")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "scale.json")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        worker(given.worker)
        return 0
    if given.rounds < 1:
        parser.error("--rounds must be 1 or more")
    make = {"lengths": lengths, "embedding": embedding, "codes": codes}
    make["processes"] = lambda: processes(given.rounds)
    try:
        bench.keep(given.out, given.parts, lambda part: make[part]())
    except (ModelError, subprocess.CalledProcessError) as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return 1
    print(f"Written: {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
