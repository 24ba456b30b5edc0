"""ONNX: onnxruntime gives /predict's numbers; graphs of others are read, or refused by name."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import nncore
from app.errors import InvalidField
from app.exports.onnx.protobuf import MOST_FIELDS, written
from app.exports.onnx.recipes import ACTIVATIONS, FEATURES
from app.exports.parameters import FORMATS, read
from app.heavy import work
from app.matrix import Matrix
from app.schemas import PredictRequest
from app.training.checkpoints import Record
from tests.app.test_exports import CENTIMETRES, layers, record_of, whole
from tests.app.test_uploads import memory_of

NETWORKS = 300
WIDEST = 16


def onnx_of(record: Record) -> bytes:
    return whole(FORMATS["onnx"].of(record))


def ran(data: bytes, points: Any) -> Any:
    """What onnxruntime makes of points, a row each."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (y_hat,) = session.run(None, {session.get_inputs()[0].name: points})
    assert y_hat.shape == (len(points), 1)
    return y_hat[:, 0]


def predicted(record: Record, points: Any) -> Any:
    """What `POST /predict` answers."""
    asked = PredictRequest.model_validate({"model": "a", "points": points.tolist()})
    answer = json.loads(whole(work.predict(record, asked)))
    return np.array(answer.get("probabilities", answer.get("values")))


def drawn(number: int, rng: np.random.Generator) -> tuple[Record, Any]:
    """A network of some kind at its start, and points as somebody enters them; not all alike."""
    names, terms = list(nncore.ACTIVATIONS), list(nncore.FEATURES)
    regression = number % 3 == 0
    hidden = [
        {
            "units": int(rng.integers(1, WIDEST + 1)),
            "activation": (name := names[(number + layer) % len(names)]),
            **({"slope": float(rng.random())} if name == "leaky_relu" else {}),
        }
        for layer in range(number % 6)
    ]
    start: dict[str, Any] = {"scheme": ["xavier", "he", "small_random"][number % 3], "seed": number}
    start["scale"] = float(rng.choice([0.01, 1]))
    features = [str(name) for name in rng.permutation(terms)[: 1 + number % len(terms)]]
    data: dict[str, Any] = {"dataset": "bumps" if regression else "xor", "examples": 10}
    data["features"] = features
    size, origin = 2, None
    if number % 4 == 1:
        size = 2 if number % 8 == 1 else 5
        axes = [
            {"name": f"{i} (cm)", "center": float(rng.normal(0, 99)), "scale": float(rng.random())}
            for i in range(size)
        ]
        origin = {"axes": axes if number % 12 else [{"name": axis["name"]} for axis in axes]}
        data = {
            "points": rng.normal(0, 3, (6, size)).tolist(),
            "labels": rng.normal(size=6).tolist() if regression else [0, 1] * 3,
            "task": "regression" if regression else "classification",
            "features": features if size == 2 else None,
            "origin": origin,
        }
    network = {"layers": hidden, "initialization": start}
    record = record_of({"network": network}, data, iterations=0)
    # What is drawn has no biases; what is trained has.
    shifted = [
        nncore.Layer(y.W, rng.normal(0, 1, y.b.shape), y.activation) for y in record.network.layers
    ]
    return replace(record, network=nncore.Network(shifted)), rng.uniform(-6, 6, (20, size))


def test_onnxruntime_gives_the_numbers_of_predict_for_300_networks() -> None:
    rng = np.random.default_rng(15)
    seen: set[str] = set()
    worst = 0.0
    for number in range(NETWORKS):
        record, points = drawn(number, rng)
        data, entered = onnx_of(record), points
        origin = getattr(record.plan.data, "origin", None)
        if origin is not None:
            axes = [(axis.center, axis.scale) for axis in origin.axes]
            center, scale = np.array(axes).T
            entered = points / scale + center
            points = (entered - center) * scale
        expected = predicted(record, points)
        differences = np.abs(ran(data, entered) - expected) / np.maximum(1, np.abs(expected))
        worst = max(worst, differences.max())
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
        # To the bit, it is the network that went out.
        for back, layer in zip(read(data, "onnx").layers, record.network.layers, strict=True):
            assert np.array(back.weights).tobytes() == layer.W.tobytes()
            assert np.array(back.biases).tobytes() == layer.b.tobytes()
            assert (back.activation, back.slope) == (layer.activation.name, layer.activation.slope)
        seen |= {f"{len(record.network.layers)} layers", record.examples.task, str(origin is None)}
        seen |= {g.name for g in record.network.activations[:-1]} | set(
            record.examples.features or ["as is"]
        )
    assert worst <= 1e-6
    assert seen == {
        *(f"{1 + hidden} layers" for hidden in range(6)),
        *nncore.ACTIVATIONS,
        *nncore.FEATURES,
        *("as is", "classification", "regression", "True", "False"),
    }


