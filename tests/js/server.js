// What the page is told at its start, and what lessons may ask for: from the server's own tables, by the project's
// Python.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = `
import json
import nncore
from nncore import differences
from app import wire
from app.content.catalogue import bounds, catalogue
from app.content import marks
from app.conditions import COMPARISONS, QUANTITIES
from app.schemas import (
    MAX_RUNS, MAX_SESSION_ITERATIONS, Edit, Layer, OwnData, Sweep, Training, Unit, VectorizingRequest, View
)
from app.web.limits import MOST_BODY_BYTES
quantities = {name: quantity.of for name, quantity in QUANTITIES.items()}
drawn = {
    "plane": marks.PLANE,
    "marks": [{"symbol": mark.symbol, "colour": mark.token} for mark in marks.MARKS],
    "ramp": marks.RAMP,
    "targets": marks.TARGETS,
}
bounded = {
    "MAX_VALUE": bounds(Edit, "value")[1],
    "MAX_ITERATIONS": bounds(Training, "iterations")[1],
    "MOST_SEEDS": bounds(Sweep, "seeds")[1],
    "MOST_SWEPT": bounds(Sweep, "iterations")[1],
    "MIN_POINTS": bounds(OwnData, "points")[0],
    "SLOPE": bounds(Layer, "slope"),
    "MAX_RUNS": MAX_RUNS,
    "MAX_SESSION_ITERATIONS": MAX_SESSION_ITERATIONS,
    "MAX_POINTS": bounds(OwnData, "points")[1],
    "MAX_FILE_BYTES": MOST_BODY_BYTES,
    "TIMED": {name: bounds(VectorizingRequest, name) for name in ("examples", "inputs", "units")},
}
agrees = {"relative": differences.RELATIVE, "absolute": differences.ABSOLUTE}
def line_of(layers):
    """A picture with a line, as frames have it."""
    network = nncore.Network(layers)
    view = View(resolution=40, x=[-6, 6], y=[-6, 6], neurons=True, lines=True, line_of=Unit(layer=1, unit=1))
    told = wire.pictures(network, view, ("x1", "x2"), (0, 1))
    run = {**told["boundary"], "shares": told["lines"]["boundary"]}
    maps = {**told["neurons"][0], "shares": told["lines"]["neurons"][0]}
    coded = lambda of: {key: list(value) if isinstance(value, bytes) else value for key, value in of.items()}
    return {"boundary": coded(run), "maps": coded(maps), "unit": coded(told["lines"]["unit"])}
relu, sigmoid = nncore.ACTIVATIONS["relu"], nncore.ACTIVATIONS["sigmoid"]
lined = line_of([
    nncore.Layer([[1.0, -1.0], [0.5, 0.25]], [[0.7], [0.3]], relu),
    nncore.Layer([[1e-6], [-1e-6]], [[-1e-6]], sigmoid),
])
print(json.dumps({
    "catalogue": catalogue(), "comparisons": list(COMPARISONS), "quantities": quantities,
    "drawn": drawn, "bounded": bounded, "lined": lined, "agrees": agrees,
}))
`;
const python = process.env.PYTHON ?? '.venv/bin/python';
const printed = execFileSync(python, ['-c', program], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  timeout: 60_000,
});

export const { catalogue, comparisons, quantities, drawn, bounded, lined, agrees } = JSON.parse(printed);
