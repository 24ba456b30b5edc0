"""The lines that frames have, drawn as docs/protocol.md says, are where the network's are."""

import zlib
from typing import Any

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray

import nncore
from app import wire
from app.schemas import Plan, View
from app.training.session import Session
from benchmarks import lines_bench

Array = NDArray[Any]
PLANE = [-6.6, 6.6]
PIXELS = 600
"""The plane is at most about so large."""
MAP_PIXELS = 72
VIEW: dict[str, Any] = {"x": PLANE, "y": PLANE, "neurons": True, "lines": True}


def session(data: str, activation: str, units: list[int], **run: Any) -> Session:
    layers = [{"units": n, "activation": activation} for n in units]
    scheme = {"scheme": "he" if activation.endswith("relu") else "xavier"}
    network = {"layers": layers, "initialization": scheme, **run}
    training = {"learning_rate": 0.1}
    return Session(
        Plan.model_validate(
            {"data": {"dataset": data}, "runs": [{"network": network, "training": training}]}
        )
    )


def crossings(values: Array, shares: bytes, steps: int, level: float) -> list[Array]:
    """Of each picture: the places of its line on edges, in samples, as a client finds them."""
    told = iter(shares)
    zero = 128 if level == 128.5 else level
    places: list[list[tuple[float, float]]] = [[] for _ in values]
    for right, up in ((1, 0), (0, 1)):
        for n, j, i in np.ndindex(values.shape):
            if i + right == values.shape[2] or j + up == values.shape[1]:
                continue
            a, b = int(values[n, j, i]), int(values[n, j + up, i + right])
            if (a > level) != (b > level):
                guess = int(steps * (level - a) / (b - a))
                far = (j + 2 * up, i + 2 * right) if b > a else (j - up, i - right)
                if all(0 <= k < size for k, size in zip(far, values.shape[1:], strict=True)):
                    on = int(values[n, *far]) - max(a, b)
                    if on > abs(b - a):
                        back = min(int((max(a, b) - zero) * steps / on), steps - 1)
                        guess = steps - 1 - back if b > a else back
                t = ((guess + next(told)) % steps + 0.5) / steps
                places[n].append((i + right * t, j + up * t))
    return [np.array(each).reshape(-1, 2).T for each in places]


def right_share(
    run: Any, layer: int, unit: int, places: Array, samples: int, pixels: int
) -> tuple[int, int]:
    """How many places have the line of a unit within half a pixel of a plane so large."""
    if places.size == 0:
        return 0, 0
    points = PLANE[0] + places * (PLANE[1] - PLANE[0]) / (samples - 1)
    half = 0.5 * (PLANE[1] - PLANE[0]) / pixels

    def z(points: Array) -> Array:
        inputs = nncore.featurize(points, run.examples.features)
        found: Array = nncore.forward(run.trainer.network, inputs).Z[layer - 1][unit]
        return found

    around = [
        z(points + half * np.array([[np.cos(angle)], [np.sin(angle)]]))
        for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ]
    # A flat side is exactly zero: its border is a line too.
    right = (np.min(around, axis=0) <= 0) & (np.max(around, axis=0) >= 0)
    return int(right.sum()), right.size


@pytest.mark.parametrize("activation", nncore.ACTIVATIONS)
@pytest.mark.parametrize("data", ["circle", "spiral"])
def test_lines_are_where_z_is_zero(activation: str, data: str) -> None:
    training = session(data, activation, [4, 4])
    (run,) = training.runs
    relu = activation == "relu"
    fine, coarse = [], []
    for iteration in (0, 100, 1000):
        training.advance(iteration - training.iteration)
        view = View.model_validate({**VIEW, "line_of": {"layer": 2, "unit": 1}})
        frame = training.frame(0, 0, view)["runs"][0]
        lines, boundary = frame["lines"], frame["boundary"]
        for picture, shares, level, place in (
            (boundary, lines["boundary"], 127.5, (3, 0)),
            (lines["unit"], lines["unit"]["shares"], 0.5, (2, 1)),
        ):
            values = np.frombuffer(picture["values"], np.uint8).reshape(1, 100, 100)
            (places,) = crossings(values, shares, 32, level)
            fine.append(right_share(run, *place, places, 100, PIXELS))
        for index, maps in enumerate(frame["neurons"]):
            values = np.frombuffer(maps["values"], np.uint8).reshape(-1, 32, 32)
            found = crossings(values, lines["neurons"][index], 6, 128.5 if relu else 127.5)
            coarse += [
                right_share(run, index + 1, unit, places, 32, MAP_PIXELS)
                for unit, places in enumerate(found)
            ]
    for shares in (np.sum(fine, axis=0), np.sum(coarse, axis=0)):
        assert shares[1] > 100
        assert shares[0] / shares[1] >= 0.99


