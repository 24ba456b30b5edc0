// What the page is told at its start, and what lessons may ask for: from the server's own tables, by the project's
// Python.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = `
import json
from app.content.catalogue import bounds, catalogue
from app.content import marks
from app.content.lessons import COMPARISONS, QUANTITIES
from app.schemas import (
    MAX_RUNS, MAX_SESSION_ITERATIONS, Edit, Layer, OwnData, Sweep, Training, VectorizingRequest
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
print(json.dumps({
    "catalogue": catalogue(), "comparisons": COMPARISONS, "quantities": quantities,
    "drawn": drawn, "bounded": bounded,
}))
`;
const python = process.env.PYTHON ?? '.venv/bin/python';
const printed = execFileSync(python, ['-c', program], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  timeout: 60_000,
});

export const { catalogue, comparisons, quantities, drawn, bounded } = JSON.parse(printed);
