"""The page that needs nothing, report/explore.html: that it is up to date, small, readable and alone."""

import re

import pytest

import explore
import tables


@pytest.fixture(scope="module")
def page():
    return explore.build()


@pytest.mark.results
def test_the_page_is_up_to_date(page):
    assert explore.OUTPUT.read_text(encoding="utf-8") == page, f"stale; make it with: {explore.COMMAND}"


def test_the_same_inputs_give_the_same_bytes(page):
    assert explore.build() == page


def test_the_page_is_at_most_six_megabytes(page):
    assert len(page.encode()) <= 6_000_000


def test_the_sources_are_at_most_500_lines_of_at_most_120_characters():
    lines = [line for path in explore.SOURCES.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) <= 500
    assert max(map(len, lines)) <= 120


def test_the_page_refers_to_nothing_but_the_pdfs(page):
    text = re.sub(r'<script type="text/plain".*?</script>', "", page)
    references = re.findall(
        r"""(?:src|href|action|data)\s*=\s*["']([^"'#][^"']*)|url\(\s*["']?([^#)"']+)|@import""", text
    )
    targets = {first or second for first, second in references}
    assert targets == {"data:,", "report.pdf", "../Part1/task2.pdf", "../Part2/Part2.pdf"}
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|Worker)\b", text)
    assert "default-src 'none'" in text  # so that the browser forbids it, too


def test_a_stale_page_is_said_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "OUTPUT", tmp_path / "explore.html")
    monkeypatch.setattr("sys.argv", ["explore.py", "--check"])
    for content in (None, "old"):
        if content:
            explore.OUTPUT.write_text(content)
        with pytest.raises(explore.artifacts.ArtifactError, match="is missing or stale; make it with: python report/"):
            explore.main()


def test_the_table_is_the_same_from_the_parts_and_from_the_readme(tmp_path, monkeypatch):
    rows = [["accuracy, `lstm`", "99.9%"], ["a | b", 12345], ["$T$ of *these*", "**best**"]]
    generated = tmp_path / "generated"
    for part in ("part1", "part2"):
        (generated / part).mkdir(parents=True)
        content = {"rows": rows[:2] if part == "part1" else rows[2:]}
        (generated / part / "readme.json").write_text(explore.json.dumps(content))
    results = tables.Table(["measured", "result"], rows, "lr").markdown()
    (tmp_path / "README.md").write_text(f"# Title\n\n<!-- results -->\n{results}\n<!-- end -->\n| a | b |\n")
    monkeypatch.setattr(explore, "ROOT", tmp_path)
    monkeypatch.setattr(explore, "GENERATED", generated)
    from_parts = explore.table()
    monkeypatch.setattr(explore, "GENERATED", tmp_path)
    assert explore.table() == from_parts
    assert from_parts.splitlines() == [
        '<tr><th scope="row">accuracy, <code>lstm</code></th><td>99.9%</td></tr>',
        '<tr><th scope="row">a | b</th><td>12,345</td></tr>',
        '<tr><th scope="row"><i>T</i> of <em>these</em></th><td><b>best</b></td></tr>',
    ]


def test_the_race_is_drawn_in_the_page_and_stays_where_its_file_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "FIGURE", tmp_path / "lengths.svg")
    monkeypatch.setattr(explore, "OUTPUT", tmp_path / "explore.html")
    assert explore.figure() == ""
    (tmp_path / "readme.json").write_text('{"figure": "what it shows"}')
    explore.FIGURE.write_text("<?xml version='1.0'?>\n<svg width='1'><metadata>when</metadata><g/></svg>\n")
    drawn = explore.figure()
    assert drawn.startswith('<figure><svg role="img"') and "when" not in drawn and "xml" not in drawn
    assert "what it shows</figcaption>" in drawn
    explore.OUTPUT.write_text(f"<!-- figure -->\n{drawn}\n<!-- end of figure -->")
    explore.FIGURE.unlink()
    assert explore.figure() == drawn


def test_missing_weights_are_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "GENERATOR", tmp_path / "mnist_generator.pt")
    with pytest.raises(explore.artifacts.ArtifactError, match=r"mnist_generator\.pt cannot be read"):
        explore.build()
