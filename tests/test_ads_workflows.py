"""workflows/refresh_an_ad.yml and ad_from_brief.yml on Dify's engine, with the real plugin."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from runtime import cli
from runtime.paths import PROJECT
from tests.captures import needs_browser
from tests.models_server import DONE, END, Models, event, streaming
from tests.pages import Site
from tests.servers import Server
from tests.test_ads_pipeline import PAGE

BRIEF = "Fresh coffee beans, roasted on Tuesday and at your door on Thursday, from 11 €."


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of this machine, and a ledger of this test's own."""
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("STUDIO_LEDGER", raising=False)
    for name in ("STUDIO_SD_BASE_URL", "STUDIO_DIFY_API_KEY", "STUDIO_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(name: str, *values: str) -> dict[str, Any]:
    path = PROJECT / "workflows" / f"{name}.yml"
    outcome = CliRunner().invoke(cli.app, ["workflow", "run", str(path), *values, "--json"])
    assert outcome.exit_code == 0, outcome.stderr[-3000:]
    document = json.loads(outcome.stdout)
    assert document["ok"], document["error"]
    return dict(document["outputs"])


@pytest.mark.browser
@needs_browser[1]
def test_a_page_is_refreshed_and_each_variant_has_a_card(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site() as site:
        site.pages["/"] = PAGE
        monkeypatch.setenv("STUDIO_ALLOWED_PRIVATE_HOSTS", site.name)
        made = ran("refresh_an_ad", f"url={site.url}/", "brief=", "platforms=x, google_search")
    ids = [variant["id"] for variant in made["variants"]]
    assert ids == [f"{name}-{n}" for name in ("x", "google_search") for n in (1, 2, 3)]
    assert len(made["cards"]) == 6
    for card, variant in zip(made["cards"], made["variants"], strict=True):
        assert card.startswith(f"## {variant['id']} ({variant['score']:.2f})")
        assert all(name in card for name in [*variant["fields"], *variant["files"]])
    assert made["best"]["id"] in ids
    assert made["brand"] == "Fleetfoot"
    kinds = [file["mime_type"] for file in made["files"]]
    assert kinds.count("text/csv") == 2
    sizes = {
        Image.open(io.BytesIO(Path(file["path"]).read_bytes())).size
        for file in made["files"]
        if "_x_" in file["filename"]
    }
    assert sizes == {(800, 418), (800, 800)}


def test_a_few_words_become_a_brief_and_ads_that_feedback_can_be_given_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Models()
    models.say = streaming(event(BRIEF), event(reason="stop"), END, DONE)
    with Server(models.handle) as server:
        monkeypatch.setenv("STUDIO_LLM_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("STUDIO_LLM_MODEL", "small")
        made = ran(
            "ad_from_brief",
            "product=Coffee beans, 11 €, roasted on Tuesdays",
            "audience=people who make coffee at home",
            "brand=Kettle & Crema",
            "platforms=google_search",
        )
    [asked] = models.bodies
    assert "people who make coffee at home" in json.dumps(asked["messages"])
    assert made["brief"] == BRIEF
    assert "11 €" in json.dumps(made["variants"], ensure_ascii=False)
    assert {variant["engine"] for variant in made["variants"]} == {"builtin"}

    def studio(*arguments: str) -> Any:
        outcome = CliRunner().invoke(cli.app, [*arguments, "--json"])
        assert outcome.exit_code == 0, outcome.stderr[-3000:]
        return json.loads(outcome.stdout)

    [run] = studio("runs")["runs"]
    studio("runs", "feedback", run["id"], "google_search-2", "--approve", "--note", "good")
    [known] = studio("runs", "feedback", "--brand", "kettle & crema")
    assert known["fields"] == made["variants"][1]["fields"]
    (place / "known.json").write_text(json.dumps([known]), encoding="utf-8")
    again = studio(
        "run", "ad_variants", f"brief={BRIEF}", "count=1", "engine=builtin", "feedback=@known.json"
    )
    assert again["variables"]["count"] == 1
