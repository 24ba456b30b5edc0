"""What crosses the wire, with its bounds. Choices come from nncore's tables.

Everything is strict (a text is no number; 15.0 is the whole number 15, as in JSON Schema), finite,
and refuses unknown fields. What no single field can say (lists of equal length, shapes that fit,
the work of it all) is in `check_plan`, which both REST and the stream call before anything else
sees a plan.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema, from_json, to_json

import nncore
from app.errors import InvalidField, InvalidJson, UnknownType
from app.matrix import Matrix, OfLists

MAX_RUNS = 8
MOST_FIELDS = 50
MAX_ITERATIONS = 1_000_000
MAX_SESSION_ITERATIONS = 2_000_000
MAX_WORK = 50_000_000
SESSION_BYTES, POINT_BYTES, PARAMETER_BYTES = 100_000, 32, 160
"""What a session takes, what each number of its points does (its text too), and each parameter."""
MAX_PARAMETERS = 100_000
"""Of all runs: each frame and each checkpoint has them all, however few the examples are."""


@dataclass(frozen=True)
class OneOf:
    """A text that is a name in a table."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(self.names))


@dataclass(frozen=True)
class Range:
    """A finite number from `low` to `high`; `above` leaves `low` itself out."""

    low: float
    high: float
    above: bool = False

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        number = handler(source)
        # No function of Python is called for a number that is right: a body may have 300,000.
        bounds: dict[str, Any] = {"gt" if self.above else "ge": self.low, "le": self.high}
        whole = number["type"] == "int"
        schema = core_schema.int_schema if whole else core_schema.float_schema
        within = core_schema.custom_error_schema(
            schema(**bounds), "out_of_range", custom_error_message=self._words
        )
        if whole:
            number = core_schema.no_info_before_validator_function(_whole, number)
        return core_schema.chain_schema([number, within])

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        lower = "exclusiveMinimum" if self.above else "minimum"
        return {**handler(schema), lower: self.low, "maximum": self.high}

    @property
    def _words(self) -> str:
        if self.above:
            return f"must be greater than {self.low:,} and at most {self.high:,}"
        return f"must be from {self.low:,} to {self.high:,}"


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Seed = Annotated[int, Range(0, 2**32 - 1)]
LearningRate = Annotated[float, Range(0, 100, above=True)]
Iterations = Annotated[int, Range(1, MAX_ITERATIONS)]
SLOWEST, FASTEST = 0.01, 1_000


def _check_speed(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value == "max" or (number and SLOWEST <= value <= FASTEST):  # type: ignore[operator]
        return value
    raise PydanticCustomError(
        "out_of_range",
        "must be a number from {low} to {high:,}, or 'max'",
        {"low": SLOWEST, "high": FASTEST},
    )


IterationsPerFrame = Annotated[
    float | Literal["max"],
    PlainValidator(
        _check_speed,
        json_schema_input_type=Annotated[float, Range(SLOWEST, FASTEST)] | Literal["max"],
    ),
]
ExampleCount = Annotated[int, Range(10, 5_000)]
Noise = Annotated[float, Range(0, 1)]
LabelFlips = Annotated[
    float,
    Range(0, 0.5),
    Field(description="the share of labels that are turned into the other class"),
]
TrainFraction = Annotated[float, Range(0.1, 1)]
Value = Annotated[float, Range(-1e6, 1e6)]
# Of a long list only the first mistake is reported, and not ten thousand of them.
Point = Annotated[list[Value], Field(min_length=1, max_length=32, fail_fast=True)]
PointRows = Annotated[
    Matrix,
    OfLists(Annotated[list[Point], Field(min_length=2, max_length=10_000, fail_fast=True)]),
]
Values = Annotated[list[Value], Field(min_length=1, max_length=256, fail_fast=True)]
DatasetName = Annotated[str, OneOf(tuple(nncore.DATASETS))]


class Schema(BaseModel):
    """What every schema here has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Without defaults that are objects: their own fields have theirs.

        Generators of clients leave out what has such a default, and whatever needs it.
        """
        told = handler(schema)
        for field in handler.resolve_ref_schema(told).get("properties", {}).values():
            default = field.get("default")
            if isinstance(default, dict) or (
                isinstance(default, list) and dict in map(type, default)
            ):
                del field["default"]
        return told

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: object) -> object:
        """Otherwise each of 100,000 unknown fields would be reported."""
        if isinstance(value, dict) and len(value) > MOST_FIELDS:
            raise PydanticCustomError(
                "too_many_fields", "has {n} fields; none has so many", {"n": len(value)}
            )
        return value


