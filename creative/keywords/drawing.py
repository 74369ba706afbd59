"""The verb `draw`: a clustering as a picture."""

from __future__ import annotations

from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.keywords.model import Clustering
from creative.steps import Phase, Steps

WIDTH = 1600
HEIGHT = 1200
"""Of the map, in pixels."""
TITLE_TOPICS = 3


def draw(clustering: Clustering, deadline: Deadline, steps: Steps, title: str = "") -> bytes:
    """The clusters as a map: a PNG of WIDTH by HEIGHT pixels.

    Args:
        clustering: what `cluster` gave; read back from a file it has no vectors and no map.
        deadline: the call's clock.
        steps: told what is going on.
        title: what stands above; empty: the names of the largest topics.

    Raises:
        InvalidInput: there is nothing to draw.
        DeadlineExceeded: out of time.
        EngineUnavailable: the worker process cannot start or died.
    """
    largest = sorted(clustering.topics, key=lambda topic: -topic.size)[:TITLE_TOPICS]
    payload = {
        **clustering._drawing,
        "names": [one.name for one in clustering.clusters],
        "ids": [one.id for one in clustering.clusters],
        "topic_names": [topic.name for topic in clustering.topics],
        "title": title or " · ".join(topic.name for topic in largest),
        "width": WIDTH,
        "height": HEIGHT,
    }
    vectors = clustering._vectors
    if vectors is None:
        raise InvalidInput("map", None, "a result that was just clustered")
    with steps.step(Phase.PARSE, "Drawing the map") as step:
        picture: bytes = vectors.run("map_job", payload, deadline, step.progress)
        return picture
