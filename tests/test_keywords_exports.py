"""creative.keywords: the exports of the usual tools, and tables with a row per search result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from creative.errors import InvalidInput, TooLarge
from creative.keywords import Row, read_existing, read_keywords, read_keywords_file
from creative.keywords.table import read_table, read_table_file
from tests.test_keywords_table import workbook

PLANNER = 'Keyword Stats 2026-11-09 at 21_25_18\n"1 November 2025 - 31 October 2026"\n'


def utf16(text: str) -> bytes:
    return text.encode("utf-16")


# Titles as in real files: those of Semrush, Ahrefs, Keyword Planner, Search Console, Mangools,
# Moz and 5118 from exports that people published; Ubersuggest, Aizhan and rakko keyword from
# programs that read their files and from their interfaces (2026-11).
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Top queries,Clicks,Impressions,CTR,Position\ncoffee,12,300,4%,3.2\n",
         Row("coffee", 300)),
        ("热门查询,点击次数,展示,点击率,排名\n咖啡,12,300,4%,3.2\n".encode(), Row("咖啡", 300)),
        ("上位のクエリ,クリック数,表示回数,CTR,掲載順位\n珈琲,12,300,4%,3.2\n".encode(),
         Row("珈琲", 300)),
        ("Principais consultas,Cliques,Impressões,CTR,Posição\ncafé,12,300,4%,\"3,2\"\n".encode(),
         Row("café", 300)),
        (utf16(PLANNER + "Keyword\tCurrency\tAvg. monthly searches\tThree month change\tYoY change"
               "\tCompetition\tCompetition (indexed value)\tTop of page bid (low range)\t"
               "Top of page bid (high range)\tSearches: Nov 2025\n"
               "red shoes\tUSD\t5000\t0%\t∞\tHigh\t91\t0.25\t1.25\t\n"),
         Row("red shoes", 5000, 91, 1.25)),
        (utf16("关键字统计信息\n2025年11月1日 - 2026年10月31日\n"
               "关键字\t币种\t平均每月搜索量\t三个月变化\t年同比变化\t竞争程度\t"
               "竞争程度（已编入索引的值）\t页首出价（低位区间）\t页首出价（高位区间）\n"
               "咖啡机\tCNY\t500\t0%\t0%\t高\t88\t1.5\t6.2\n"), Row("咖啡机", 500, 83, 6.2)),
        (utf16("キーワード統計情報\n2025/11/01 - 2026/10/31\n"
               "キーワード\t通貨\t月間平均検索ボリューム\t"
               "3 か月の推移\t前年比の推移\t競合性\t競合性（インデックス値）\t"
               "ページ上部に掲載された広告の入札単価（低額帯）\t"
               "ページ上部に掲載された広告の入札単価（高額帯）\n"
               "コーヒー 豆\tJPY\t14800\t0%\t0%\t中\t45\t12\t60\n"),
         Row("コーヒー 豆", 14800, 45, 60)),
        (utf16("Estatísticas de palavras-chave\n1/11/2025 - 31/10/2026\nPalavra-chave\tMoeda\t"
               "Média de pesquisas mensais\tMudança em três meses\tMudança YoY\tConcorrência\t"
               "Concorrência (valor indexado)\t"
               "Lance na parte superior da página (menores valores)\t"
               "Lance na parte superior da página (maiores valores)\n"
               "café coado\tBRL\t1 mil – 10 mil\t0%\t0%\tMédia\t51\t\"0,40\"\t\"1,25\"\n"),
         Row("café coado", pytest.approx(3162.28), 51, 1.25)),
        (utf16("#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tCPS\tParent Keyword\tLast Update\t"
               "SERP Features\tGlobal volume\tTraffic potential\tGlobal traffic potential\t"
               "First seen\tIntents\n1\ttea pot\tus\t12\t1900\t0.85\t1.1\tteapot\t2026-11-01\t"
               "Sitelinks\t5400\t300\t900\t2015-09-01\tCommercial,Non-branded,Non-local\n"),
         Row("tea pot", 1900, 12, 0.85, "Commercial,Non-branded,Non-local")),
        (b"Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,"
         b"SERP Features,Number of Results\n\"big, red car\",\"Commercial, Informational\",22200,"
         b"\"0.20,1.00\",64,1.30,1.00,\"Sitelinks, Images\",3010000000\n",
         Row("big, red car", 22200, 64, 1.3, "Commercial, Informational")),
        (b"database;Keyword;Search Volume;Keyword Difficulty Index;Intent\n"
         b"us;dog shirt;880;22;1,0\n",
         Row("dog shirt", 880, 22, None, "1,0")),
        (b"# ------\nList Name,Hip Seattle\nTotal Keywords,4\nTotal Volume Range,30301 - 300000\n"
         b"Average Volume Range,33100 - 165000\nAverage Keyword Difficulty,50\n"
         b"Average Organic CTR,73\nAverage Priority,83\nLast Updated,2026-03-17T18:28:18+00:00\n"
         b"Export Date,2026-03-17T19:20:59+00:00\n# -----\nKeyword,Locale,Min Volume,Max Volume,"
         b"Difficulty,Organic CTR,Importance,Priority,Date Analyzed\n"
         b"beard,en-US,100,400,51,94,3,86,2026-03-17T18:28:08+00:00\n", Row("beard", 200, 51)),
        (b"Keyword,Search Volume,CPC,Paid Difficulty,Search Difficulty\ntea,2400,1,5,40\n",
         Row("tea", 2400, 40, 1)),
        ("キーワード,検索ボリューム,CPC,有料難易度,SEO難易度\nお茶,2400,1,5,40\n".encode(),
         Row("お茶", 2400, 40, 1)),
        ("Palavra-chave,Volume de busca,CPC,Dificuldade paga,Dificuldade de busca\n"
         "chá,2400,1,5,40\n".encode(), Row("chá", 2400, 40, 1)),
        (b"Keyword,Location,Language,Avg. Search Volume (Last Known Values),Keyword Difficulty,"
         b"CPC/USD,PPC,Search Intent,Search Volume 10/2026\n"
         b"tea,US,en,880,35,0.55,12,commercial,900\n",
         Row("tea", 880, 35, 0.55, "commercial")),
        ("关键词,搜索结果,竞价公司数量,长尾词数量,流量指数,移动指数,360指数,PC日检索量(VIP特权数据),"
         "移动日检索量(VIP特权数据),竞价激烈程度,SEM点击价格\n"
         "咖啡机,1200万,12,3400,50,80,3,10,30,高,2.5\n".encode("gbk"), Row("咖啡机", 900, 83, 2.5)),
        ("关键词,PC搜索量,移动搜索量,收录量,优化难度,网页首位\n咖啡机,10,30,1200万,44,baidu.com\n"
         .encode("gb18030"), Row("咖啡机", 900, 44)),
        (utf16("キーワード\tSEO難易度\t月間検索数\tCPC（$）\t競合性\nコーヒー豆\t45\t14800\t0.6\t88\n"),
         Row("コーヒー豆", 14800, 45, 0.6)),
        ("キーワード,月間検索数,競合性\nコーヒー豆,14800,高\n".encode("cp932"),
         Row("コーヒー豆", 14800, 83)),
        ("關鍵字,搜尋量\n咖啡機,880\n".encode("big5"), Row("咖啡機", 880)),
    ],
    ids=["GSC", "GSC zh", "GSC ja", "GSC pt", "GKP", "GKP zh", "GKP ja", "GKP pt", "Ahrefs",
         "Semrush", "Semrush API", "Moz", "Ubersuggest", "Ubersuggest ja", "Ubersuggest pt",
         "Mangools", "5118", "Aizhan", "rakko", "Japanese Excel", "Taiwanese Excel"],
)  # fmt: skip
def test_exports(data: bytes, expected: Row) -> None:
    assert read_keywords_file(data, "export.csv") == [expected]


AHREFS = (
    "#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tSERP Features\tPosition\tType\tTitle\tURL\t"
    "Domain rating\n"
    "1\tcar hire\tus\t30\t900\t1.5\tSitelinks\t2\tOrganic\tB\thttps://b.example/x\t70\n"
    "1\tcar hire\tus\t30\t900\t1.5\tSitelinks\t1\tPaid top\tAd\thttps://ad.example/\t70\n"
    "1\tcar hire\tus\t30\t900\t1.5\tSitelinks\t1\tOrganic\tA\thttps://a.example/\t70\n"
    "2\ttea pot\tus\t12\t80\t\t\t1\tOrganic\tC\thttps://c.example/\t70\n"
    "2\ttea pot\tus\t12\t80\t\t\t\tPeople also ask\t\t\t\n"
)
DATAFORSEO = (
    "keyword,type,rank_group,rank_absolute,position,domain,title,url\n"
    "car hire,organic,1,3,left,a.example,A,https://a.example/\n"
    "car hire,paid,1,1,left,ad.example,Ad,https://ad.example/\n"
    "car hire,organic,2,4,left,b.example,B,https://b.example/x\n"
    "tea pot,organic,1,1,left,c.example,C,https://c.example/\n"
)
SERPAPI = (
    "q,position,title,link\n"
    "car hire,2,B,https://b.example/x\ncar hire,1,A,https://a.example/\n"
    "tea pot,1,C,https://c.example/\n"
)
CHECKER = (
    "关键词;排名;网址\ncar hire;1;https://a.example/\ncar hire;2;https://b.example/x\n"
    "tea pot;1;https://c.example/\n"
)


@pytest.mark.parametrize("text", [AHREFS, DATAFORSEO, SERPAPI, CHECKER],
                         ids=["Ahrefs", "DataForSEO", "SerpApi", "Chinese"])  # fmt: skip
def test_a_row_for_each_search_result(text: str) -> None:
    table = read_table(text)
    assert [(row.keyword, row.serp, row.url) for row in table.rows] == [
        ("car hire", ("https://a.example/", "https://b.example/x"), ""),
        ("tea pot", ("https://c.example/",), ""),
    ]
    assert not any("osition" in note or "排名" in note for note in table.notes[1:])


def test_figures_beside_each_result_count_once() -> None:
    car, pot = read_keywords(AHREFS)
    assert (car.volume, car.difficulty, car.cpc, pot.volume) == (900, 30, 1.5, 80)


def test_results_as_a_search_api_gives_them() -> None:
    items = [{"position": 1, "link": "https://a.example/"}, {"url": "https://b.example/"}, {}]
    given = json.dumps([{"keyword": "car hire", "organic_results": items}, {"keyword": "tea"}])
    assert [row.serp for row in read_keywords(given)] == [
        ("https://a.example/", "https://b.example/"),
        (),
    ]


SEMRUSH_POSITIONS = (
    "Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic,"
    "Keyword Intents,Position Type\n"
    "mother gifts,11,9,12100,38,0.65,https://shop.example/mugs,40,informational,Organic\n"
    "mother gifts,4,6,12100,38,0.65,https://www.shop.example/blog,480,informational,Organic\n"
    "mugs,1,1,90,20,0.5,https://shop.example/mugs,9,transactional,Organic\n"
)


def test_pages_of_the_own_site_are_no_search_results() -> None:
    assert read_keywords(SEMRUSH_POSITIONS) == [
        Row("mother gifts", 12100, 38, 0.65, "informational", "https://www.shop.example/blog"),
        Row("mugs", 90, 20, 0.5, "transactional", "https://shop.example/mugs"),
    ]
    once = read_table("keyword,position,url\na b,3,https://x.example/1\nc d,1,https://y.example/\n")
    assert [(row.url, row.serp) for row in once.rows] == [
        ("https://x.example/1", ()),
        ("https://y.example/", ()),
    ]
    assert once.notes == ["Columns that were not used: 'position'."]


def test_impressions_of_a_page_are_its_own() -> None:
    """Search Console's API by query and page; the pages of a domain property differ in host."""
    rows = read_keywords(
        "query,page,clicks,impressions,position\ntea,https://en.a.example/,5,100,3\n"
        "tea,https://de.a.example/,1,20,7\n"
    )
    assert [(row.volume, row.url, row.serp) for row in rows] == [
        (100, "https://en.a.example/", ()),
        (20, "https://de.a.example/", ()),
    ]