def test_every_activation_and_every_feature_has_its_recipe() -> None:
    assert set(ACTIVATIONS) == set(nncore.ACTIVATIONS)
    assert list(FEATURES) == list(nncore.FEATURES)


def test_a_network_by_hand() -> None:
    """In centimetres: x1 = (180 − 175) · 0.4 = 2 and x2 = (−2 + 3) · 2 = 2."""
    data = {**CENTIMETRES, "features": ["x1_squared", "x1_x2"]}
    network = {
        "layers": [{"units": 2, "activation": "leaky_relu", "slope": 0.25}],
        "parameters": [
            {
                "weights": [[4, -4], [-3, 1]],
                "biases": [1, 2],
            },  # z = 4·4 − 3·4 + 1, …: 5, −10; a = 5, −2.5
            {"weights": [[0.5], [2]], "biases": [1.5]},  # z = 2.5 − 5 + 1.5 = −1
        ],
    }
    file = onnx_of(record_of({"network": network}, data, iterations=0))
    assert ran(file, np.array([[180.0, -2.0]])) == pytest.approx([1 / (1 + np.e)], rel=1e-15)
    model = onnx.load_from_string(file)
    assert [entry.name for entry in model.graph.input] == ["points"]
    assert [entry.name for entry in model.graph.output] == ["probabilities"]
    assert model.opset_import[0].version == 13
    assert "height (cm)" in model.graph.input[0].doc_string
    assert "class 1 (sex: m; class 0 is f)" in model.graph.output[0].doc_string
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told.pop("layout") == "1"
    assert told.pop("task") == "classification"
    assert told.pop("label") == "sex"
    assert {name: json.loads(value) for name, value in told.items()} == {
        "inputs": ["height (cm)", "weight </td>; print(1)"],
        "features": ["x1_squared", "x1_x2"],
        "iterations": 0,
        "classes": ["f", "m"],
    }


@pytest.mark.parametrize("dataset", ["circle", "plane"])
def test_where_predict_has_an_answer_onnxruntime_has_it_too(dataset: str) -> None:
    """Weights of a run about to diverge; a z beyond the largest float is for /predict to refuse."""
    record = record_of({"network": layers("relu", units=2)}, {"dataset": dataset, "examples": 10})
    network = nncore.Network(
        nncore.Layer(np.full(y.W.shape, size), np.zeros(y.b.shape), y.activation)
        for y, size in zip(record.network.layers, (1e300, -1e-300), strict=True)
    )
    record = replace(record, network=network)
    points = np.array([[0, 0], [1e-300, 0], [3, 4], [-5, 1], [1e6, 1e6]], float)
    data = onnx_of(record)
    np.testing.assert_allclose(ran(data, points), predicted(record, points), 1e-12, 1e-15)
    beyond = np.array([[1e9, 1e9]])
    asked = PredictRequest.model_construct(model="a", points=Matrix(beyond))
    with pytest.raises(InvalidField, match="too large"):
        work.predict(record, asked)
    assert ran(data, beyond) in (0, -np.inf)


# -- as others write them -------------------------------------------------------------------

W1, B1 = np.array([[1.5, -2, 3], [4, 5, -6.25]]), np.array([0.5, -1, 2])
W2, B2 = np.array([[1.0], [-2], [0.125]]), np.array([-3.0])


