"""CT series, readers' XML and tables that are harmed: a fault of their own in a sentence, never of what lies beside."""

from __future__ import annotations

import time

import pytest

from radbench.contracts import RadbenchError
from radbench.imaging import read_ct_series
from radbench_folder.config import FolderConfig
from radbench_folder.dataset import FolderDataset
from radbench_lidc.index import index_files
from radbench_lidc.readings import parse_reading

from .harm import MUTATIONS, Tally, mutated
from .sound_files import dicom, put

SHARE = -(-MUTATIONS // 10)

READING = b"""<?xml version="1.0" encoding="UTF-8"?>
<LidcReadMessage uid="1.3" xmlns="http://www.nih.gov"><ResponseHeader><SeriesInstanceUid>1.2.3</SeriesInstanceUid>
</ResponseHeader><readingSession><unblindedReadNodule><noduleID>N1</noduleID><characteristics><subtlety>3</subtlety>
<malignancy>4</malignancy></characteristics><roi><imageZposition>2.0</imageZposition><imageSOP_UID>1.2.3.2</imageSOP_UID>
<inclusion>TRUE</inclusion><edgeMap><xCoord>4</xCoord><yCoord>4</yCoord></edgeMap><edgeMap><xCoord>9</xCoord>
<yCoord>4</yCoord></edgeMap><edgeMap><xCoord>9</xCoord><yCoord>9</yCoord></edgeMap></roi></unblindedReadNodule>
</readingSession></LidcReadMessage>"""

TABLE = b"case_id,patient_id,group,finding:mass\n" + b"".join(b"c%d,P%d,left,%d\n" % (i, i, i % 2) for i in range(4))


def refused(error: RadbenchError) -> str:
    assert str(error).isprintable(), repr(str(error))
    return "refused"


@pytest.mark.filterwarnings("ignore")
def test_a_series_with_a_harmed_slice_is_read_or_refused(tmp_path, capsys):
    tally = Tally("series with a harmed slice")
    for number in (1, 3):
        put(tmp_path, f"{number}.dcm", dicom(number=number))
    put(tmp_path, "2.dcm", dicom(number=2))
    assert read_ct_series(tmp_path).hu.shape[0] == 3
    for _, harmed in mutated(dicom(number=2), "series", SHARE):
        put(tmp_path, "2.dcm", harmed)
        try:
            tally.add(f"read with {read_ct_series(tmp_path).hu.shape[0]} slices")
        except RadbenchError as error:
            tally.add(refused(error))
    with capsys.disabled():
        print(f"\n{tally}", end="")


@pytest.mark.filterwarnings("ignore")
def test_a_collection_with_a_harmed_file_is_indexed(tmp_path, capsys):
    tally = Tally("collection with a harmed file")
    put(tmp_path, "1.dcm", dicom(number=1))
    for kind, sound in (("2.dcm", dicom(number=2)), ("2.xml", READING)):
        for _, harmed in mutated(sound, kind, SHARE):
            put(tmp_path, kind, harmed)
            records = index_files([tmp_path])
            assert records[tmp_path / "1.dcm"].kind == "dicom"
            found = records.get(tmp_path / kind)
            assert found is None or found.fault.isprintable()
            tally.add(f"{kind} is {'passed over' if found is None else found.kind}")
        (tmp_path / kind).unlink()
    with capsys.disabled():
        print(f"\n{tally}", end="")


def test_a_harmed_reading_is_read_or_refused(capsys):
    assert len(parse_reading("r.xml", READING).marks) == 1
    tally = Tally("readers' XML harmed")
    for _, harmed in mutated(READING, "reading", 2 * SHARE):
        try:
            parse_reading("r.xml", harmed)
            tally.add("read")
        except RadbenchError as error:
            tally.add(refused(error))
    with capsys.disabled():
        print(f"\n{tally}", end="")


XML_BOMBS = {
    "deep": b"<LidcReadMessage>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</LidcReadMessage>",
    "many": b"<LidcReadMessage>" + b"<a/>" * 500_000 + b"</LidcReadMessage>",
    "entities": b'<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12))
    + b"]><LidcReadMessage>&a11;</LidcReadMessage>",
    "outside": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><LidcReadMessage>&x;</LidcReadMessage>',
}


@pytest.mark.parametrize("kind", [*XML_BOMBS])
def test_an_xml_bomb_is_answered_soon(tmp_path, kind):
    began = time.monotonic()
    put(tmp_path, "bomb.xml", XML_BOMBS[kind])
    put(tmp_path, "1.dcm", dicom(number=1))
    records = index_files([tmp_path])
    assert records[tmp_path / "1.dcm"].kind == "dicom"
    assert time.monotonic() - began < 10
    assert "root:" not in str(records.get(tmp_path / "bomb.xml"))


@pytest.mark.filterwarnings("ignore")
def test_a_harmed_table_is_read_or_refused(tmp_path, capsys):
    for i in range(4):
        put(tmp_path, f"c{i}.dcm", dicom(number=i + 1))

    def manifest():
        return FolderDataset(FolderConfig(root=tmp_path)).manifest()

    put(tmp_path, "data.csv", TABLE)
    assert [entry.patient_id for entry in manifest()] == ["P0", "P1", "P2", "P3"]
    tally = Tally("table harmed")
    for _, harmed in mutated(TABLE, "table", SHARE):
        put(tmp_path, "data.csv", harmed)
        try:
            assert [entry.case_id for entry in manifest()] == ["c0", "c1", "c2", "c3"]
            tally.add("read")
        except RadbenchError as error:
            tally.add(refused(error))
    with capsys.disabled():
        print(f"\n{tally}", end="")
