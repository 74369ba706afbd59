"""What the nodes for articles read: clusters, lists and budgets.

Not a node itself: it has no YAML. `tests.declarations` follows the functions here.
"""

from __future__ import annotations

from creative import content, keywords
from creative.content import article_request, given, idea, ideas_given
from creative.errors import InvalidInput
from creative.language import Budget
from tools.adapter import Call, Parameters


def check(parameters: Parameters) -> None:
    """Raise InvalidInput unless there is exactly one of clusters, clusters_file and text."""
    names = ("clusters", "clusters_file", "text")
    came = (
        parameters.raw("clusters"),
        parameters.raw("clusters_file"),
        parameters.raw("text"),
    )
    there = [name for name, value in zip(names, came, strict=True) if value is not None]
    if not there:
        raise InvalidInput("clusters", None, "clusters, clusters_file or text")
    if len(there) > 1:
        raise InvalidInput(there[1], "a second input", f"nothing while {there[0]} is given")


def budget(parameters: Parameters) -> Budget | None:
    """The limit of tokens, if there is one.

    Raises:
        InvalidInput: it is no whole number above 0.
    """
    most = parameters.integer("budget_tokens")
    if most is not None and most < 1:
        raise InvalidInput("budget_tokens", most, "a whole number from 1, or nothing")
    return None if most is None else Budget(max_tokens=most)


def ideas_request(parameters: Parameters, call: Call) -> content.IdeasRequest:
    """What to find ideas for.

    Raises:
        CreativeError: a parameter cannot be used, or the file cannot be read.
    """
    groups, notes = _groups(parameters, call)
    each = parameters.integer("ideas_per_cluster")
    if each is not None and not 1 <= each <= idea.MOST_PER_CLUSTER:
        raise InvalidInput("ideas_per_cluster", each, f"1 to {idea.MOST_PER_CLUSTER}")
    most = parameters.integer("max_ideas")
    if most is not None and not 1 <= most <= idea.MOST_IDEAS:
        raise InvalidInput("max_ideas", most, f"1 to {idea.MOST_IDEAS}")
    kinds = given.lines(parameters.text("content_types"), "content_types", commas=True)
    return content.IdeasRequest(
        groups=tuple(groups),
        ideas_per_cluster=each or 1,
        max_ideas=most or idea.DEFAULT_MOST_IDEAS,
        language=ideas_given.language_of(parameters.text("language"), groups),
        audience=parameters.text("audience").strip()[:500],
        content_types=idea.allowed_types(kinds),
        avoid=tuple(given.lines(parameters.text("avoid"), "avoid")[: idea.MOST_AVOIDED]),
        instructions=parameters.text("instructions"),
        notes=tuple(notes),
    )


def article(parameters: Parameters) -> content.ArticleRequest:
    """What to write.

    Raises:
        InvalidInput: a parameter cannot be used.
    """
    return article_request.request(
        idea=parameters.text("idea"),
        title=parameters.text("title"),
        outline=parameters.text("outline"),
        keywords=parameters.text("keywords"),
        sources=parameters.text("sources"),
        length=parameters.number("words"),
        language=parameters.text("language"),
        tone=parameters.text("tone"),
        audience=parameters.text("audience"),
        faq=article_request.read_faq(parameters.text("faq")),
        internal_links=parameters.boolean("internal_links", False),
        instructions=parameters.text("instructions"),
    )


def _groups(parameters: Parameters, call: Call) -> tuple[list[content.Group], list[str]]:
    file = parameters.file("clusters_file")
    if file is not None:
        allowed = call.settings.allowed_private_hosts
        name = file.filename or ""
        found = keywords.fetch_existing(
            file.url, name, call.deadline, call.steps, allowed, "clusters_file"
        )
        return ideas_given.from_existing(found)
    clusters = parameters.text("clusters")
    if clusters:
        return ideas_given.read_clusters(clusters)
    return ideas_given.read_text(parameters.text("text"))
