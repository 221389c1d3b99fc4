"""A page says nothing of what is whose, and asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from radbench.reader_study.page import page_of

from .made_study import ENHANCERS, made_folder, made_images, made_key

IMAGE = re.compile(r'<script type="text/plain" id="(\w+)" data-width="\d+"[^>]*>([^<]*)</script>')


@pytest.fixture(scope="module", params=["ranking", "rating", "preference", "detection"])
def page(request, tmp_path_factory):
    key = made_key(request.param, repeats=2)
    folder = made_folder(tmp_path_factory.mktemp("study") / "s", key)
    return key, folder, (folder / "readers" / "reader-1.html").read_text(encoding="utf-8")


def script(page):
    return re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]


def told(page):
    return json.loads(re.search(r'<script type="application/json" id="study">(.*?)</script>', page, re.DOTALL)[1])


def test_a_page_names_no_enhancer_case_patient_data_set_or_seed(page):
    key, _, text = page
    # Base64 may spell anything by chance.
    plain = IMAGE.sub("", text).lower()
    secrets = [*ENHANCERS, key.seed, key.salt, key.dataset, key.plan, key.fingerprint]
    secrets += [text for case in key.cases.values() for text in (case.case_id, case.patient_id, case.digest)]
    secrets += [*key.cases]
    assert [secret for secret in secrets if secret.lower() in plain] == []


def test_a_page_does_not_tell_which_trials_are_repeats_or_which_have_the_finding(page):
    _, _, text = page
    for trial in told(text)["trials"]:
        assert set(trial) == {"id", "part", "images", "reference", "shape"}
    assert "positive" not in IMAGE.sub("", text)


def test_images_stand_in_the_order_of_their_names(page):
    _, _, text = page
    names = [found[1] for found in IMAGE.finditer(text)]
    assert names == sorted(names)


def test_every_image_of_a_trial_is_there(page):
    _, _, text = page
    names = {found[1] for found in IMAGE.finditer(text)}
    wanted = {n for t in told(text)["trials"] for n in (*t["images"], t["reference"]) if n}
    assert names == wanted


def test_file_names_say_the_readers_number_alone(page):
    _, folder, _ = page
    assert sorted(p.name for p in (folder / "readers").iterdir()) == ["reader-1.html", "reader-2.html"]


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(page):
    _, _, text = page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    for name, content in (("script-src", script(text)), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"


def test_nothing_in_a_page_names_a_place_on_a_network(page):
    _, _, text = page
    assert re.findall(r"(?:https?|wss?|ftp):|//[a-z]", IMAGE.sub("", text).replace("// ", "")) == []
    assert (
        re.findall(r"fetch\(|XMLHttpRequest|WebSocket|sendBeacon|eval\(|innerHTML|document\.write", script(text)) == []
    )


def test_what_people_wrote_cannot_end_an_element(page):
    key, _, text = page
    assert "Chest &lt;radiographs&gt; &amp; &quot;spines&quot;" in text
    assert told(text)["title"] == key.title
    assert "<radiographs>" not in text


def test_a_question_that_looks_like_markup_stays_text():
    hostile = "</script><script>alert(1)</script>"
    key = made_key("ranking", question=hostile, cases=2)
    from radbench.reader_study.pixels import grey_levels, pack

    packed = {name: pack(grey_levels(x, 16), 16) for name, x in made_images(key).items()}
    text = page_of(key, 1, packed)
    assert told(text)["question"] == hostile
    assert "alert(1)</script>" not in text


def test_marks_of_the_frame_in_what_people_wrote_are_left_as_they_are():
    from dataclasses import replace

    from radbench.reader_study.pixels import grey_levels, pack

    key = replace(made_key("ranking", cases=2), title="@SCRIPT@ and @IMAGES@")
    packed = {name: pack(grey_levels(x, 16), 16) for name, x in made_images(key).items()}
    text = page_of(key, 1, packed)
    assert told(text)["title"] == "@SCRIPT@ and @IMAGES@"
    assert "<title>@SCRIPT@ and @IMAGES@</title>" in text
