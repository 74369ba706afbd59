"""How well and how fast keywords are clustered, against labelled sets.

    python bench/keywords.py --data FOLDER_OR_TSV [--sizes 200,1000,5000]

Each .tsv has lines "label<TAB>text". Beside a whole set, subsets of it are measured: small,
few per class, skewed, since keyword lists look like that. ARI and NMI compare with the labels
(1 = the same groups); unclustered keywords count as groups of their own. The times are those
of a caller: worker process, model and export included.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from creative import keywords
from creative.deadline import Deadline
from creative.keywords.clustering import WORKER
from creative.steps import Steps

Labelled = list[tuple[str, str]]


def contingency(one: Sequence[object], other: Sequence[object]) -> NDArray[np.float64]:
    """How many items have each pair of labels."""
    rows = np.unique(np.array([str(x) for x in one]), return_inverse=True)[1]
    columns = np.unique(np.array([str(x) for x in other]), return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    return table


def adjusted_rand(table: NDArray[np.float64]) -> float:
    """Hubert and Arabie 1985: pairs that agree, corrected for chance."""

    def pairs(counts: NDArray[np.float64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    chance = rows * columns / pairs(table.sum(keepdims=True))
    most = (rows + columns) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def normalized_information(table: NDArray[np.float64]) -> float:
    """Mutual information over the mean of both entropies."""

    def entropy(counts: NDArray[np.float64]) -> float:
        share = counts[counts > 0] / counts.sum()
        return float(-(share * np.log(share)).sum())

    rows, columns = entropy(table.sum(1)), entropy(table.sum(0))
    mutual = rows + columns - entropy(table.ravel())
    return 1.0 if rows + columns == 0 else 2 * mutual / (rows + columns)


def read(path: Path) -> Labelled:
    """The rows of a labelled set; of texts that fold to the same, the first."""
    found: dict[str, tuple[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        label, _, text = line.partition("\t")
        if text.strip():
            found.setdefault(keywords.fold(text), (label, keywords.table.clean(text)))
    return list(found.values())


def subsets(rows: Labelled) -> Iterator[tuple[str, Labelled]]:
    """The whole set and parts of it, the same in every run."""
    yield "whole", rows
    classes: dict[str, Labelled] = {}
    for row in rows:
        classes.setdefault(row[0], []).append(row)
    names = sorted(classes)
    for title, count, each, skewed in (
        ("20 classes of 10", 20, 10, False),
        ("15 classes of 30", 15, 30, False),
        ("all classes, 4 each", len(names), 4, False),
        ("60 classes, skewed", 60, 8, True),
    ):
        drawn = np.random.default_rng(7)
        part: Labelled = []
        for index in drawn.permutation(len(names))[:count]:
            rows_of = classes[names[index]]
            size = each if not skewed else int(1 + min(30, drawn.pareto(1.0) * each / 2))
            part += [rows_of[i] for i in drawn.permutation(len(rows_of))[:size]]
        yield title, part


def run(texts: list[str]) -> tuple[keywords.Clustering, float]:
    """The clustering and how long it took, in seconds."""
    began = time.perf_counter()
    steps = Steps()
    request = keywords.ClusterRequest(keywords=texts)
    result = keywords.cluster(request, Deadline(600), steps)
    keywords.export(result, steps)
    return result, time.perf_counter() - began


def groups_of(result: keywords.Clustering) -> dict[str, str]:
    """For each keyword the group it is in."""
    found = {k: f"group {c.id}" for c in result.clusters for k in c.keywords}
    return found | {k: f"alone {n}" for n, k in enumerate(result.unclustered)}


def quality(files: list[Path]) -> None:
    print(
        f"{'set':44} {'texts':>6} {'classes':>7} {'clusters':>8} {'alone':>6} {'ARI':>6} {'NMI':>6}"
    )
    for path in files:
        for title, rows in subsets(read(path)):
            result, _ = run([text for _, text in rows])
            groups = groups_of(result)
            table = contingency([label for label, _ in rows], [groups[text] for _, text in rows])
            print(
                f"{path.stem + ': ' + title:44} {len(rows):6} {table.shape[0]:7} "
                f"{len(result.clusters):8} {len(result.unclustered):6} "
                f"{adjusted_rand(table):6.3f} {normalized_information(table):6.3f}"
            )


def speed(texts: list[str], sizes: list[int]) -> None:
    print(f"\n{'keywords':>8} {'cold s':>8} {'warm s':>8}")
    for size in sizes:
        if size > len(texts):
            print(f"{size:8} (the sets have {len(texts)} texts)")
            continue
        WORKER.stop()
        cold, warm = run(texts[:size])[1], min(run(texts[:size])[1] for _ in range(3))
        print(f"{size:8} {cold:8.2f} {warm:8.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a .tsv or a folder of them")
    parser.add_argument("--sizes", default="200,1000,4000", help="list lengths for the timing")
    options = parser.parse_args()
    files = sorted(options.data.glob("*.tsv")) if options.data.is_dir() else [options.data]
    files = [path for path in files if path.is_file()]
    if not files:
        print(f"Skipped: there is no labelled set at {options.data}.")
        return 0
    quality(files)
    texts = [text for path in files for _, text in read(path)]
    speed(texts, [int(size) for size in options.sizes.split(",")])
    return 0


if __name__ == "__main__":
    sys.exit(main())