def model(
    nodes: Sequence[onnx.NodeProto],
    tensors: dict[str, Any],
    *,
    output: str = "y",
    dtype: Any = np.float32,
    **words: Any,
) -> bytes:
    """A model of these nodes from x to y."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    value = helper.make_tensor_value_info
    initializers = [
        array
        if isinstance(array, TensorProto)
        else numpy_helper.from_array(
            np.asarray(array, dtype) if np.asarray(array).dtype.kind == "f" else array, name
        )
        for name, array in tensors.items()
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", kind, ["n", 2])], [value(output, kind, None)], initializers
    )
    made: bytes = helper.make_model(graph, **words).SerializeToString()
    return made


node = helper.make_node


def torch(dtype: Any = np.float32, activation: onnx.NodeProto | None = None) -> bytes:
    """As torch.onnx writes nn.Sequential: Gemm with transB, weights n_out × n_in."""
    sums: dict[str, Any] = {"alpha": 1.0, "beta": 1.0, "transB": 1}
    return model(
        [
            node("Gemm", ["x", "0.weight", "0.bias"], ["h"], "/0/Gemm", **sums),
            activation or node("Relu", ["h"], ["a"], "/1/Relu"),
            node("Gemm", ["a", "2.weight", "2.bias"], ["z"], "/2/Gemm", **sums),
            node("Sigmoid", ["z"], ["y"], "/3/Sigmoid"),
        ],
        {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2},
        dtype=dtype,
    )  # fmt: skip


def sklearn(tail: Sequence[onnx.NodeProto] = (), dtype: Any = np.float32, one: float = 1) -> bytes:
    """As skl2onnx writes an MLPClassifier, the labels of the classes included."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    chain = [
        node("Cast", ["x"], ["cast_input"], "Cast", to=kind),
        node("MatMul", ["cast_input", "coefficient"], ["mul_result"], "MatMul"),
        node("Add", ["mul_result", "intercepts"], ["add_result"], "Add"),
        node("Tanh", ["add_result"], ["next_activations"], "Tanh"),
        node("MatMul", ["next_activations", "coefficient1"], ["mul_result1"], "MatMul1"),
        node("Add", ["mul_result1", "intercepts1"], ["add_result1"], "Add1"),
        node("Sigmoid", ["add_result1"], ["p"], "Sigmoid"),
        node("Sub", ["unity", "p"], ["q"], "Sub"),
        node("Concat", ["q", "p"], ["y"], "Concat", axis=1),
        node("ArgMax", ["y"], ["argmax_output"], "ArgMax", axis=1),
        node("ArrayFeatureExtractor", ["classes", "argmax_output"], ["l"], domain="ai.onnx.ml"),
        *tail,
    ]
    tensors = {"coefficient": W1, "intercepts": B1[np.newaxis], "coefficient1": W2}
    tensors |= {"intercepts1": B2[np.newaxis], "unity": np.array(float(one))}
    tensors["classes"] = np.array([0, 1])
    return model(chain, tensors, dtype=dtype)


def regressor() -> bytes:
    """As skl2onnx writes an MLPRegressor, with numbers that are no raw bytes, and a constant."""
    shape = numpy_helper.from_array(np.array([-1, 1]), "shape")
    listed = helper.make_tensor("b", TensorProto.DOUBLE, [1, 3], B1.tolist())
    return model(
        [
            node("Constant", [], ["W"], "W", value=numpy_helper.from_array(W1)),
            node("MatMul", ["x", "W"], ["m"]),
            node("Add", ["b", "m"], ["z"]),
            node("Identity", ["z"], ["a"]),
            node("MatMul", ["a", "V"], ["v"]),
            node("Reshape", ["v", "shape"], ["y"]),
        ],
        {"b": listed, "V": W2, "shape": shape},
        dtype=np.float64,
    )