def test_the_limit_counts_keywords_and_not_results() -> None:
    lines = [f"word {n},{rank},https://s{rank}.example/{n}" for n in range(4) for rank in (1, 2, 3)]
    table = "keyword,position,url\n" + "\n".join(lines)
    assert len(read_keywords(table, most=4)) == 4
    with pytest.raises(TooLarge, match="4 keywords long; the limit is 3"):
        read_keywords(table, most=3)
    sheet: list[list[Any]] = [line.split(",") for line in table.splitlines()]
    assert len(read_keywords_file(workbook(sheet), "serps.xlsx", most=4)) == 4


def test_what_a_workbook_leaves_out_is_said() -> None:
    sheet: list[list[object]] = [["Keyword", "Volume"], ["a", 1], [None, 5], ["=B2&B3", 7]]
    table = read_table_file(workbook(sheet, [["notes"]], [["Keyword"], ["b"]]), "list.xlsx")
    # A program wrote the formula, so that there is no result beside it.
    assert [row.keyword for row in table.rows] == ["a"]
    assert table.notes == [
        "2 lines have no keyword and are left out, the first: line 3.",
        "Sheets with keywords that were not read: 'Sheet2'.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"keywords": ["red shoe", "tea"]}', [Row("red shoe"), Row("tea")]),
        ('{"data": [{"keyword": "tea", "volume": 3}], "ok": true}', [Row("tea", 3)]),
        ('{"keyword": "tea", "volume": 3}', [Row("tea", 3)]),
        ("{'keywords': ['tea']}", [Row("tea")]),
        ("keyword,volume\ntea,1.2E+05\n", [Row("tea", 120_000)]),
        ("{curly} brackets\n[exact match]", [Row("{curly} brackets"), Row("[exact match]")]),
    ],
)
def test_lists_inside_of_other_things(text: str, expected: list[Row]) -> None:
    assert read_keywords(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"keyword": "a"', "broken JSON"),
        ('["a", "b"', "broken JSON"),
        ('{"keywords": ["a",]', "broken JSON"),
        ('{"a": [1], "b": [2]}', "its fields are 'a', 'b'"),
        ("{}", "its fields are"),
    ],
)
def test_json_that_is_no_list(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        read_keywords(text)
    assert caught.value.hint


def test_an_earlier_result_that_is_broken() -> None:
    with pytest.raises(InvalidInput, match="broken JSON"):
        read_existing('{"clusters": [{"id": 1')


@pytest.mark.parametrize("table", ["keyword volume\nred shoe 10\n", "keyword:volume\na b:3\n"])
def test_a_delimiter_that_nobody_uses(table: str) -> None:
    with pytest.raises(InvalidInput, match=r"its first line is 'keyword.volume'"):
        read_keywords_file(table.encode(), "list.csv")
    assert len(read_keywords_file(b"keyword shops\nkeyword volume\n", "list.csv")) == 2


def test_formulas_without_results() -> None:
    with pytest.raises(InvalidInput, match="below the title 'Keyword'") as caught:
        read_keywords_file(workbook([["Keyword"], ['="a"&"b"'], ['="c"']]), "list.xlsx")
    assert "formulas" in caught.value.hint


def test_pages_of_a_keyword_in_two_spellings_keep_both() -> None:
    table = "Keyword,URL,Position\n" + "".join(
        f"{keyword},https://{site}.com/,{place}\n"
        for keyword in ("Dog Crate", "dog crate")
        for place, site in enumerate(("a", "b", "c"), 1)
    )
    rows = read_keywords(table)
    assert [(row.keyword, len(row.serp)) for row in rows] == [("Dog Crate", 3), ("dog crate", 3)]
