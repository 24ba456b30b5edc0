"""A run on one page that needs nothing else: figures as Plotly has them, plotly.js within.

The page's policy allows exactly its own scripts, by their digests, and no network at all; as
its meta element it holds in a saved copy too.
"""

import base64
import hashlib
import json
from functools import cache
from html import escape
from typing import Any

import numpy as np

import nncore
from app.content import marks
from app.content.assets import plotly_script
from app.exports.formula import formula
from app.exports.origins import one_line, origin_of, ticks
from app.exports.text import Parts, template
from app.schemas import NamedData
from app.training.checkpoints import Record

MOST_COSTS_DRAWN = 2_000
MOST_PARAMETERS_SHOWN = 1_000
RESOLUTION = 100
"""Samples each way, as on the page."""
LINE = 2
"""Pixels."""

DRAW = """
for (const element of document.querySelectorAll('[data-figure]')) {
  const { data, layout } = JSON.parse(document.getElementById(element.dataset.figure).textContent);
  Plotly.newPlot(element, data, layout, { responsive: true, displaylogo: false });
}
"""

BEYOND = 1.05
"""The plane reaches so much farther than a point that is outside of the page's."""
CHUNK = 65_536


PLOTLY_GOES_HERE = "(plotly.min.js)"


@cache
def policy() -> str:
    """The Content-Security-Policy of a report, but for what only a header may say."""
    with plotly_script().open("rb") as script:
        scripts = (hashlib.file_digest(script, "sha256"), hashlib.sha256(DRAW.encode()))
    digests = " ".join(
        f"'sha256-{base64.b64encode(digest.digest()).decode()}'" for digest in scripts
    )
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def headers() -> dict[str, str]:
    """What a report is sent with: it has no access to the page that it was made for."""
    return {"Content-Security-Policy": f"{policy()}; sandbox allow-scripts allow-downloads"}


def report(record: Record) -> Parts:
    """A run as a page of HTML."""
    network, data = record.network, record.plan.data
    shown = network.parameter_count <= MOST_PARAMETERS_SHOWN
    figures = {"cost": _cost_figure(record)}
    if record.examples.features is not None:
        figures["boundary"] = _boundary_figure(record)
    page = template("report.html").render(
        record=record,
        origin=origin_of(record),
        dataset=data.dataset if isinstance(data, NamedData) else "points of one's own",
        sizes=network.layer_sizes,
        figures=figures,
        layers=network.layers if shown else [],
        formula="".join(formula(record)) if shown else None,
        policy=policy(),
        plotly=PLOTLY_GOES_HERE,
        draw=DRAW,
    )
    # What anybody wrote comes before that, and the last script is our own.
    before, _, after = page.rpartition(PLOTLY_GOES_HERE)
    yield before
    with plotly_script().open("rb") as script:
        yield from iter(lambda: script.read(CHUNK), b"")
    yield after


def _class(record: Record, label: int) -> str:
    """A class in the legend, by the name that it has where the points came from."""
    origin = origin_of(record)
    name = origin and origin.classes and f" ({escape(one_line(origin.classes[label]))})"
    return f"y = {label}{name or ''}"


@cache
def _template() -> dict[str, Any]:
    """Plotly's own look of figures; to import what knows it by name takes 27 MB and 0.3 s."""
    path = plotly_script().parent / "templates" / "plotly_white.json"
    template: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return template


def _figure(data: list[Any], **layout: Any) -> dict[str, Any]:
    """A figure as plain data."""
    return {"data": data, "layout": {"template": _template(), "margin": {"t": 20}, **layout}}


def _cost_figure(record: Record) -> dict[str, Any]:
    costs = record.costs
    # All that can be seen at this width; the last one always.
    drawn = np.unique(
        np.append(np.linspace(0, len(costs) - 1, MOST_COSTS_DRAWN).astype(int), len(costs) - 1)
        if len(costs)
        else np.empty(0, int)
    )
    epoch = _epoch(record)
    means = [float(costs[max(0, k + 1 - epoch) : k + 1].mean()) for k in drawn]
    lines = [_line("J", drawn, means, {"color": marks.colour("one")})]
    if epoch > 1:
        # One after the other, the costs of batches look like a barcode.
        faint = {"color": marks.colour("faint"), "width": 1}
        name = f"mean of an epoch ({epoch:,} batches)"
        lines = [
            _line("each batch", drawn, costs[drawn].tolist(), faint),
            {**lines[0], "name": name},
        ]
    return _figure(
        lines,
        showlegend=epoch > 1,
        legend={"orientation": "h", "y": 1.12},
        xaxis={"title": {"text": "iteration"}},
        yaxis={"title": {"text": "cost J"}, "rangemode": "tozero"},
        height=360,
    )


