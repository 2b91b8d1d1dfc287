"""The ROC curve as a picture: SVG by hand, light and dark, no dependency."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from chat.cli.figures import Contrast, interval

_SIDE = 440  # pixels of the square that the curve stands in
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 64, 24, 56
_MOST = 600  # points: more than the square has columns
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-size: 16px; font-weight: 600 }
  .paper { fill: #fff } .grid { stroke: #ddd } .chance { stroke: #999; stroke-dasharray: 4 4 }
  .curve { fill: none; stroke: #1f6f8b; stroke-width: 2.5 } .told { fill: #c2410c }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .paper { fill: #17191c } .grid { stroke: #3a3d42 }
    .curve { stroke: #6cc3dc } .told { fill: #fb923c }
  }
"""


def draw(contrast: Contrast, title: str) -> str:
    """The curve, its area with its interval, and the point at which the pipeline itself stands."""
    points = _thinned(contrast.roc())
    low, high = contrast.auc_interval()
    told = contrast.as_told()
    recall_low, recall_high = interval(contrast.told[0], len(contrast.wanted))
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    area = f"AUC {contrast.auc():.3f} (95 %: {low:.3f} to {high:.3f})"
    stands = (
        f"told: {told['recall']:.1%} ({recall_low:.1%} to {recall_high:.1%})"
        f" at {told['false_positives']:.2%} of the others"
    )
    curve = " ".join(f"{_x(wrong):.1f},{_y(right):.1f}" for wrong, right in points)
    x, y = _x(told["false_positives"]), _y(told["recall"])
    aside = (x - 12, "end") if x > _LEFT + _SIDE / 2 else (x + 12, "start")
    says = f"{title}: {area}; {stands}"
    size = f"n = {len(contrast.wanted):,} wanted, {len(contrast.other):,} others"
    parts = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"',
        f'viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(says)}>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="title" x="{_LEFT}" y="26">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="48">{area}; {size}</text>',
        *_grid(),
        f'<line class="chance" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>',
        f'<polyline class="curve" points="{curve}"/>',
        f'<circle class="told" cx="{x:.1f}" cy="{y:.1f}" r="5"/>',
        f'<text x="{aside[0]:.1f}" y="{y + 24:.1f}" text-anchor="{aside[1]}">{stands}</text>',
        "</svg>\n",
    )
    return "\n".join(parts)


def _x(share: float) -> float:
    return _LEFT + share * _SIDE


def _y(share: float) -> float:
    return _TOP + (1 - share) * _SIDE


def _grid() -> list[str]:
    lines = []
    for tick in _TICKS:
        x, y = _x(tick), _y(tick)
        lines += [
            f'<line class="grid" x1="{x:.1f}" y1="{_y(0)}" x2="{x:.1f}" y2="{_y(1)}"/>',
            f'<line class="grid" x1="{_x(0)}" y1="{y:.1f}" x2="{_x(1)}" y2="{y:.1f}"/>',
            f'<text x="{x:.1f}" y="{_y(0) + 20}" text-anchor="middle">{tick:.0%}</text>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>',
        ]
    middle = _TOP + _SIDE / 2
    return [
        *lines,
        f'<text x="{_LEFT + _SIDE / 2}" y="{_y(0) + 44}" text-anchor="middle">told of the others</text>',
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">told of those wanted</text>',
    ]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """No more points than can be seen, and always the last."""
    step = max(1, len(points) // _MOST)
    return [*points[::step], points[-1]]
