"""The BibTeX says what CITATION.cff says."""

import re
from pathlib import Path

import hm2bp_brian as hb

CFF = (Path(__file__).parents[2] / "CITATION.cff").read_text()


def cff(field: str) -> list[str]:
    """All values of a field, without quotation marks."""
    return re.findall(rf'^[ -]*{field}: "?(.*?)"?$', CFF, re.MULTILINE)


def test_all_facts_of_the_citation_file_are_there(capsys):
    bibtex = hb.citation()
    assert capsys.readouterr().out == bibtex + "\n"
    entries = dict(re.findall(r"^@(\w+)\{(.*?)^\}$", bibtex, re.MULTILINE | re.DOTALL))
    assert list(entries) == ["inproceedings", "article", "software"]
    titles = {kind: re.search(r"title\s*= \{(.*)\}", entry).group(1) for kind, entry in entries.items()}
    assert [titles[kind] for kind in ("software", "inproceedings", "article")] == cff("title")
    names = [f"{family}, {given}" for family, given in zip(cff("family-names"), cff("given-names"), strict=True)]
    authors = re.findall(r"author\s*= \{(\w.*)\}", bibtex)
    assert [name for line in authors for name in line.split(" and ")] == names
    for fact in [*cff("year"), *cff("doi"), *cff("notes"), *cff("journal"), *cff("collection-title"), *cff("volume")]:
        assert f"{{{fact}}}" in bibtex
    assert f"version = {{{cff('version')[0]}}}" in entries["software"]
