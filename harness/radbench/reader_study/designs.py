"""Designs: what a reader is asked of which images, and the scale that the answer is given on."""

from __future__ import annotations

from dataclasses import dataclass

from radbench.contracts.errors import UnknownNameError, UsageError

DESIGNS = ("ranking", "rating", "preference", "detection")

MOST_GRADES = 9
"""A grade is one digit key."""

MOST_RANKED = 8
"""Images side by side on one screen beside the reference."""

QUESTIONS = {
    # Eidlin et al., section IV-E: each image is ranked, 1 for the highest quality and 3 for the lowest.
    "ranking": "Rank the images by quality: 1 is the highest.",
    "rating": "How good is this image for making a diagnosis?",
    "preference": "Which of the two images do you prefer for making a diagnosis?",
    "detection": "Does the image show this finding: {finding}?",
}

QUALITY = {5: ("bad", "poor", "fair", "good", "excellent")}
"""The five-grade quality scale of Recommendation ITU-R BT.500, section 6.1."""

CONFIDENCE = {
    4: ("definitely not", "probably not", "probably", "definitely"),
    5: ("definitely not", "probably not", "cannot say", "probably", "definitely"),
    6: ("definitely not", "probably not", "rather not", "rather", "probably", "definitely"),
}
"""Ordered categories of confidence, of which the curve's points are made (Metz 1978, Semin. Nucl. Med. 8:283-298, has
five)."""

DEFAULT_GRADES = {"rating": 5, "detection": 5}


@dataclass(frozen=True)
class Design:
    """How a study asks.

    Attributes:
        name: one of :data:`DESIGNS`.
        grades: the scale runs from 1 to this; of a preference 0 is for the other
            image, 1 for neither and 2 for this one.
        ties: whether two images of a ranking may have one rank, or a preference may be for neither.
        question: as the reader sees it.
        finding: what is to be detected; "" elsewhere.
    """

    name: str
    grades: int
    ties: bool
    question: str
    finding: str = ""

    @property
    def side_by_side(self) -> bool:
        """Whether several images of a case are seen together."""
        return self.name in ("ranking", "preference")

    @property
    def better(self) -> str:
        """Which answers are better: "lower" ranks, "higher" grades."""
        return "lower" if self.name == "ranking" else "higher"

    @property
    def labels(self) -> tuple[str, ...]:
        """What each grade says, where it says more than its number."""
        n = self.grades
        if self.name == "ranking":
            return ("best", *[""] * (n - 2), "worst") if n >= 2 else ("best",)
        if self.name == "preference":
            return ()
        named = (QUALITY if self.name == "rating" else CONFIDENCE).get(n)
        if named:
            return named
        low, high = ("bad", "excellent") if self.name == "rating" else ("definitely not", "definitely")
        return (low, *[""] * (n - 2), high)

    @property
    def answers(self) -> tuple[float, ...]:
        """Every answer that can be given to one image, in order."""
        if self.name == "preference":
            return (0.0, 1.0, 2.0) if self.ties else (0.0, 2.0)
        return tuple(float(g) for g in range(1, self.grades + 1))


def make_design(
    name: str, judged: int, grades: int = 0, ties: bool = True, question: str = "", finding: str = ""
) -> Design:
    """Return a design for so many enhancers, checked.

    Args:
        name: one of :data:`DESIGNS`.
        judged: how many enhancers are judged, the reference not among them.
        grades: of the scale; 0 for the usual: as many ranks as there are images, five grades elsewhere.
        ties: see :class:`Design`.
        question: "" for the usual.
        finding: the target or finding that is to be detected.

    Raises:
        UsageError: what was asked for does not go together.
    """
    if name not in DESIGNS:
        raise UnknownNameError("design", name, DESIGNS)
    least = 2 if name in ("ranking", "preference") else 1
    if judged < least:
        raise UsageError(f"a {name} needs {least} enhancers to be judged, beside the reference: there is {judged}")
    if name == "ranking" and judged > MOST_RANKED:
        raise UsageError(
            f"{judged} images do not go side by side on one screen: rank at most {MOST_RANKED}, or take "
            "--design preference, which shows two at a time"
        )
    if name == "preference" and grades:
        raise UsageError(
            "a preference has no grades: it is for one of two images; --no-ties takes 'no difference' away"
        )
    if bool(finding) != (name == "detection"):
        needed = "detection needs --finding" if name == "detection" else f"--finding is for detection, not for {name}"
        raise UsageError(f"{needed}: a mask such as nodule_mask, or a finding of the data set")
    if name == "ranking" and not ties and grades and grades < judged:
        raise UsageError(f"{judged} images cannot have different ranks on a scale of {grades}: leave out --no-ties")
    n = 0 if name == "preference" else grades or DEFAULT_GRADES.get(name, judged)
    if name != "preference" and not 2 <= n <= MOST_GRADES:
        raise UsageError(f"--grades must lie between 2 and {MOST_GRADES}, one digit key each; got {n}")
    plain = finding.removesuffix("_mask").replace("_", " ").lower()
    return Design(name, n, ties, question or QUESTIONS[name].format(finding=plain), finding)
