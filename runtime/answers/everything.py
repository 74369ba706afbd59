"""All answers together, as the settings say: what `studio` gives to the plugins that it hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runtime.answers.apps import Apps, Keys
from runtime.answers.files import FileServer
from runtime.answers.models import model_answers
from runtime.answers.reverse import Answers
from runtime.answers.spending import Say
from runtime.answers.storage import Storage
from runtime.answers.tools import Tools
from runtime.paths import data

if TYPE_CHECKING:
    from runtime.host import Host
    from runtime.settings import Settings


def all_answers(settings: Settings, hosts: Sequence[Host], say: Say) -> Answers:
    """Answers for every kind of reverse call.

    Args:
        settings: of the endpoints; see `model_answers` and `Keys.of`.
        hosts: whose tools a plugin may call; may grow later.
        say: told notices, as (kind, text).
    """
    answers, files, apps = Answers(), FileServer(), Apps(Keys.of(settings))
    answers.closing.append(files.close)
    answers.by_kind = {
        **model_answers(settings, say, answers.closing),
        "storage": Storage(data() / "storage").answer,
        "upload_file": files.answer,
        "tool": Tools(hosts, files).answer,
        "app": apps.invoke,
        "fetch_app": apps.fetch,
    }
    return answers
