from __future__ import annotations

from xml.etree import ElementTree

from chat.cli.figures import Contrast
from chat.cli.roc import draw

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_well_formed_and_says_its_figures() -> None:
    """Also where a label has marks that XML knows."""
    tree = ElementTree.fromstring(draw(Contrast((0.3, 0.9), (0.1, 0.2), (1, 0)), 'a <b> & "c"'))
    says = " ".join(text.text or "" for text in tree.iter(f"{SVG}text"))
    assert 'a <b> & "c"' in says
    assert "AUC 1.000" in says
    assert "told: 50.0%" in says


def test_many_scores_make_no_large_file() -> None:
    """A curve has no more points than can be seen, and ends where all are told."""
    many = Contrast(tuple(at / 5000 for at in range(5000)), tuple(at / 7000 for at in range(7000)))
    tree = ElementTree.fromstring(draw(many, "many"))
    (curve,) = tree.iter(f"{SVG}polyline")
    points = curve.attrib["points"].split()
    assert len(points) < 1300
    assert points[-1] == "504.0,64.0"