class FromUrl(Schema):
    """What is said after the `?` of an address. There everything is a text, so it is not strict."""

    model_config = ConfigDict(strict=False)


Penalty = Annotated[float, Range(0, 10)]
Features = Annotated[
    list[Annotated[str, OneOf(tuple(nncore.FEATURES))]],
    Field(min_length=1, max_length=len(nncore.FEATURES), json_schema_extra={"uniqueItems": True}),
]
Task = Literal["classification", "regression"]
Encoding = Literal["plain", "differences"]


class NamedData(Schema):
    """Points drawn from one of the named datasets."""

    dataset: DatasetName = "circle"
    examples: ExampleCount = 200
    noise: Noise = 0.1
    label_flips: LabelFlips = 0.0
    seed: Seed = 0
    train_fraction: TrainFraction = 0.75
    features: Features = Field(["x1", "x2"], description="what a network is given of each point")

    @property
    def task(self) -> Task:
        """What is to be learnt of it."""
        return nncore.DATASETS[self.dataset].task


Name = Annotated[str, Field(min_length=1, max_length=80)]


class Axis(Schema):
    """What a number of own points was where it came from: x = (value - center) * scale."""

    name: Name = Field(description="with its unit, if it has one")
    center: Value = 0.0
    scale: Annotated[float, Range(0, 1e306, above=True)] = 1.0


class Origin(Schema):
    """What own points mean: said in what is taken away of a run, and of no weight in it."""

    axes: Annotated[list[Axis], Field(min_length=1, max_length=32)] = Field(
        description="one for each number of a point"
    )
    label: Name | None = None
    classes: Annotated[list[Name], Field(min_length=2, max_length=2)] | None = Field(
        None, description="what the labels 0 and 1 stand for"
    )


class OwnData(Schema):
    """The caller's own points, with any number of features."""

    points: PointRows
    labels: Annotated[list[Value], Field(min_length=2, max_length=10_000, fail_fast=True)] = Field(
        description="0 or 1 each; any numbers for regression"
    )
    task: Task = "classification"
    seed: Seed = 0
    train_fraction: TrainFraction = 0.75
    features: Features | None = Field(
        None, description="of points of two numbers; null gives a network the points as they are"
    )
    origin: Origin | None = Field(
        None, description="the names and units of the numbers, and how they were moved"
    )


def _kind_of_data(value: object) -> str:
    own = isinstance(value, OwnData) or (
        isinstance(value, dict) and ("points" in value or "labels" in value)
    )
    return "own" if own else "named"


Data = Annotated[
    Annotated[NamedData, Tag("named")] | Annotated[OwnData, Tag("own")],
    Discriminator(_kind_of_data),
]


class Layer(Schema):
    """One hidden layer."""

    units: Annotated[int, Range(1, 256)] = 4
    activation: Annotated[str, OneOf(tuple(nncore.ACTIVATIONS))] = "tanh"
    slope: Annotated[float, Range(0, 1)] | None = Field(
        None, description="of leaky_relu below zero; 0.01 if left out"
    )


class Initialization(Schema):
    """How the weights start; biases start at zero."""

    scheme: Annotated[str, OneOf(tuple(nncore.INITIALIZERS))] = "small_random"
    scale: Annotated[float, Range(0, 10, above=True)] = Field(
        0.01, description="the standard deviation of small_random"
    )
    seed: Seed = 0


class Parameters(Schema):
    """The parameters of one layer: `weights` is n_in × n_out, `biases` has n_out entries."""

    weights: Annotated[list[Values], Field(min_length=1, max_length=256, fail_fast=True)]
    biases: Values


class NetworkPlan(Schema):
    """The hidden layers and how they start. The output unit is a sigmoid, for regression linear."""

    layers: Annotated[list[Layer], Field(max_length=8)] = [Layer()]
    initialization: Initialization = Initialization()
    parameters: Annotated[list[Parameters], Field(max_length=9)] | None = None


class StopConditions(Schema):
    """What ends the training before its last iteration; null is no condition."""

    cost: Annotated[float, Range(0, 1e6)] | None = Field(
        None, description="the training cost is at most that"
    )
    accuracy: Annotated[float, Range(0, 1)] | None = Field(
        None, description="the training accuracy is at least that"
    )
    patience: Iterations | None = Field(
        None, description="the cost has for so many iterations not come 0.01 % below its best"
    )

    @property
    def stop(self) -> nncore.Stop:
        """These conditions for a trainer."""
        return nncore.Stop(self.cost, self.accuracy, self.patience)