def _epoch(record: Record) -> int:
    """How many iterations see every training example once; 1 without mini-batches."""
    batch_size = record.run_plan.training.batch_size
    return 1 if batch_size is None else -(-record.examples.train.size // batch_size)


def _line(name: str, x: Any, y: list[float], line: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x.tolist(),
        "y": y,
        "line": line,
    }


def reach_of(record: Record) -> float:
    """How far the plane is shown each way: as far as on the page, or to a point farther out."""
    outermost = float(np.abs(record.examples.points).max())
    return marks.PLANE[1] if outermost <= marks.PLANE[1] else BEYOND * outermost


def _boundary_figure(record: Record) -> dict[str, Any]:
    examples = record.examples
    features = examples.features
    assert features is not None
    reach = reach_of(record)
    grid = nncore.Grid((-reach, reach), (-reach, reach), RESOLUTION, RESOLUTION, features)
    last = len(record.network.layers)
    A, Z = nncore.GridEvaluator(grid).pictures(record.network, [(last, 0)])
    values = A[-1][0].astype(float)
    at = np.linspace(-reach, reach, RESOLUTION).round(4).tolist()
    low, high = examples.scale
    contour = {
        "type": "contour",
        "x": at,
        "y": at,
        "z": values.round(7).tolist(),
        "zmin": low,
        "zmax": high,
        "colorscale": marks.scale(marks.RAMP),
        # Coloured without bands, as the page is; Plotly heeds `showlines` only between bands.
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0},
        "colorbar": {"title": {"text": "ŷ"}},
    }
    # ŷ = 0.5 where z = 0: ŷ itself is flat on either side, and would have the line elsewhere.
    line = {
        "type": "contour",
        "x": at,
        "y": at,
        "z": [[float(f"{z:.4g}") for z in row] for row in np.nan_to_num(Z[0]).tolist()],
        "contours": {"coloring": "none", "start": 0, "end": 0, "size": 1},
        "line": {"width": LINE, "color": marks.colour("contour")},
        "name": "ŷ = 0.5",
        "showscale": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }
    lines = [line] if examples.task == "classification" else []
    x1, x2 = (_axis(record, index, reach) for index in (0, 1))
    return _figure(
        [contour, *lines, *_points(record)],
        xaxis=x1,
        yaxis={**x2, "scaleanchor": "x"},
        legend={"orientation": "h"},
        height=620,
    )


def _axis(record: Record, index: int, reach: float) -> dict[str, Any]:
    """One of the plane's, in the units that the points had where they came from."""
    axis: dict[str, Any] = {"range": [-reach, reach], "constrain": "domain"}
    origin = origin_of(record)
    if origin is None:
        return {**axis, "title": {"text": f"x{index + 1}"}}
    places, texts = ticks(origin.axes[index], reach)
    # Plotly takes some marks of a text for HTML.
    title = escape(f"x{index + 1}: {one_line(origin.axes[index].name)}")
    return {**axis, "title": {"text": title}, "tickvals": places, "ticktext": texts}


def _points(record: Record) -> list[dict[str, Any]]:
    """Filled marks for what is trained on, hollow ones for what is held out."""
    examples = record.examples
    traces = []
    for name, part in (("train", examples.train), ("test", examples.test)):
        for label in (0, 1) if examples.task == "classification" else (None,):
            rows = part if label is None else part[examples.Y[0, part] == label]
            if not rows.size:
                continue
            # Targets have one shape, and their own colours.
            mark = marks.MARKS[1 if label is None else label]
            fill: dict[str, Any] = {"color": mark.colour}
            if label is None:
                fill = {
                    "color": examples.Y[0, rows].tolist(),
                    "colorscale": marks.scale(marks.TARGETS),
                    "cmin": -examples.largest_target,
                    "cmax": examples.largest_target,
                }
            hollow = {"color": "white", "line": {"width": 1.6, **fill}}
            filled = {**fill, "line": {"width": 1, "color": "white"}}
            marker = {"symbol": mark.symbol, "size": 7, **(filled if name == "train" else hollow)}
            x1, x2 = examples.points[:, rows].tolist()
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name if label is None else f"{name}, {_class(record, label)}",
                    "x": x1,
                    "y": x2,
                    "marker": marker,
                    "cliponaxis": False,
                }
            )
    return traces
