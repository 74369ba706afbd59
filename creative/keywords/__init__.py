"""Keywords: a list in, named clusters out, without a network.

    rows = read_keywords(text)                  or fetch_keywords(url, filename, deadline, steps)
    clustering = cluster(ClusterRequest(rows=rows), deadline, steps)
    draw(clustering, deadline, steps)           the map, a PNG
    export(clustering, steps)                   text, variables, clusters.csv, clusters.json

The arithmetic runs in a worker process (`jobs` and what it imports); nothing that is imported
here needs numpy.
"""

from creative.keywords.clustering import cluster
from creative.keywords.drawing import draw
from creative.keywords.existing import Existing, fetch_existing, load_existing, read_existing
from creative.keywords.model import (
    Changes,
    Cluster,
    Clustering,
    Member,
    Quality,
    Summary,
    Topic,
    Unclustered,
)
from creative.keywords.report import Export, export
from creative.keywords.request import ClusterRequest
from creative.keywords.row import Row
from creative.keywords.spelling import fold
from creative.keywords.table import (
    Table,
    fetch_keywords,
    fetch_table,
    load,
    read_keywords,
    read_keywords_file,
)

__all__ = [
    "Changes",
    "Cluster",
    "ClusterRequest",
    "Clustering",
    "Existing",
    "Export",
    "Member",
    "Quality",
    "Row",
    "Summary",
    "Table",
    "Topic",
    "Unclustered",
    "cluster",
    "draw",
    "export",
    "fetch_existing",
    "fetch_keywords",
    "fetch_table",
    "fold",
    "load",
    "load_existing",
    "read_existing",
    "read_keywords",
    "read_keywords_file",
]