@pytest.mark.parametrize(
    ("data", "activation", "units", "scale", "iteration"),
    [
        ("circle", "relu", [8, 8, 8], None, 0),  # z is exactly zero on a whole side
        ("moons", "relu", [8, 8, 8], None, 500),  # a band of two pixels
        ("xor", "leaky_relu", [8, 8, 8], None, 20),  # many corners
        ("circle", "tanh", [8, 8], 8, 0),  # steep: lines bend twice in a cell, and meet in it
        ("moons", "leaky_relu", [8, 8], 5, 100),  # hundreds of corners, some in one cell
    ],
)
def test_a_frames_lines_are_right_on_their_whole_length(
    data: str, activation: str, units: list[int], scale: float | None, iteration: int
) -> None:
    start = {"initialization": {"scheme": "small_random", "scale": scale}} if scale else {}
    training = session(data, activation, units, **start)
    training.advance(iteration)
    (run,) = training.runs
    frame = training.frame(0, 0, View.model_validate(VIEW))["runs"][0]
    values = np.frombuffer(frame["boundary"]["values"], np.uint8).reshape(1, 100, 100)
    (drawn,) = lines_bench.drawn_lines("plane", values, frame["lines"]["boundary"])
    truth = lines_bench.true_line(run, len(units) + 1, 0, strict=False)
    for line, other in ((drawn, truth), (truth, drawn)):
        right, length = lines_bench.right_length(line, other, PIXELS)
        assert length > 500
        # At the end of the band they meet within a pixel of each other.
        assert right / length >= (0.96 if iteration == 500 else 0.99)


def test_a_loop_within_a_cell_is_drawn() -> None:
    """No sample is on the other side of it: z < 0 only within 0.04 of a place between samples."""
    size = 50
    middle = -6 + 20.45 * 12 / (size - 1)
    features = ("x1", "x2", "x1_squared", "x2_squared")
    weights = [[-2 * middle], [-2 * middle], [1.0], [1.0]]
    sigmoid = nncore.ACTIVATIONS["sigmoid"]
    network = nncore.Network([nncore.Layer(weights, [[2 * middle**2 - 0.04**2]], sigmoid)])
    view = View(x=[-6, 6], y=[-6, 6], resolution=size, lines=True)
    told = wire.pictures(network, view, features, (0, 1))
    values = np.frombuffer(told["boundary"]["values"], np.uint8).reshape(1, size, size)
    assert (values > 127).all()
    (drawn,) = lines_bench.drawn_lines("plane", values, told["lines"]["boundary"])
    from_middle = np.hypot(*(-6 + 12 * drawn.reshape(-1, 2) - middle).T)
    assert len(drawn) >= 4
    np.testing.assert_allclose(from_middle, 0.04, atol=0.01)
    assert (drawn[0, 0] == drawn[-1, 1]).all()


@pytest.mark.parametrize(("weight", "bias"), [(1e4, -1e-4), (-1e4, 1e-4), (-1.0, 0.0)])
@pytest.mark.parametrize("size", [40, 100])
def test_the_bent_border_of_a_flat_side_is_drawn_where_it_is(
    weight: float, bias: float, size: int
) -> None:
    """z is nearly 0 wherever the unit before is off: that does not mean that the line is near."""
    relu, sigmoid = nncore.ACTIVATIONS["relu"], nncore.ACTIVATIONS["sigmoid"]
    hidden = nncore.Layer([[-1.0], [-1.0]], [[2.5]], relu)
    network = nncore.Network([hidden, nncore.Layer([[weight]], [[bias]], sigmoid)])
    features = ("x1_squared", "x2_squared")
    view = View(x=[-6, 6], y=[-6, 6], resolution=size, lines=True)
    told = wire.pictures(network, view, features, (0, 1))
    values = np.frombuffer(told["boundary"]["values"], np.uint8).reshape(1, size, size)
    (drawn,) = lines_bench.drawn_lines("plane", values, told["lines"]["boundary"])
    places, _ = lines_bench.sampled(-6 + 12 * drawn, 0.01)
    off = np.abs(np.hypot(*places.T) - 2.5**0.5)
    assert off.size > 800
    assert (off <= 0.08 * 12 / (size - 1)).mean() >= 0.99


def test_while_the_next_frame_follows_lines_are_looked_at_within_few_cells() -> None:
    """That would take longer than all the rest: only the plane has corners, and nothing finer."""
    training = session("circle", "relu", [8, 8, 8])
    training.advance(100)
    view = View.model_validate(VIEW)
    still, moving = (
        training.frame(0, 0, view, still=is_still)["runs"][0]["lines"] for is_still in (True, False)
    )
    assert still["boundary"].startswith(moving["boundary"])
    assert len(moving["boundary"]) < len(still["boundary"])
    assert sum(map(len, moving["neurons"])) < sum(map(len, still["neurons"]))


