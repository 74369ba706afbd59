"""How well, how fast and with how much memory keywords are clustered, beside what others use.

    python bench/keywords.py --data FOLDER_OR_TSV [--peers PYTHON] [--subsets] [--sizes 1000,5000]

Each .tsv has lines "label<TAB>text". For every set and method: ARI, NMI, AMI (1 = the same groups
as the labels; AMI and ARI are 0 for chance), homogeneity, groups, unclustered texts (each counts
as a group of its own), seconds and peak memory. Ours is measured as a caller sees it: model,
worker process and export included, started cold for every set.

With --peers, a Python that has bertopic, sentence-transformers and scikit-learn, three others run
beside it (`keyword_peers.py`): BERTopic with its defaults, sentence-transformers' community
detection (its default threshold, groups from 2), and k-means that is told the true number.

With --subsets, parts of each set are measured too: small, few per class, skewed, since keyword
lists look like that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from creative import keywords
from creative.deadline import Deadline
from creative.keywords.process import WORKER
from creative.steps import Steps

ROOT = Path(__file__).resolve().parent.parent
Labelled = list[tuple[str, str]]
METHODS = ("ours", "bertopic", "community", "kmeans")


@dataclass(frozen=True)
class Score:
    """One method on one set."""

    ari: float
    nmi: float
    ami: float
    homogeneity: float
    groups: int
    alone: int
    seconds: float
    peak_mb: float


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


def entropy(counts: NDArray[np.float64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def information(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """NMI (over the mean of both entropies), AMI and homogeneity; labels are the rows."""
    rows, columns = entropy(table.sum(1)), entropy(table.sum(0))
    mutual = max(0.0, rows + columns - entropy(table.ravel()))
    mean = (rows + columns) / 2
    chance = expected_information(table.sum(1), table.sum(0))
    nmi = mutual / mean if mean else 1.0
    ami = (mutual - chance) / (mean - chance) if abs(mean - chance) > 1e-12 else 1.0
    return nmi, ami, mutual / rows if rows else 1.0


def expected_information(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> float:
    """Mutual information that chance gives groups of these sizes (Vinh, Epps, Bailey 2010)."""
    total = int(rows.sum())
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    expected = 0.0
    for a, times_a in zip(*np.unique(rows.astype(int), return_counts=True), strict=True):
        for b, times_b in zip(*np.unique(columns.astype(int), return_counts=True), strict=True):
            n = np.arange(max(1, a + b - total), min(a, b) + 1)
            odds = (
                factorial[a] + factorial[b] + factorial[total - a] + factorial[total - b]
                - factorial[total] - factorial[n] - factorial[a - n] - factorial[b - n]
                - factorial[total - a - b + n]
            )  # fmt: skip
            share = n / total * np.log(total * n / (a * b))
            expected += float((share * np.exp(odds)).sum()) * int(times_a) * int(times_b)
    return expected


def read(path: Path) -> Labelled:
    """The rows of a labelled set; of texts that fold to the same, the first."""
    found: dict[str, tuple[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        label, _, text = line.partition("\t")
        if text.strip():
            found.setdefault(keywords.fold(text), (label, " ".join(text.split())))
    return list(found.values())


def subsets(rows: Labelled) -> Iterator[tuple[str, Labelled]]:
    """Parts of a set, the same in every run."""
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


def score(labels: Sequence[str], found: Sequence[int], seconds: float, peak_mb: float) -> Score:
    """The figures; -1 in `found` is a text without a group."""
    apart = [str(group) if group >= 0 else f"alone {row}" for row, group in enumerate(found)]
    table = contingency(labels, apart)
    nmi, ami, homogeneity = information(table)
    groups = len({group for group in found if group >= 0})
    alone = sum(group < 0 for group in found)
    return Score(adjusted_rand(table), nmi, ami, homogeneity, groups, alone, seconds, peak_mb)


def peak(pid: int | str) -> float:
    """The most memory that a process has used, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def ours(texts: Sequence[str]) -> tuple[list[int], float, float]:
    """For each text its group or -1, seconds, and the peak memory of the worker in MB."""
    began = time.perf_counter()
    steps = Steps()
    request = keywords.ClusterRequest(rows=[keywords.Row(keyword=text) for text in texts])
    result = keywords.cluster(request, Deadline(600), steps)
    keywords.export(result, steps)
    seconds = time.perf_counter() - began
    group = {
        spelling: number
        for number, cluster in enumerate(result.clusters)
        for member in cluster.members
        for spelling in member.spellings
    }
    return [group.get(text, -1) for text in texts], seconds, peak(WORKER.pid or "self")