class Training(Schema):
    """How a network is trained."""

    learning_rate: LearningRate = 0.3
    optimizer: Annotated[str, OneOf(tuple(nncore.OPTIMIZERS))] = "gradient_descent"
    batch_size: Annotated[int, Range(1, 10_000)] | None = Field(
        None, description="examples an iteration; null is the full batch, the lecture's"
    )
    l1: Penalty = Field(0.0, description="adds l1 · Σ|w| to what is minimised")
    l2: Penalty = Field(0.0, description="adds ½ · l2 · Σw² to what is minimised")
    seed: Seed = Field(0, description="of the order of the batches")
    iterations: Iterations = 5_000
    stop: StopConditions = StopConditions()


class RunPlan(Schema):
    """One network of a session and how it is trained."""

    label: Annotated[str, Field(max_length=80)] | None = None
    network: NetworkPlan = NetworkPlan()
    training: Training = Training()


class TrainRequest(Schema):
    """The body of `POST /train`: a run. Everything has a default, so `{}` is a valid one."""

    data: Data = NamedData()
    network: NetworkPlan = NetworkPlan()
    training: Training = Training()

    def plan(self) -> "Plan":
        """The plan of a session that has this one run."""
        return Plan(data=self.data, runs=[RunPlan(network=self.network, training=self.training)])


class Plan(Schema):
    """What a session trains: one set of data and one to eight runs on it."""

    data: Data = NamedData()
    runs: Annotated[list[RunPlan], Field(min_length=1, max_length=MAX_RUNS)] = [RunPlan()]

    @property
    def size(self) -> int:
        """About how many bytes a session of it takes in all processes, its costs apart."""
        data = self.data
        inputs, examples = (
            (data.points.width, len(data.points))
            if isinstance(data, OwnData)
            else (len(data.features), data.examples)
        )
        parameters = sum(
            sum((above + 1) * here for above, here in pairwise(_sizes(inputs, run.network)))
            for run in self.runs
        )
        numbers = examples * (inputs + 1) * (2 if isinstance(data, OwnData) else 1)
        return SESSION_BYTES + POINT_BYTES * numbers + PARAMETER_BYTES * parameters

    @cached_property
    def written(self) -> str:
        """It as JSON, written once: it may hold ten thousand points, and is stored often."""
        return self.model_dump_json()

    @cached_property
    def points_key(self) -> str:
        """A name of the points: plans have the same one if they train and test on the same.

        What the numbers mean is of no weight, nor is the order of the features.
        """
        words = self.data.model_dump(mode="json", exclude={"origin"})
        features = self.data.features
        if isinstance(self.data, OwnData) and features is None and self.data.points.width == 2:
            features = ["x1", "x2"]
        words["features"] = features and sorted(features)
        written = to_json(dict(sorted(words.items())))
        return hashlib.blake2b(written, digest_size=16).hexdigest()


class VectorizingRequest(Schema):
    """The body of `POST /vectorizing`: a layer and how many examples go through it."""

    examples: Annotated[int, Range(1, 10_000)] = 1_000
    inputs: Annotated[int, Range(1, 32)] = 2
    units: Annotated[int, Range(1, 64)] = 4


class CheckedLayer(Parameters):
    """A layer of a calculation by hand."""

    activation: Annotated[str, OneOf(tuple(nncore.ACTIVATIONS))] = "sigmoid"
    slope: Annotated[float, Range(0, 1)] | None = None


Entry = Annotated[float, Range(-1e12, 1e12)] | None
ClaimedRow = Annotated[list[Entry], Field(max_length=256, fail_fast=True)] | None
ClaimedRows = Annotated[list[ClaimedRow], Field(max_length=256, fail_fast=True)] | None


class ClaimedGradient(Schema):
    """dW (n_in × n_out) and db (n_out entries) of a layer; null is not claimed."""

    weights: ClaimedRows = None
    biases: ClaimedRow = None


class Claimed(Schema):
    """What somebody has computed; what is null or left out is not claimed."""

    z: Annotated[list[ClaimedRows], Field(max_length=9)] | None = Field(
        None, description="Z of each layer, one row per example"
    )
    a: Annotated[list[ClaimedRows], Field(max_length=9)] | None = Field(
        None, description="A[1] to A[L], one row per example"
    )
    cost: Entry = None
    gradients: Annotated[list[ClaimedGradient | None], Field(max_length=9)] | None = None


