"""Citations: what plugins say of their sources becomes BibTeX, each work once, and nothing is made up."""

import re

from radbench.registry.registry import load_registry
from radbench.report.citations import Source, bibtex


def entries(text):
    found = {}
    for block in re.split(r"\n\n(?=@)", text.strip()):
        kind, key = re.match(r"@(\w+)\{([^,]+),", block).groups()
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", block, re.M))
        found[key] = {"kind": kind, **fields}
    return found


def test_authors_year_title_and_venue_are_taken_apart():
    found = entries(
        bibtex([Source("bm", "enhancer", "Doe, Roe & de Zoë 2007, Denoising by blocks, IEEE TIP 16:2080-95")])
    )
    one = found["doe2007denoising"]
    assert one["author"] == "Doe and Roe and de Zoë"
    assert one["title"] == "{Denoising by blocks}"
    assert one["howpublished"] == "IEEE TIP 16:2080-95"
    assert one["year"] == "2007"
    assert one["note"] == "Used as enhancer bm"


def test_one_work_that_is_named_in_several_ways_is_cited_once():
    sources = [
        Source("a", "task", "Tang et al. 2018, CT image enhancement using stacked GANs (MLMI), section 2.2"),
        Source(
            "b", "enhancer", "Tang et al. 2018, CT Image Enhancement Using Stacked GANs and Transfer Learning (MLMI)"
        ),
    ]
    found = entries(bibtex(sources))
    assert set(found) == {"radbench", "tang2018image"}
    assert found["tang2018image"]["author"] == "Tang and others"
    assert found["tang2018image"]["title"].startswith("{CT Image Enhancement Using Stacked GANs and Transfer")
    assert found["tang2018image"]["note"] == "Used as task a; enhancer b"


def test_what_reads_otherwise_is_printed_whole():
    found = entries(bibtex([Source("he", "enhancer", "scikit-image, skimage.exposure.equalize_hist")]))
    (key,) = set(found) - {"radbench"}
    assert found[key]["title"] == r"{scikit-image, skimage.exposure.equalize\_hist}"


def test_hostile_text_ends_no_entry():
    text = bibtex([Source("x}, note={y", "enhancer", "A 2020, }\n@misc{evil, title={b}} \\input{c} %, CVPR")])
    # BibTeX counts braces whatever stands before them, and TeX obeys a backslash.
    assert len(re.findall(r"^@misc", text, re.M)) == 1
    assert text.count("{") == text.count("}")
    assert "\\input" not in text
    assert r"\textbackslash{}input\textbraceleft{}c\textbraceright{}" in text


def test_every_source_of_the_installed_plugins_is_cited():
    registry = load_registry()
    for kind in registry.entries:
        for name in registry.names(kind):
            spec = registry.entry(kind, name).spec
            for text in (spec.reference, getattr(spec, "citation", "")):
                for year in re.findall(r" ((?:19|20)\d\d),", text):
                    assert year in bibtex([Source(name, kind, text)]), (name, text)


def test_the_licence_of_data_goes_with_it():
    found = entries(
        bibtex([Source("lidc", "dataset", "Armato et al. 2011, LIDC, Medical Physics 38:915", "CC BY 3.0")])
    )
    assert "data set lidc, licence: CC BY 3.0" in found["armato2011lidc"]["note"]
