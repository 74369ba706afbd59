"""Keywords: a list in, named clusters out, without a network.

    keywords = read_keywords(text)              or fetch_keywords(url, filename, deadline, steps)
    clustering = cluster(ClusterRequest(keywords=keywords), deadline, steps)
    export(clustering, steps)                   text, JSON-ready clusters, clusters.csv

The arithmetic runs in a worker process (`jobs`, `embed`, `tree`, `name`); nothing that is
imported here needs numpy.
"""

from creative.keywords.clustering import (
    Cluster,
    Clustering,
    ClusterRequest,
    Member,
    Summary,
    cluster,
)
from creative.keywords.report import Export, export
from creative.keywords.table import fetch_keywords, fold, read_keywords, read_keywords_file

__all__ = [
    "Cluster",
    "ClusterRequest",
    "Clustering",
    "Export",
    "Member",
    "Summary",
    "cluster",
    "export",
    "fetch_keywords",
    "fold",
    "read_keywords",
    "read_keywords_file",
]