class CheckRequest(Schema):
    """The body of `POST /check`: a network, examples, and what somebody has computed of them."""

    layers: Annotated[list[CheckedLayer], Field(min_length=1, max_length=9)]
    points: Annotated[list[Point], Field(min_length=1, max_length=200, fail_fast=True)]
    labels: Annotated[list[Value], Field(min_length=1, max_length=200, fail_fast=True)]
    claimed: Claimed
    tolerance: Annotated[float, Range(1e-12, 0.1)] = 1e-3


class PredictRequest(Schema):
    """The body of `POST /predict`."""

    model: Annotated[str, Field(max_length=64)]
    points: Annotated[
        Matrix,
        OfLists(Annotated[list[Point], Field(min_length=1, max_length=10_000, fail_fast=True)]),
    ]


# What `encodeURIComponent` and a few separators make; nothing that a page could take for markup.
PAGE = r"^#[A-Za-z0-9_.!~*'()%=&,;-]*$"


class SaveRequest(Schema):
    """What to keep beside the run; nothing is needed."""

    page: Annotated[str, Field(max_length=20_000, pattern=PAGE)] | None = Field(
        None, description="the hash of the page's address, so that the link opens the same page"
    )


# -- the stream's messages ------------------------------------------------------------------


class Message(Schema):
    """What the page says on the stream; each kind has its `type`."""

    def validate_whole(self) -> None:
        """Check what no single field can say.

        Raises:
            InvalidField: the first thing that does not fit, and what would.
        """


class Configure(Plan, Message):
    """(Re)start the session with this plan."""

    type: Literal["configure"]
    playing: bool = False
    experiment: Annotated[int, Range(1, 2**31)] | None = Field(
        None, description="in a room: the number of what was sent, if this sets it up"
    )

    def plan(self) -> Plan:
        """The plan alone."""
        return Plan(data=self.data, runs=self.runs)

    def validate_whole(self) -> None:
        """As a plan over REST."""
        check_plan(self)


class Play(Message):
    """Train, `iterations_per_frame` each sixtieth of a second."""

    type: Literal["play"]


class Pause(Message):
    """Stop training where it is."""

    type: Literal["pause"]


class Reset(Message):
    """Back to iteration 0 and the same initial parameters."""

    type: Literal["reset"]


class Step(Message):
    """Train that many iterations, then pause."""

    type: Literal["step"]
    iterations: Annotated[int, Range(1, 100_000)] = 1


class Set(Message):
    """Change the rates, the conditions or the speed, at once and without a restart."""

    type: Literal["set"]
    learning_rate: LearningRate | None = None
    l1: Penalty | None = None
    l2: Penalty | None = None
    stop: StopConditions | None = None
    iterations_per_frame: IterationsPerFrame | None = None
    run: Annotated[int, Range(0, MAX_RUNS - 1)] | None = None

    @property
    def of_training(self) -> dict[str, Any]:
        """What changes in the training itself: attributes of a trainer."""
        changes = {
            "learning_rate": self.learning_rate,
            "l1": self.l1,
            "l2": self.l2,
            "stop": None if self.stop is None else self.stop.stop,
        }
        return {name: value for name, value in changes.items() if value is not None}


class Edit(Message):
    """Change one parameter, freeze or free it, or both."""

    type: Literal["edit"]
    layer: Annotated[int, Range(1, 9)]
    unit: Annotated[int, Range(0, 255)]
    input: Annotated[int, Range(0, 255)] | None = Field(description="null is the bias")
    value: Value | None = None
    frozen: bool | None = None
    run: Annotated[int, Range(0, MAX_RUNS - 1)] = 0

    def validate_whole(self) -> None:
        """Whether it changes anything."""
        if self.value is None and self.frozen is None:
            raise InvalidField("edit must give a value, or say whether it is frozen", "value")


class Seek(Message):
    """Go back to, or on to, exactly that iteration, and pause there."""

    type: Literal["seek"]
    iteration: Annotated[int, Range(0, MAX_ITERATIONS)]


Interval = Annotated[list[Value], Field(min_length=2, max_length=2)]


class Unit(Schema):
    """A unit of a network."""

    layer: Annotated[int, Range(1, 9)]
    unit: Annotated[int, Range(0, 255)]