LEAKY = node("LeakyRelu", ["h"], ["a"], "/1/LeakyRelu", alpha=0.2)
OTHERS: dict[str, tuple[bytes, tuple[str, float | None], str, Any]] = {
    "torch": (torch(), ("relu", None), "sigmoid", B2),
    "torch in float64": (torch(np.float64), ("relu", None), "sigmoid", B2),
    "torch, leaky": (torch(activation=LEAKY), ("leaky_relu", 0.2), "sigmoid", B2),
    "a classifier": (sklearn(), ("tanh", None), "sigmoid", B2),
    "a classifier in float64": (sklearn(dtype=np.float64), ("tanh", None), "sigmoid", B2),
    "a regressor": (regressor(), ("linear", None), "linear", np.zeros(1)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_plain_chain_of_layers_is_read(name: str) -> None:
    data, (hidden, slope), output, b2 = OTHERS[name]
    first, second = read(data, "onnx").layers
    assert (first.weights, first.biases) == (W1.tolist(), B1.tolist())
    assert (second.weights, second.biases) == (W2.tolist(), b2.tolist())
    assert (first.activation, first.slope) == (hidden, slope)
    assert (second.activation, second.slope) == (output, None)


# -- what is refused ------------------------------------------------------------------------


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """A good file with something changed in it."""
    proto = onnx.load_from_string(torch())
    change(proto)
    made: bytes = proto.SerializeToString()
    return made


def tensor(**fields: Any) -> bytes:
    """A good file whose first weights are described otherwise."""

    def change(proto: onnx.ModelProto) -> None:
        first = proto.graph.initializer[0]
        for name, value in fields.items():
            if isinstance(value, list):
                first.ClearField(name)
                getattr(first, name).extend(value)
            else:
                setattr(first, name, value)

    return changed(change)


def external(proto: onnx.ModelProto) -> None:
    first = proto.graph.initializer[0]
    first.ClearField("raw_data")
    first.data_location = TensorProto.EXTERNAL
    first.external_data.add(key="location", value="/etc/passwd")


def other(number: int, **fields: Any) -> bytes:
    """A good file with a node changed."""

    def change(proto: onnx.ModelProto) -> None:
        for name, value in fields.items():
            if isinstance(value, list):
                proto.graph.node[number].ClearField(name)
                getattr(proto.graph.node[number], name).extend(value)
            else:
                setattr(proto.graph.node[number], name, value)

    return changed(change)


def nested(depth: int) -> bytes:
    """A graph in an attribute of a node of a graph, and so on."""
    graph = b""
    for _ in range(depth):
        graph = written((1, written((4, "If"), (5, written((1, "then"), (6, graph))))))
    return written((7, graph))


def shared(layers: int) -> bytes:
    """Layers that all take the same array, of half a megabyte as it is kept."""
    nodes = [node("MatMul", [f"a{i}", "W"], [f"a{i + 1}"]) for i in range(layers)]
    nodes[0].input[0], nodes[-1].output[0] = "x", "y"
    return model(nodes, {"W": np.zeros((256, 256))})


def gemm(**attributes: Any) -> bytes:
    return model(
        [node("Gemm", ["x", "W"], ["y"], "odd", **attributes)], {"W": W1}, dtype=np.float64
    )


def plain(*nodes: onnx.NodeProto, **tensors: Any) -> bytes:
    return model(nodes, {"W": W1, "b": B1, **tensors}, dtype=np.float64)


NODE_OF_NODES = written(*[(1, "a")] * 400)
OF_ATTRIBUTES = written(*[(5, written((1, str(number)))) for number in range(400)])
FIRST = node("MatMul", ["x", "W"], ["m"], "first")
BAD: list[tuple[bytes, str]] = [
    (b"", "0 inputs"),
    (b"\xff" * 100, "can't be read"),
    (b"no graph at all", "can't be read|inputs"),
    (torch()[:-7], "can't be read|inputs"),
    (written((7, "")), "0 inputs"),
    (written((7, 5)), "can't be read"),
    (written((7, ""), (7, "")), "says twice"),
    (nested(3), "0 inputs"),
    (nested(500), "0 inputs"),
    (written((7, b"\x0a\x00" * 900_000)), f"more than {MOST_FIELDS:,} entries"),
    (written((7, written((1, b"\x2a\x00" * 900_000)))), f"more than {MOST_FIELDS:,} entries"),
    (written((7, written((5, written((1, b"\x01" * 900_000)))))), "more than .* entries|inputs"),
    (written((7, written(*[(1, NODE_OF_NODES)] * 200))), f"more than {MOST_FIELDS:,} entries"),
    (written((7, written(*[(1, OF_ATTRIBUTES)] * 200))), f"more than {MOST_FIELDS:,} entries"),
    (shared(900), "more than 9 layers"),
    (b"\x08\x01" * 900_000, f"more than {MOST_FIELDS:,} entries"),
    (b"\x3a" + b"\xff" * 9 + b"\x01" + b"x" * 50, "can't be read"),
    (b"\x3a" + b"\x80" * 2_000_000, "can't be read"),
    (b"\x0b" * 1_000, "can't be read"),
    (changed(external), "'0.weight' is in another file: save the model as one file"),
    (tensor(dims=[30_000_000, 0]), "1 to 256 along each side"),
    (tensor(dims=[2**40, 2**40]), "1 to 256 along each side"),
    (tensor(dims=[-1, -6]), "1 to 256 along each side"),
    (tensor(dims=[1] * 400), "1 to 256 along each side"),
    (tensor(dims=[3, 2, 1]), "1 to 256 along each side"),
    (tensor(dims=[2, 2]), "not as long as it says"),
    (tensor(dims=[6]), "weights that are no matrix"),
    (tensor(raw_data=b""), "not as long as it says"),
    (tensor(raw_data=bytes(23)), "not as long as it says"),
    (tensor(data_type=TensorProto.INT64), "neither float32 nor float64"),
    (tensor(data_type=TensorProto.FLOAT16), "neither float32 nor float64"),
    (tensor(data_type=99), "neither float32 nor float64"),
    (tensor(raw_data=struct.pack("<6f", *[np.nan] * 6)), "finite"),
    (tensor(raw_data=struct.pack("<6f", *[np.inf] * 6)), "finite"),
    (tensor(raw_data=struct.pack("<6f", *[1e7] * 6)), "from -1,000,000"),
    (tensor(name="else"), r"node '/0/Gemm' \(Gemm\) takes '0.weight', which are no numbers"),
    (other(0, input=["a", "0.weight", "0.bias"]), r"'/0/Gemm' \(Gemm\) does not go from 'x'"),
    (other(1, input=["x"]), r"node '/1/Relu' \(Relu\) does not go from 'h'"),
    (other(1, input=["a"]), r"node '/1/Relu' \(Relu\) does not go from 'h'"),
    (other(1, op_type="Elu"), r"node '/1/Relu' \(Elu\) is no part of a layer: these are Gemm"),
    (other(1, domain="custom"), r"\(custom.Relu\) is no part of a layer"),
    (other(1, output=["a", "c"]), r"node '/1/Relu' \(Relu\) does not go .* to one value"),
    (other(3, op_type="Softmax"), r"node '/3/Sigmoid' \(Softmax\)"),
    (other(3, output=["else"]), "does not give what its last node gives, 'else'"),
    (changed(lambda m: m.graph.input.add(name="other")), "it has 2 inputs"),
    (changed(lambda m: m.graph.ClearField("node")), "no layer"),
    (changed(lambda m: m.graph.node.add(op_type="Tanh", input=["y"], output=["t"])), "without a"),
    (gemm(transA=1), r"node 'odd' \(Gemm\) has transA"),
    (gemm(alpha=0.5), "has transA, alpha or beta"),
    (plain(node("Relu", ["x"], ["y"], "early")), "'early' .* activation without a layer"),
    (plain(node("Add", ["x", "b"], ["y"], "shift")), r"node 'shift' \(Add\) adds to something"),
    (plain(node("MatMul", ["W", "x"], ["y"], "turned")), r"'turned' \(MatMul\) does not go from"),
    (plain(FIRST, node("Add", ["m", "x"], ["y"], "skip")), r"'skip' \(Add\) takes 'x', which"),
    (plain(FIRST, node("Add", ["m", "c"], ["y"]), c=np.ones(2)), r"'y' \(Add\) has 2 biases"),
    (plain(FIRST, node("Mul", ["m", "b"], ["y"], "gate")), r"node 'gate' \(Mul\) is no part"),
    (
        plain(FIRST, node("Mul", ["m", "b"], ["s"], "each"), node("Max", ["m", "s"], ["y"])),
        r"node 'each' \(Mul\) has a slope for each unit",
    ),
    (plain(FIRST, node("Flatten", ["m"], ["y"], axis=0)), "puts examples together"),
    (plain(FIRST, node("Cast", ["m"], ["y"], to=TensorProto.INT32)), "something else than float32"),
    (plain(FIRST, node("Reshape", ["m", "s"], ["y"]), s=np.array([-1])), r"\(Reshape\) is no part"),
    (plain(node("LeakyRelu", ["x"], ["y"], alpha=0.5)), "activation without a layer"),
    (plain(FIRST, node("LeakyRelu", ["m"], ["y"], alpha=-0.5)), "slope"),
    (sklearn([node("Add", ["l", "l"], ["more"], "more")]), r"node 'more' \(Add\) makes something"),
    (sklearn(one=2), r"node 'Sub' \(Sub\) takes ŷ from something else than 1"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_is_no_chain_of_layers_is_refused_by_name(number: int) -> None:
    data, words = BAD[number]
    with memory_of() as most, pytest.raises(InvalidField, match=words) as refused:
        read(data, "onnx")
    assert most[0] < 4_000_000 + 12 * len(data)
    assert refused.value.field
    assert len(refused.value.detail) < 1_000


@cache
def ours() -> onnx.ModelProto:
    data = {**CENTIMETRES, "features": ["x1", "x1_squared", "sin_x2"]}
    return onnx.load_from_string(onnx_of(record_of({"network": layers("tanh")}, data)))


@pytest.mark.parametrize("number", range(7))
def test_what_is_done_to_a_point_is_passed_over_only_as_it_is_written_here(number: int) -> None:
    """Else the parameters alone would be another network than the file's."""
    assert read(ours().SerializeToString(), "onnx").layers
    proto = onnx.ModelProto()
    proto.CopyFrom(ours())
    node = proto.graph.node[number]
    node.op_type = "Exp" if len(node.input) == 1 else "Div"
    with pytest.raises(InvalidField, match="is no part of a layer"):
        read(proto.SerializeToString(), "onnx")
