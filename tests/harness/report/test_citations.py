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


def test_a_work_that_is_named_briefly_or_as_a_model_is_cited_once_with_all_authors():
    whole = "Peng, Liao & Chellappa 2021, XraySyn: Realistic View Synthesis From a Single Radiograph (AAAI)"
    for texts in (
        ("Peng et al. 2021, XraySyn, Algorithm 1 and Figure 5; the ratio after Yang et al. 2017, Cascade", whole),
        (whole, "Peng et al. 2021, XraySyn, Algorithm 1 and Figure 5; after Yang et al. 2017, Cascade"),
    ):
        found = entries(bibtex([Source(f"part{k}", "task", text) for k, text in enumerate(texts)]))
        assert set(found) == {"radbench", "peng2021xraysyn", "yang2017cascade"}
        assert found["peng2021xraysyn"]["author"] == "Peng and Liao and Chellappa"
        assert found["peng2021xraysyn"]["title"].startswith("{XraySyn: Realistic View")
        assert found["yang2017cascade"]["author"] == "Yang and others"


def test_works_of_one_author_and_year_stay_apart():
    texts = ("Doe 2020, Deep networks for noise", "Doe 2020, Deep networks for bones")
    found = entries(bibtex([Source("a", "task", "; ".join(texts))]))
    assert {one["title"] for key, one in found.items() if key != "radbench"} == {
        "{Deep networks for noise}",
        "{Deep networks for bones}",
    }


def test_marks_and_hyphens_leave_no_gap_in_a_key():
    texts = ("Konz et al. 2026, Fréchet distances (MedIA)", "Rodriguez-Molares et al. 2020, Contrast-to-noise (TUFFC)")
    found = entries(bibtex([Source("a", "task", "; ".join(texts))]))
    assert set(found) == {"radbench", "konz2026frechet", "rodriguezmolares2020contrast"}


def test_a_venue_alone_is_no_title():
    found = entries(bibtex([Source("a", "task", "Heusel et al. 2017 (NeurIPS 30)")]))
    (key,) = set(found) - {"radbench"}
    assert found[key]["author"] == "Heusel and others"
    assert found[key]["howpublished"] == "NeurIPS 30"
    assert "title" not in found[key]