class View(Message):
    """What the next frames carry."""

    type: Literal["view"] = "view"
    resolution: Annotated[int, Range(8, 200)] = 100
    x: Interval = [-6.0, 6.0]
    y: Interval = [-6.0, 6.0]
    encoding: Encoding = "plain"
    neurons: bool = False
    neuron_resolution: Annotated[int, Range(4, 64)] = 32
    lines: bool = False
    line_of: Unit | None = Field(None, description="a hidden unit whose line is wanted finely")
    misclassified: bool = False
    diagnostics: bool = False

    def validate_whole(self) -> None:
        """Whether the part of the plane is one."""
        for axis, (low, high) in (("x", self.x), ("y", self.y)):
            if not low < high:
                raise InvalidField(f"{axis} must be [low, high] with low < high", axis)


class Inspect(Message):
    """Everything of the iteration that the session is at: of an example, a point or the batch."""

    type: Literal["inspect"]
    run: Annotated[int, Range(0, MAX_RUNS - 1)] = 0
    example: Annotated[int, Range(0, 9_999)] | None = None
    point: Point | None = None
    label: Value | None = None

    def validate_whole(self) -> None:
        """Whether it is one thing that is looked at."""
        if self.example is not None and self.point is not None:
            raise InvalidField("inspect takes an example or a point, not both", "point")
        if self.label is not None and self.point is None:
            raise InvalidField("label goes with a point", "label")


class Describe(Message):
    """What does a run show over the plane? In words, and in a small table."""

    type: Literal["describe"]
    run: Annotated[int, Range(0, MAX_RUNS - 1)] = 0


class Recall(Message):
    """How large were the gradients on the way to the iteration that the session is at?"""

    type: Literal["recall"]
    run: Annotated[int, Range(0, MAX_RUNS - 1)] = 0


Question = Inspect | Describe | Recall
"""What is asked of the iteration that a session is at."""


class Check(CheckRequest, Message):
    """Which number of a calculation by hand differs first?"""

    type: Literal["check"]


class Sweep(Message):
    """Train a run from many initialisations at once."""

    type: Literal["sweep"]
    run: Annotated[int, Range(0, MAX_RUNS - 1)] = 0
    seeds: Annotated[int, Range(1, 64)] = 64
    first_seed: Annotated[int, Range(0, 2**32 - 64)] = 0
    iterations: Annotated[int, Range(1, 20_000)] | None = None
    accuracy: Annotated[float, Range(0, 1)] | None = None
    cost: Annotated[float, Range(0, 1e6)] | None = None


class Cancel(Message):
    """End the sweep under way."""

    type: Literal["cancel"]


class Ack(Message):
    """The reader has dealt with this frame and all before it."""

    type: Literal["ack"]
    frame: Annotated[int, Range(0, 2**53)]


# -- what no single field can say -----------------------------------------------------------


def check_plan(plan: Plan, one_run: bool = False) -> None:
    """Check what involves several fields of a plan.

    `one_run` says that the plan came as a `POST /train` body, whose paths have no `runs.0`.

    Raises:
        InvalidField: the first thing that does not fit, and what would.
    """
    inputs, examples = _check_data(plan.data)
    work = parameters_of_all = 0
    for index, run in enumerate(plan.runs):
        path = "" if one_run else f"runs.{index}."
        sizes = _sizes(inputs, run.network)
        _check_network(run.network, sizes, f"{path}network")
        check_stop(run.training.stop, plan.data.task, f"{path}training.stop")
        parameters = sum((above + 1) * here for above, here in pairwise(sizes))
        work += (parameters + sum(sizes)) * examples
        parameters_of_all += parameters
    field = "network.layers" if one_run else "runs"
    if parameters_of_all > MAX_PARAMETERS:
        raise InvalidField(
            f"{field}: the networks have {parameters_of_all:,} parameters in all; at most "
            f"{MAX_PARAMETERS:,} are allowed: use fewer units or layers",
            field,
        )
    if work > MAX_WORK:
        raise InvalidField(
            f"{field}: one iteration would take {work:,} multiplications ((parameters + units) × "
            f"examples, over all runs); at most {MAX_WORK:,} are allowed: use fewer units or "
            "fewer examples",
            field,
        )
    iterations = sum(run.training.iterations for run in plan.runs)
    if iterations > MAX_SESSION_ITERATIONS:
        raise InvalidField(
            f"runs: the iterations of all add up to {iterations:,}; "
            f"at most {MAX_SESSION_ITERATIONS:,} are kept",
            "runs",
        )


def _sizes(inputs: int, network: NetworkPlan) -> list[int]:
    """n[0] to n[L]."""
    return [inputs, *(layer.units for layer in network.layers), 1]


