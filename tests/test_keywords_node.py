"""The node cluster_keywords through the plugin's process: files, growth, limits, models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.answers.files import FileServer
from runtime.errors import ToolFailed
from runtime.host import Host, open_plugin
from runtime.host.messages import Result
from runtime.host.parameters import prepare
from runtime.paths import PROJECT

LISTS = Path(__file__).resolve().parent / "lists"
SHOES = (
    "keyword\tvolume\tintent\nred shoe\t1.3K\t\nred shoes\t200\t\nblue shoe\t90\tT\ntea pot\t5\t\n"
)


@pytest.fixture(scope="module")
def store() -> Iterator[FileServer]:
    with FileServer() as files:
        yield files


@pytest.fixture(scope="module")
def studio() -> Iterator[Host]:
    with open_plugin(PROJECT) as host:
        yield host


def call(host: Host, credentials: dict[str, str] | None = None, **given: Any) -> Result:
    _, tool = host.find("cluster_keywords")
    sent = prepare(tool, given)
    return Result.collect(host.invoke("cluster_keywords", sent, credentials=credentials))


def named(result: Result, name: str) -> bytes:
    [file] = [file for file in result.files if file.filename == name]
    return file.data


def test_a_table_of_a_tool_with_all_files(studio: Host, store: FileServer) -> None:
    data = (LISTS / "german_insurance.csv").read_bytes()
    sent = store.put(data, "german_insurance.csv", "text/csv")
    result = call(studio, keywords_file=sent)
    assert [file.filename for file in result.files] == [
        "clusters.csv", "clusters.json", "map.png"
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(named(result, "clusters.csv").decode("utf-8-sig"))))
    given = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";"))[1:]
    assert sorted(line["keyword"] for line in lines) == sorted({row[0] for row in given})
    summary = result.variables["summary"]
    assert summary["volume"] == sum(float(line["volume"] or 0) for line in lines)
    assert summary["truncated"] is False
    topics = {topic["id"]: topic["cluster_ids"] for topic in result.variables["topics"]}
    for one in result.variables["clusters"]:
        assert one["id"] in topics[one["parent_id"]]
        assert one["size"] == len(one["keywords"])


def test_a_result_grows(studio: Host, store: FileServer) -> None:
    first = call(studio, keywords=SHOES, map=False)
    assert [file.filename for file in first.files] == ["clusters.csv", "clusters.json"]
    text = named(first, "clusters.json").decode()
    file = store.put(named(first, "clusters.csv"), "clusters.csv", "text/csv")
    for given in ({"existing_clusters": text}, {"existing_clusters_file": file}):
        grown = call(studio, keywords="green shoe\nred shoe", map=False, **given)
        before = {(one["id"], one["name"]) for one in first.variables["clusters"]}
        assert before <= {(one["id"], one["name"]) for one in grown.variables["clusters"]}
        assert "blue shoe" in grown.variables["changes"]["not_given"]
        assert "new keyword" in grown.text
    # The array variable itself, as Dify writes it into a text field.
    grown = call(
        studio, keywords="mug", map=False, existing_clusters=str(first.variables["clusters"])
    )
    assert {one["id"] for one in first.variables["clusters"]} <= {
        one["id"] for one in grown.variables["clusters"]
    }


def test_how_fine(studio: Host, store: FileServer) -> None:
    path = LISTS / "english_shop.csv"
    sent = store.put(path.read_bytes(), path.name, "text/csv")

    def sizes(**given: Any) -> list[int]:
        result = call(studio, keywords_file=sent, map=False, **given)
        return [one["size"] for one in result.variables["clusters"]]

    auto, coarse, fine = sizes(), sizes(granularity=0), sizes(granularity="1")
    assert len(coarse) < len(fine)
    assert len(coarse) <= len(auto) <= len(fine)
    assert max(sizes(max_size=7)) <= 7
    assert min(sizes(min_size=5)) >= 5
    assert len(sizes(max_clusters=6)) <= 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keywords": "a\nb", "granularity": 3}, "granularity: got 3.0"),
        ({"keywords": "a\nb", "min_size": "two"}, "min_size: got 'two'"),
        ({"keywords": "a\nb", "max_size": 1}, "max_size: got 1"),
        ({"keywords": "a\nb", "serp_weight": -1}, "serp_weight"),
        ({"keywords": '[{"name": "a"}]'}, "its fields are 'name'"),
        ({"keywords": "a\nb", "existing_clusters": "keyword\nx\n"}, "columns 'cluster' and"),
        ({"keywords": "a\n" * 50_001}, "50001 keywords long; the limit is 50000"),
        ({"keywords": "x" * 5000}, "entry 1 has 5000"),
        ({"keywords": "a\nb", "model": "nothing"}, "model: got 'nothing'"),
        ({"keywords": "a\nb", "embedding_model": "nothing"}, "embedding_model: got 'nothing'"),
    ],
)
def test_bad_input(studio: Host, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolFailed, match=said):
        Result.collect(studio.invoke("cluster_keywords", given))


def test_one_list_and_one_earlier_result(studio: Host, store: FileServer) -> None:
    sent = store.put(b"a\nb\n", "list.txt", "text/plain")
    with pytest.raises(ToolFailed, match="keywords_file: got 'a file'; allowed is nothing while"):
        call(studio, keywords="a", keywords_file=sent)
    with pytest.raises(ToolFailed, match="existing_clusters_file: got"):
        call(studio, keywords="a", existing_clusters="x", existing_clusters_file=sent)


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"name,price\nfoo,12\n", "list.csv", "its columns are 'name', 'price'"),
        (b"\x89PNG\r\n\x1a\n\x00", "list.csv", "binary"),
        (b"PK\x03\x04 broken", "list.xlsx", "a whole .xlsx workbook"),
        (b"", "empty.csv", "at least one keyword"),
    ],
)
def test_bad_files(studio: Host, store: FileServer, data: bytes, name: str, said: str) -> None:
    with pytest.raises(ToolFailed, match=said) as caught:
        call(studio, keywords_file=store.put(data, name, "application/octet-stream"))
    assert caught.value.hint


def test_the_settings_limit_a_run_and_a_day() -> None:
    with open_plugin(PROJECT) as fresh:
        with pytest.raises(ToolFailed, match="3 keywords long; the limit is 2 keywords"):
            call(fresh, {"max_keywords": "2"}, keywords="a\nb\nc")
        day = {"max_keywords_per_day": "5"}
        call(fresh, day, keywords="a\nb\nc", map=False)
        with pytest.raises(ToolFailed, match=r"6 keywords long \(3 were clustered today\)"):
            call(fresh, day, keywords="a\nb\nc", map=False)
        call(fresh, day, keywords="a\nb", map=False)
        with pytest.raises(ToolFailed, match="max_keywords: got 'many'"):
            call(fresh, {"max_keywords": "many"}, keywords="a")


def test_a_result_too_large_for_a_variable(studio: Host) -> None:
    colours, things = ("red", "blue", "old", "new"), ("shoe", "lamp", "car", "tea", "bed")
    words = "\n".join(f"{c} {t} number {n}" for c in colours for t in things for n in range(150))
    result = call(studio, keywords=words, map=False)
    assert result.variables["summary"]["truncated"] is True
    assert len(json.dumps(result.json[0])) < 200_000
    whole = json.loads(named(result, "clusters.json"))
    kept = [k["keyword"] for one in whole["clusters"] for k in one["keywords"]]
    kept += [one["keyword"] for one in whole["unclustered"]]
    assert sorted(kept) == sorted(words.split("\n"))
