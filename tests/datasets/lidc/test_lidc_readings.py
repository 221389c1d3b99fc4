"""The readers' XML: nodules, small nodules and non-nodules, in any namespace; what is damaged is refused by name."""

from __future__ import annotations

import pytest

from radbench.contracts import CaseError
from radbench_lidc.readings import parse_reading

RATINGS = """<characteristics><subtlety>5</subtlety><internalStructure>1</internalStructure>
<calcification>6</calcification><sphericity>3</sphericity><margin>4</margin><lobulation>1</lobulation>
<spiculation>2</spiculation><texture>4</texture><malignancy>3</malignancy></characteristics>"""


def roi(points, z="-125.0", uid="1.2.3", inclusion="TRUE"):
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points)
    return (
        f"<roi><imageZposition>{z}</imageZposition><imageSOP_UID>{uid}</imageSOP_UID>"
        f"<inclusion>{inclusion}</inclusion>{edges}</roi>"
    )


def nodule(*rois, name="n1", ratings=RATINGS):
    return f"<unblindedReadNodule><noduleID>{name}</noduleID>{ratings}{''.join(rois)}</unblindedReadNodule>"


NON_NODULE = """<nonNodule><nonNoduleID>x7</nonNoduleID><imageZposition>-20.5</imageZposition>
<imageSOP_UID>1.2.9</imageSOP_UID><locus><xCoord>40</xCoord><yCoord>60</yCoord></locus></nonNodule>"""


def xml(*sessions, namespace='xmlns="http://www.nih.gov"', header="SeriesInstanceUid", root="LidcReadMessage"):
    body = "".join(
        f"<readingSession><servicingRadiologistID>anonymous</servicingRadiologistID>{s}</readingSession>"
        for s in sessions
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} {namespace} uid="1.3.6.1.4.1"><ResponseHeader>'
        f"<{header}> 1.2.840.5 </{header}><StudyInstanceUID>1.2.840</StudyInstanceUID></ResponseHeader>{body}</{root}>"
    ).encode()


SQUARE = [(10, 20), (13, 20), (13, 23), (10, 23)]


def test_a_nodule_carries_its_outlines_and_ratings():
    reading = parse_reading("a.xml", xml(nodule(roi(SQUARE), roi(SQUARE[:3], z="-122.5", uid="1.2.4"))))
    assert reading.modality == "ct"
    assert reading.series_uid == "1.2.840.5"
    (mark,) = reading.marks
    assert (mark.kind, mark.name, mark.reader) == ("nodule", "n1", 0)
    assert mark.ratings["subtlety"] == 5
    assert mark.ratings["calcification"] == 6
    assert len(mark.ratings) == 9
    assert [(c.z_mm, c.slice_uid, c.inclusion) for c in mark.contours] == [
        (-125, "1.2.3", True),
        (-122.5, "1.2.4", True),
    ]
    assert list(mark.contours[0].points) == SQUARE


def test_an_exclusion_is_told_from_an_inclusion():
    (mark,) = parse_reading("a.xml", xml(nodule(roi(SQUARE), roi(SQUARE, inclusion="FALSE")))).marks
    assert [c.inclusion for c in mark.contours] == [True, False]


@pytest.mark.parametrize(
    "ratings", ["", "<characteristics/>", "<characteristics><subtlety>0</subtlety></characteristics>"]
)
def test_one_point_without_ratings_is_a_small_nodule(ratings):
    (mark,) = parse_reading("a.xml", xml(nodule(roi([(30, 40)]), ratings=ratings))).marks
    assert mark.kind == "small nodule"
    assert list(mark.contours[0].points) == [(30, 40)]


def test_one_point_with_ratings_is_a_nodule():
    (mark,) = parse_reading("a.xml", xml(nodule(roi([(30, 40)])))).marks
    assert mark.kind == "nodule"


def test_an_outline_without_ratings_is_a_nodule():
    (mark,) = parse_reading("a.xml", xml(nodule(roi(SQUARE), ratings=""))).marks
    assert (mark.kind, mark.ratings) == ("nodule", {})


def test_a_non_nodule_is_a_point():
    (mark,) = parse_reading("a.xml", xml(NON_NODULE)).marks
    assert (mark.kind, mark.name) == ("non-nodule", "x7")
    assert (mark.contours[0].z_mm, list(mark.contours[0].points)) == (-20.5, [(40, 60)])


def test_sessions_are_readers_even_those_without_marks():
    reading = parse_reading("a.xml", xml(nodule(roi(SQUARE)), "", nodule(roi(SQUARE), name="b") + NON_NODULE, ""))
    assert reading.readers == 4
    assert [(m.reader, m.kind) for m in reading.marks] == [(0, "nodule"), (2, "nodule"), (2, "non-nodule")]


@pytest.mark.parametrize(
    ("namespace", "header"),
    [
        ("", "SeriesInstanceUid"),
        ('xmlns="http://www.nih.gov/idri"', "SeriesInstanceUID"),
        ('xmlns="http://elsewhere"', "CTSeriesInstanceUid"),
    ],
)
def test_namespace_and_spelling_do_not_matter(namespace, header):
    reading = parse_reading("a.xml", xml(nodule(roi(SQUARE)), namespace=namespace, header=header))
    assert reading.series_uid == "1.2.840.5"
    assert len(reading.marks) == 1


def test_prefixed_elements_are_read():
    data = b'<n:LidcReadMessage xmlns:n="urn:x"><n:SeriesInstanceUid>1.9</n:SeriesInstanceUid></n:LidcReadMessage>'
    assert parse_reading("a.xml", data).series_uid == "1.9"


def test_a_reading_of_a_radiograph_is_told_apart():
    data = xml(root="IdriReadMessage", namespace='xmlns="http://www.nih.gov/idri"')
    assert parse_reading("a.xml", data).modality == "radiograph"


def test_other_xml_is_no_reading():
    assert parse_reading("a.xml", b"<manifest><series/></manifest>") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (xml(nodule(roi(SQUARE)))[:-40], "'bad.xml' cannot be read as XML"),
        (b"", "'bad.xml' cannot be read as XML"),
        (xml(nodule()), "nodule 'n1' of reader 1 has no outline"),
        (xml(nodule(roi([]))), "has no points"),
        (xml(nodule(roi([(1.5, 2)]))), "not two whole numbers"),
        (xml(nodule(roi(SQUARE, z="here"))), "imageZposition 'here'"),
        (xml(nodule(roi(SQUARE, inclusion="MAYBE"))), "inclusion 'MAYBE'"),
        (xml(nodule(roi(SQUARE), ratings=RATINGS.replace("<texture>4", "<texture>7"))), "texture '7'"),
        (xml(NON_NODULE.replace("<yCoord>60</yCoord>", "")), "not two whole numbers"),
        (xml(NON_NODULE.replace("locus", "place")), "one locus"),
    ],
)
def test_damage_is_refused_in_words(data, words):
    with pytest.raises(CaseError, match=words):
        parse_reading("bad.xml", data)