def theirs(python: str, model: str, method: str, rows: Labelled) -> tuple[list[int], float, float]:
    """The same from a peer."""
    texts, labels = [text for _, text in rows], {label for label, _ in rows}
    command = [python, str(ROOT / "bench" / "keyword_peers.py"), method, "--model", model]
    done = subprocess.run(
        command,
        input=json.dumps({"texts": texts, "classes": len(labels)}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(f"{method} failed: {reason}")
    answer = json.loads(done.stdout)
    return answer["labels"], answer["seconds"], answer["peak_mb"]


def quality(
    files: list[Path], parts: bool, methods: Sequence[str], python: str, model: str
) -> None:
    sums: dict[str, list[Score]] = {method: [] for method in methods}
    columns = ("ARI", "NMI", "AMI", "homog", "groups", "alone", "s", "MB")
    print(f"{'set':36} {'texts':>6} {'labels':>6}  {'method':10}", *(f"{c:>6}" for c in columns))
    for path in files:
        whole = read(path)
        named = [(path.stem, whole)]
        if parts:
            named += [(f"{path.stem}: {title}", part) for title, part in subsets(whole)]
        for title, rows in named:
            labels = [label for label, _ in rows]
            for method in methods:
                if method == "ours":
                    WORKER.stop()
                    found = ours([text for _, text in rows])
                else:
                    try:
                        found = theirs(python, model, method, rows)
                    except RuntimeError as error:  # BERTopic refuses very small lists
                        print(f"{title:36} {len(rows):6} {len(set(labels)):6}  {error}")
                        continue
                result = score(labels, *found)
                sums[method].append(result)
                print(f"{title:36} {len(rows):6} {len(set(labels)):6}  {method:10}", line(result))
                sys.stdout.flush()
    for method, results in sums.items():
        if results:
            means = [float(np.mean([getattr(r, f) for r in results])) for f in FIELDS]
            mean = Score(*means[:4], round(means[4]), round(means[5]), *means[6:])
            print(f"{'mean of ' + str(len(results)):36} {'':13}  {method:10}", line(mean))


FIELDS = tuple(Score.__dataclass_fields__)


def line(result: Score) -> str:
    figures = (result.ari, result.nmi, result.ami, result.homogeneity)
    return (
        " ".join(f"{figure:6.3f}" for figure in figures)
        + f" {result.groups:6} {result.alone:6} {result.seconds:6.1f} {result.peak_mb:6.0f}"
    )


def speed(texts: list[str], sizes: list[int]) -> None:
    print(f"\n{'keywords':>8} {'cold s':>8} {'warm s':>8} {'worker MB':>10}")
    for size in sizes:
        if size > len(texts):
            print(f"{size:8} (the sets have {len(texts)} texts)")
            continue
        WORKER.stop()
        _, cold, memory = ours(texts[:size])
        warm = min(ours(texts[:size])[1] for _ in range(2))
        print(f"{size:8} {cold:8.2f} {warm:8.2f} {memory:10.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a .tsv or a folder of them")
    parser.add_argument("--sizes", default="200,1000,4000", help="list lengths for the timing")
    parser.add_argument("--subsets", action="store_true", help="measure parts of the sets too")
    parser.add_argument("--peers", default="", help="Python of an environment with the peers")
    parser.add_argument("--model", default="", help="the peers' model: a name or a folder")
    parser.add_argument("--methods", default=",".join(METHODS), help="some of them, with commas")
    options = parser.parse_args()
    methods = [name for name in METHODS if name in options.methods.split(",")]
    if not options.peers:
        methods = [name for name in methods if name == "ours"]
    files = sorted(options.data.glob("*.tsv")) if options.data.is_dir() else [options.data]
    files = [path for path in files if path.is_file()]
    if not files:
        print(f"Skipped: there is no labelled set at {options.data}.")
        return 0
    quality(files, options.subsets, methods, options.peers, options.model)
    texts = [text for path in files for _, text in read(path)]
    sizes = [int(size) for size in options.sizes.split(",") if size]
    speed(list(dict.fromkeys(texts)), sizes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