def check_stop(stop: StopConditions, task: Task, path: str) -> None:
    """Check that the conditions are ones that a run of this task can meet.

    Raises:
        InvalidField: an accuracy is asked of a regression.
    """
    if stop.accuracy is not None and task == "regression":
        raise InvalidField(
            f"{path}.accuracy must be null for a regression, which has no classes",
            f"{path}.accuracy",
        )


def check_labels(labels: Sequence[float], points: int, task: Task, path: str) -> None:
    """Check that each point has a label that it can have.

    Raises:
        InvalidField: it has not.
    """
    if len(labels) != points:
        raise InvalidField(
            f"{path} has {len(labels)} entries for {points} points; each point needs one", path
        )
    for index, label in enumerate(labels if task == "classification" else ()):
        if label not in (0, 1):
            raise InvalidField(f"{path}.{index} must be 0 or 1; got {label:g}", f"{path}.{index}")


def check_slope(layer: "Layer | CheckedLayer", path: str) -> None:
    """Check that a slope is that of a leaky ReLU.

    Raises:
        InvalidField: it is of something else.
    """
    if layer.slope is not None and layer.activation != "leaky_relu":
        raise InvalidField(
            f"{path} goes with leaky_relu only, this layer is {layer.activation}", path
        )


def _check_data(data: NamedData | OwnData) -> tuple[int, int]:
    """The number of inputs and of examples."""
    if data.features is not None and len(set(data.features)) < len(data.features):
        raise InvalidField("data.features names a feature twice", "data.features")
    if isinstance(data, NamedData):
        if data.label_flips and data.task == "regression":
            raise InvalidField(
                f"data.label_flips must be 0 for {data.dataset}, which has no classes",
                "data.label_flips",
            )
        return len(data.features), data.examples
    features = data.points.width
    check_labels(data.labels, len(data.points), data.task, "data.labels")
    if data.origin is not None and len(data.origin.axes) != features:
        raise InvalidField(
            f"data.origin.axes must have {features} entries, one for each number of a point; "
            f"it has {len(data.origin.axes)}",
            "data.origin.axes",
        )
    if data.features is None:
        return features, len(data.points)
    if features != 2:
        raise InvalidField(
            f"data.features are of points of two numbers; these have {features}", "data.features"
        )
    return len(data.features), len(data.points)


def _check_network(network: NetworkPlan, sizes: Sequence[int], path: str) -> None:
    for index, layer in enumerate(network.layers):
        check_slope(layer, f"{path}.layers.{index}.slope")
    if network.parameters is None:
        return
    if len(network.parameters) != len(sizes) - 1:
        raise InvalidField(
            f"{path}.parameters must have {len(sizes) - 1} entries, the hidden layers and the "
            f"output layer; it has {len(network.parameters)}",
            f"{path}.parameters",
        )
    shapes = pairwise(sizes)
    for index, (given, (n_in, n_out)) in enumerate(zip(network.parameters, shapes, strict=True)):
        rows = {len(row) for row in given.weights}
        if len(given.weights) != n_in or rows != {n_out}:
            raise InvalidField(
                f"{path}.parameters.{index}.weights must be {n_in} rows of {n_out} numbers",
                f"{path}.parameters.{index}.weights",
            )
        if len(given.biases) != n_out:
            raise InvalidField(
                f"{path}.parameters.{index}.biases must have {n_out} entries; "
                f"it has {len(given.biases)}",
                f"{path}.parameters.{index}.biases",
            )


MESSAGES: Mapping[str, type[Message]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind for kind in Message.__subclasses__()
}
"""Each kind of message by its `type`."""


def parse_message(
    text: str | bytes, allowed: Collection[str], kinds: Mapping[str, type[Message]] = MESSAGES
) -> Message:
    """One message of the stream from its JSON, of one of some kinds.

    Raises:
        InvalidJson: it is not JSON, or not an object.
        UnknownType: its `type` is missing or not one of `allowed`.
        InvalidField: a field is missing, misspelt or out of its range.
    """
    try:
        raw = from_json(text, allow_inf_nan=True)
    except ValueError as error:
        raise InvalidJson(f"the message is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise InvalidJson("the message must be a JSON object with a type")
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in allowed:
        raise UnknownType(f"type must be one of {', '.join(allowed)}; got {kind!r:.60}", "type")
    try:
        message = kinds[kind].model_validate(raw)
    except ValidationError as error:
        raise InvalidField.from_pydantic(error.errors(include_url=False)) from None
    message.validate_whole()
    return message
