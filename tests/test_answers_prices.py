"""Which endpoint answers which kind of model, and what that costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.answers.chat import Collector
from runtime.answers.endpoint import Endpoint
from runtime.answers.models import endpoint_of
from runtime.answers.prices import price_of
from runtime.answers.spending import Spending
from runtime.settings import Settings


def test_each_kind_may_have_an_endpoint_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / "env"
    env.write_text(
        "STUDIO_LLM_BASE_URL=http://llm/v1\nSTUDIO_LLM_API_KEY=k1\nSTUDIO_LLM_MODEL=big\n"
        "STUDIO_RERANK_BASE_URL=http://rank/v1\nSTUDIO_RERANK_MODEL=ranker\n"
    )
    monkeypatch.delenv("STUDIO_RERANK_API_KEY", raising=False)
    settings = Settings(env)
    rerank, speech = endpoint_of(settings, "rerank"), endpoint_of(settings, "tts")
    # A key is for the address that it was given with, a model for its kind.
    assert (rerank.base_url, rerank.api_key, rerank.model) == ("http://rank/v1", "", "ranker")
    assert (speech.base_url, speech.api_key, speech.model) == ("http://llm/v1", "k1", "")


def test_prices() -> None:
    openai = "https://api.openai.com/v1"
    assert price_of(openai, "gpt-4o").paid(1_000_000, 100_000) == pytest.approx(2.5 + 1.0)
    assert price_of(openai, "gpt-4o-2024-11-20") == price_of(openai, "gpt-4o")
    assert price_of("http://localhost:11434/v1", "gpt-4o").paid(9, 9) == 0.0
    assert price_of("http://192.168.1.5/v1", "x").known
    assert price_of(openai, "never-heard-of").paid(9, 9) is None
    assert price_of("https://api.openai.com.evil.example/v1", "gpt-4o").paid(9, 9) is None


def test_the_usage_that_a_plugin_is_told_has_the_price() -> None:
    collector = Collector("gpt-4o", price_of("https://api.openai.com/v1", "gpt-4o"))
    spent = {"prompt_tokens": 1000, "completion_tokens": 10}
    list(collector.whole({"choices": [], "usage": spent}))
    usage = collector.last(0.5)["delta"]["usage"]
    assert usage["prompt_unit_price"] == "2.5"
    assert usage["prompt_price_unit"] == "0.000001"
    assert usage["prompt_price"] == "0.0025"
    assert usage["completion_price"] == "0.0001"
    assert usage["total_price"] == "0.0026"


def test_an_unknown_price_is_said_once() -> None:
    said: list[str] = []
    spending = Spending(lambda kind, text: said.append(text))
    for _ in range(3):
        spending.price(Endpoint("https://models.example.com/v1"), "mystery")
    assert said == ["No price is known for mystery; its cost counts as 0."]