@pytest.mark.parametrize("still", [True, False])
def test_however_steep_a_network_is_so_much_is_looked_at_for_its_lines(
    monkeypatch: pytest.MonkeyPatch, still: bool
) -> None:
    """A picture is of all units, a look of one: of many, all of which are noise, it never ends."""
    steep = {"scheme": "small_random", "scale": 10}
    network = session("circle", "tanh", [16] * 8, initialization=steep).runs[0].trainer.network
    work, looked = wire._work_of_a_point(network), list[int]()
    look = nncore.GridEvaluator.preactivations

    def counted(self: Any, network: Any, last: int, X: Array) -> Array:
        looked.append(work * X.shape[1])
        return look(self, network, last, X)

    monkeypatch.setattr(nncore.GridEvaluator, "preactivations", counted)
    most = {"resolution": 200, "neuron_resolution": 64, "line_of": {"layer": 8, "unit": 0}}
    view = View.model_validate({**VIEW, **most})
    wire.pictures(network, view, ("x1", "x2"), (0.0, 1.0), 8, still=still)
    assert 0 < sum(looked) <= 2 * wire.MOST_LINE_WORK / 8


def test_where_nothing_has_corners_a_frame_that_the_next_follows_has_crossings_only() -> None:
    training = session("spiral", "tanh", [4])
    training.advance(20)
    moving = training.frame(0, 0, View.model_validate(VIEW), still=False)["runs"][0]
    values = np.frombuffer(moving["boundary"]["values"], np.uint8).reshape(100, 100) > 127
    crossed = (values[1:] != values[:-1]).sum() + (values[:, 1:] != values[:, :-1]).sum()
    assert len(moving["lines"]["boundary"]) == crossed > 0


def test_bytes_are_on_the_side_of_the_line_that_z_is() -> None:
    """Also where they are all rounded to the same: of a network that has not learned yet."""
    small = {"initialization": {"scheme": "small_random", "scale": 0.001}}
    for activation in nncore.ACTIVATIONS:
        training = session("circle", activation, [3, 3], **small)
        run = training.runs[0]
        frame = training.frame(0, 0, View.model_validate(VIEW))["runs"][0]
        for size, layer, values, middle in (
            (100, 3, frame["boundary"]["values"], 127),
            (32, 1, frame["neurons"][0]["values"], 127 + (activation == "relu")),
            (32, 2, frame["neurons"][1]["values"], 127 + (activation == "relu")),
        ):
            grid = nncore.Grid((-6.6, 6.6), (-6.6, 6.6), size, size)
            z = nncore.forward(run.trainer.network, grid.X.astype(float)).Z[layer - 1]
            side = z > 0 if middle == 128 else z >= 0
            clear = np.abs(z) > 1e-5 * np.abs(z).max()
            drawn = np.frombuffer(values, np.uint8).reshape(z.shape) > middle
            assert (drawn == side)[clear].all()


def test_a_frame_with_lines_is_no_larger_than_it_was_without() -> None:
    """As the page asks for it: lines take less than words save in a block of their own.

    One that stands still is no larger than that, though lines are then looked at within cells.
    """
    for activation, units in (("tanh", [4]), ("tanh", [8, 8, 8]), ("leaky_relu", [8, 8, 8])):
        training = session("spiral", activation, units)
        training.advance(500)
        view = View.model_validate({**VIEW, "encoding": "differences"})
        without = training.frame(1, 495, view.model_copy(update={"lines": False}))
        deflate = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
        largest = len(deflate.compress(msgpack.packb(without)) + deflate.flush())
        for still in (False, True):
            frame = training.frame(1, 495, view, still=still)
            packed = wire.pack(frame, "differences", still=still)
            assert wire.unpack(packed) == frame
            assert len(packed) <= largest
            largest = len(packed)


def test_there_are_lines_only_where_there_is_something_to_divide() -> None:
    plan = {"data": {"dataset": "plane"}, "runs": [{"network": {"layers": [{"units": 3}]}}]}
    regression = Session(Plan.model_validate(plan))
    wanted = {**VIEW, "line_of": {"layer": 2, "unit": 0}}
    lines = regression.frame(0, 0, View.model_validate(wanted))["runs"][0]["lines"]
    assert set(lines) == {"neurons"}
    assert "lines" not in regression.frame(0, 0, View())["runs"][0]
    logistic = session("circle", "tanh", [])
    lines = logistic.frame(0, 0, View(lines=True))["runs"][0]["lines"]
    assert set(lines) == {"boundary"}
