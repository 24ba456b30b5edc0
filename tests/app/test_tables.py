"""Tables as R, pandas, spreadsheets, statistics packages, databases and people write them."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.errors import InvalidField
from app.exports.dialects import decode, encoding_of, parse
from app.exports.text_tables import Points, Preview, points, preview

HERE = Path(__file__).parent / "tables"


def read(data: bytes | str, **how: Any) -> tuple[Preview, Points]:
    """What is in a table, and the points of the columns that are suggested."""
    text = decode(data) if isinstance(data, bytes) else data
    chosen = {name: how.pop(name) for name in ("zero", "one", "task") if name in how}
    table = parse(text, **how)
    seen = preview(table)
    x1, x2, label = (seen.suggested[name] for name in ("x1", "x2", "label"))
    assert x1 is not None, seen
    assert x2 is not None, seen
    assert label is not None, seen
    task = chosen.pop("task", "classification")
    return seen, points(table, x1, x2, label, task, fit=False, **chosen)


FILES: Mapping[str, tuple[list[str], list[list[float]], list[str], list[int]]] = {
    "header-one-short.tsv": (
        ["width", "mass", "kind"],
        [[1.4, 61], [1.9, 82], [1.5, 64], [1.8, 79]],
        ["a", "b"],
        [0, 1, 0, 1],
    ),
    "row-names.csv": (
        ["width", "mass", "kind"],
        [[1.4, 61], [1.9, 82], [1.5, 64], [1.8, 79]],
        ["a", "b"],
        [0, 1, 0, 1],
    ),
    "header-of-numbers.csv": (
        ["0", "1", "2"],
        [[0.4, 0.3], [0.6, 0.2], [1.3, -0.4], [1.1, 0.2]],
        ["0", "1"],
        [0, 0, 1, 1],
    ),
    "decimal-comma-quoted.csv": (
        ["cost", "length", "bought"],
        [[1.25, 55.5], [0.95, 40.2], [2.4, 80], [2.1, 61.5]],
        ["no", "yes"],
        [1, 0, 1, 0],
    ),
    "thousands.tsv": (
        ["cost", "length", "bought"],
        [[1250, 55.5], [950, 40.2], [12400, 80], [2100, 61.5]],
        ["no", "yes"],
        [1, 0, 1, 0],
    ),
    "thousands-de.csv": (
        ["cost", "length", "bought"],
        [[1250.5, 55.5], [950, 40.2], [12400, 80], [2100.25, 61.5]],
        ["no", "yes"],
        [1, 0, 1, 0],
    ),
    "missing-labels.csv": (
        ["x1", "x2", "passed"],
        [[1, 2], [3, 4], [4, 1], [7, 1]],
        ["no", "yes"],
        [1, 1, 0, 0],
    ),
    "stray-quote.csv": (
        ["x1", "x2", "label"],
        [[1, 10], [2, 20], [4, 40], [5, 50], [6, 60], [7, 70], [8, 80]],
        ["a", "b"],
        [0, 1, 1, 0, 1, 0, 1],
    ),
    "windows-1252.csv": (
        ["größe", "breite", "tier"],
        [[1.5, 2.5], [2.5, 1], [1.2, 2.2], [2.8, 0.9]],
        ["Bär", "Möwe"],
        [0, 1, 0, 1],
    ),
    "sep-line.csv": (
        ["height", "weight", "sex"],
        [[1.7, 60], [1.8, 80], [1.75, 70], [1.9, 95]],
        ["f", "m"],
        [0, 1, 0, 1],
    ),
    "title-line.csv": (
        ["height", "weight", "sex"],
        [[1.7, 60], [1.8, 80], [1.75, 70], [1.9, 95]],
        ["f", "m"],
        [0, 1, 0, 1],
    ),
    "pipe.txt": (
        ["x1", "x2", "label"],
        [[1, 2], [2, 3], [3, 1], [2, 5]],
        ["0", "1"],
        [0, 1, 0, 1],
    ),
}


@pytest.mark.parametrize("encoding", [None, "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_a_person_would(name: str, encoding: str | None) -> None:
    data = (HERE / name).read_bytes()
    if encoding is not None:
        data = decode(data).encode(encoding)
    names, where, classes, labels = FILES[name]
    seen, told = read(data)
    assert seen.header
    assert (told.names, told.points) == (names, where)
    assert (told.classes, told.labels) == (classes, labels)


def test_what_was_passed_over_left_out_or_can_be_read_otherwise_is_said() -> None:
    files = {name: read((HERE / name).read_bytes()) for name in FILES}
    for name, (line, words) in {
        "sep-line.csv": (1, "names the separator"),
        "title-line.csv": (1, "stands above the table"),
    }.items():
        for told in files[name]:
            assert [(at.line, at.reason) for at in told.passed_over] == [(line, words)]
    told = files["stray-quote.csv"][1]
    assert [(bad.line, bad.reason) for bad in told.bad] == [
        (4, "a quote opens here and none closes it")
    ]
    told = files["missing-labels.csv"][1]
    assert [bad.line for bad in told.bad] == [3, 6, 7]
    assert (told.bad_rows, told.missing_rows) == (3, 3)
    (cost,) = files["thousands.tsv"][1].ambiguous
    assert (cost.column, cost.text, cost.taken, cost.other) == (0, "1,250", 1250, 1.25)
    assert files["thousands.tsv"][0].decimals == [".", ".", None]
    assert files["thousands-de.csv"][1].ambiguous == []
    assert files["thousands-de.csv"][0].decimals == [",", ",", None]


SIBLINGS: Mapping[str, tuple[str, list[list[float]], list[str]]] = {
    "runs of spaces": ("x1  x2   label\n1   2.5  a\n 10 3    b\n", [[1, 2.5], [10, 3]], ["a", "b"]),
    "spaces, decimal commas": (
        "x1 x2 label\n1,5 2,5 a\n2,5 1,0 b\n",
        [[1.5, 2.5], [2.5, 1]],
        ["a", "b"],
    ),
    "spaces, quotes": ('"x 1" x2 label\n1 2 "a b"\n2 3 c\n', [[1, 2], [2, 3]], ["a b", "c"]),
    "comma and space": ("x1, x2, label\n1, 2, a\n2, 3, b\n", [[1, 2], [2, 3]], ["a", "b"]),
    "words in a label": (
        "x1,x2,label\n1,2,light red\n2,3,dark red\n",
        [[1, 2], [2, 3]],
        ["dark red", "light red"],
    ),
    "R, spaces": (
        '"width" "mass" "kind"\n"1" 1.4 61 "a"\n"2" 1.9 82 "b"\n',
        [[1.4, 61], [1.9, 82]],
        ["a", "b"],
    ),
    "R, names of rows": (
        "width\tmass\tkind\nanna\t1.4\t61\ta\nbert\t1.9\t82\tb\n",
        [[1.4, 61], [1.9, 82]],
        ["a", "b"],
    ),
    "pandas, names of columns": (
        ",0,1,2\n0,0.4,0.3,a\n1,1.1,0.2,b\n2,1.3,0.2,b\n",
        [[0.4, 0.3], [1.1, 0.2], [1.3, 0.2]],
        ["a", "b"],
    ),
    "pandas, a shuffled index": (
        ",height,weight,sex\n17,1.4,61,f\n3,1.9,82,m\n250,1.5,64,f\n",
        [[1.4, 61], [1.9, 82], [1.5, 64]],
        ["f", "m"],
    ),
    "years over columns": (
        "2019,2020,grown\n1.5,2.5,yes\n2.5,1.5,no\n1.25,3,yes\n2,1,no\n",
        [[1.5, 2.5], [2.5, 1.5], [1.25, 3], [2, 1]],
        ["no", "yes"],
    ),
    "thousands by no-break spaces": (
        "cost;length;bought\n1\u00a0250,5;55,5;yes\n950;40,2;no\n",
        [[1250.5, 55.5], [950, 40.2]],
        ["no", "yes"],
    ),
    "thousands by narrow spaces": (
        "cost;length;bought\n1\u202f250;55,5;yes\n950;40,2;no\n",
        [[1250, 55.5], [950, 40.2]],
        ["no", "yes"],
    ),
    "thousands by spaces": (
        "cost;length;bought\n1 250;55.5;yes\n950;40.2;no\n",
        [[1250, 55.5], [950, 40.2]],
        ["no", "yes"],
    ),
    "thousands as in Switzerland": (
        "cost;length;bought\n1'250.5;55.5;yes\n950;40.2;no\n",
        [[1250.5, 55.5], [950, 40.2]],
        ["no", "yes"],
    ),
    "thousands in quotes": (
        'cost,length,bought\n"1,250",55.5,yes\n"12,400",40.2,no\n',
        [[1250, 55.5], [12400, 40.2]],
        ["no", "yes"],
    ),
    "thousands by points alone": (
        "cost;length;bought\n1.250;55,5;yes\n950;40,2;no\n",
        [[1250, 55.5], [950, 40.2]],
        ["no", "yes"],
    ),
    "three decimals after a comma": (
        "cost;length;bought\n1,250;55,5;yes\n0,950;40,2;no\n",
        [[1.25, 55.5], [0.95, 40.2]],
        ["no", "yes"],
    ),
    "decimal commas, tabs": (
        "x1\tx2\ty\n1,5\t2,25\t0\n2\t0,5\t1\n",
        [[1.5, 2.25], [2, 0.5]],
        ["0", "1"],
    ),
    "both signs in one column": (
        "x1;x2;y\n1,5;2;0\n2.5;3;1\n0.25;1;1\n",
        [[1.5, 2], [2.5, 3], [0.25, 1]],
        ["0", "1"],
    ),
    "the printed minus": (
        "x1,x2,y\n\u22121.5,2,0\n2,\u22120.5,1\n",
        [[-1.5, 2], [2, -0.5]],
        ["0", "1"],
    ),
    "powers of ten": ("x1,x2,y\n1.5e-3,2E2,0\n2e0,1,1\n", [[0.0015, 200], [2, 1]], ["0", "1"]),
    "padded title": (
        "Measurements of 12 May,,\nby Anna,,\n,,\nheight,weight,sex\n1.7,60,f\n1.8,80,m\n",
        [[1.7, 60], [1.8, 80]],
        ["f", "m"],
    ),
    "a title of two cells": (
        "Measurements,12 May\nheight,weight,sex\n1.7,60,f\n1.8,80,m\n",
        [[1.7, 60], [1.8, 80]],
        ["f", "m"],
    ),
    "comments": (
        "# made by hand\n// in May\nx1,x2,y\n1,2,0\n# a pause, of a day\n2,3,1\n",
        [[1, 2], [2, 3]],
        ["0", "1"],
    ),
    "NumPy's names": ("# x1 x2 label\n1.0 2.0 0\n2.0 3.0 1\n", [[1, 2], [2, 3]], ["0", "1"]),
    "units below the names": (
        "height,weight,sex\n(cm),(kg),\n170,60,f\n180,80,m\n",
        [[170, 60], [180, 80]],
        ["f", "m"],
    ),
    "a database's lines": (
        " x1 | x2 | label \n----+----+-------\n  1 |  2 | a\n  2 |  3 | b\n(2 rows)\n",
        [[1, 2], [2, 3]],
        ["a", "b"],
    ),
    "separators at the end": ("x1,x2,label,\n1,2,a,\n2,3,b,\n", [[1, 2], [2, 3]], ["a", "b"]),
    "separators at the end but of the names": (
        "x1,x2,label\n1,2,a,\n2,3,b,\n4,5,a,\n",
        [[1, 2], [2, 3], [4, 5]],
        ["a", "b"],
    ),
    "empty lines": ("\n\nx1;x2;y\n\n1;2;0\n;;\n2;3;1\n\n", [[1, 2], [2, 3]], ["0", "1"]),
    "CR alone": ("x1,x2,y\r1,2,0\r2,3,1\r", [[1, 2], [2, 3]], ["0", "1"]),
    "sep of tabs": ("sep=\t\r\nx1\tx2\ty\r\n1\t2\t0\r\n2\t3\t1\r\n", [[1, 2], [2, 3]], ["0", "1"]),
    "booleans": (
        "x1,x2,y\n1,2,TRUE\n2,3,False\n3,3,true\n",
        [[1, 2], [2, 3], [3, 3]],
        ["False", "TRUE"],
    ),
    "plus and minus": ("x1,x2,y\n1,2,+\n2,3,-\n3,3,+\n", [[1, 2], [2, 3], [3, 3]], ["-", "+"]),
    "ja and nein": ("x1,x2,y\n1,2,ja\n2,3,nein\n", [[1, 2], [2, 3]], ["nein", "ja"]),
    "missing in any letters": (
        "x1,x2,y\n1,2,a\n2,3,b\n3,3,#N/A\n3,4,None\n3,5,NULL\n3,6,NaN\n3,7,n/a\n3,8,\n3,9,?\n3,1,-\n",
        [[1, 2], [2, 3]],
        ["a", "b"],
    ),
    "missing numbers": ("x1,x2,y\n1,2,a\nNA,3,b\n3,,b\n4,5,b\n", [[1, 2], [4, 5]], ["a", "b"]),
    "a cell over lines": ('x1,x2,y\n1,2,"a\nb"\n2,3,c\n', [[1, 2], [2, 3]], ["a\nb", "c"]),
    "two stray quotes": (
        'x1,x2,y\n1,"2,a\n2,3,b\n3,"4,a\n5,6,a\n',
        [[2, 3], [5, 6]],
        ["b", "a"],
    ),
    "an inch": ('x1,x2,y\n1,2,5"\n2,3,7"\n', [[1, 2], [2, 3]], ['5"', '7"']),
    "no header": ("1.5,2,a\n2.5,3,b\n", [[1.5, 2], [2.5, 3]], ["a", "b"]),
    "a number of each row": (
        "1,0.5,2,a\n2,0.7,3,b\n3,0.1,4,a\n",
        [[0.5, 2], [0.7, 3], [0.1, 4]],
        ["a", "b"],
    ),
    "an id that is shuffled": (
        "nr,x1,x2,y\n30,1.5,2,a\n2,2.5,3,b\n17,3.5,4,a\n",
        [[1.5, 2], [2.5, 3], [3.5, 4]],
        ["a", "b"],
    ),
    "a name that ends with id": (
        "PassengerId,Survived,Age,Fare,Sex\n1,0,22,7.25,m\n2,1,38,71.5,f\n3,1,26,8,m\n",
        [[22, 7.25], [38, 71.5], [26, 8]],
        ["0", "1"],
    ),
    "a separator that separates nothing": (
        "sep=;\nx1,x2,y\n1.5,2,a\n2.5,3,b\n",
        [[1.5, 2], [2.5, 3]],
        ["a", "b"],
    ),
    "quotes behind a space": (
        '"x1", "x2", "y"\n"1.5", "2", "a, b"\n"2.5", "3", "c"\n',
        [[1.5, 2], [2.5, 3]],
        ["a, b", "c"],
    ),
    "tabs, thousands by narrow spaces": (
        "16\u202f687,88\t6,94\ta\n6\u202f011,56\t2,34\tb\n",
        [[16687.88, 6.94], [6011.56, 2.34]],
        ["a", "b"],
    ),
    "tabs, thousands by spaces": (
        "x1\tx2\ty\n16 687.5\t6.94\ta\n6 011\t2.34\tb\n",
        [[16687.5, 6.94], [6011, 2.34]],
        ["a", "b"],
    ),
    "thousands by points below a printed minus": (
        "x1;x2;y\n\u22126.921;1,83;a\n12.708;8,43;b\n",
        [[-6921, 1.83], [12708, 8.43]],
        ["a", "b"],
    ),
    "markdown": (
        "| x1 | x2 | y |\n|:---|---:|:-:|\n| 1.4 | 61 | a |\n| 1.9 | 82 | b |\n",
        [[1.4, 61], [1.9, 82]],
        ["a", "b"],
    ),
    "markdown, short rules": (
        "| x1 | x2 | y |\n|:-|-:|:-:|\n| 1.4 | 61 | a |\n| 1.9 | 82 | b |\n",
        [[1.4, 61], [1.9, 82]],
        ["a", "b"],
    ),
    "ARFF": (
        "% of 1936\n@RELATION t\n\n@attribute 'x 1' numeric\n@attribute x2 real\n"
        "@attribute y {a,b}\n\n@data\n1.4,61,a\n% a pause\n?,82,b\n2,80,b\n",
        [[1.4, 61], [2, 80]],
        ["a", "b"],
    ),
    "lists in a list": ("[(1.4, 61, 0),\n (1.9, 82, 1)]", [[1.4, 61], [1.9, 82]], ["0", "1"]),
    "a tensor": (
        "tensor([[1.4, 61., 0.],\n        [1.9, 82., 1.]])\n",
        [[1.4, 61], [1.9, 82]],
        ["0.", "1."],
    ),
    "commas in no groups of three": (
        "x1;x2;x3;y\n1,23,456;61;1;a\n2,34,567;82;2;b\n3,45,678;9;3;a\n",
        [[61, 1], [82, 2], [9, 3]],
        ["a", "b"],
    ),
    "printed quotes": (
        "“x1”,“x2”,“y”\n“1.5”,“2”,“a, b”\n„2.5“,“3”,“c”\n",
        [[1.5, 2], [2.5, 3]],
        ["a, b", "c"],
    ),
    "quotes as formulas": (
        'x1,x2,y\n="1.5",="2","a=""b"""\n="2.5",="3",c\n',
        [[1.5, 2], [2.5, 3]],
        ['a="b"', "c"],
    ),
    "lists in one line": ("[[1.4,61,0],[1.9,82,1]]", [[1.4, 61], [1.9, 82]], ["0", "1"]),
    "an array, printed": (
        "[[ 1.4 61.   0. ]\n [ 1.9 82.   1. ]]\n",
        [[1.4, 61], [1.9, 82]],
        ["0.", "1."],
    ),
    "an array, typed": (
        "X = np.array([[1.4, 61, 0],\n              [1.9, 82, 1]], dtype=float)\n",
        [[1.4, 61], [1.9, 82]],
        ["0", "1"],
    ),
    "an ä of two signs": (
        "x1,x2,y\n1,2,B\u00e4r\n2,3,Ba\u0308r\n3,3,Cat\n",
        [[1, 2], [2, 3], [3, 3]],
        ["B\u00e4r", "Cat"],
    ),
    "minus nothing": ("x1,x2,y\n-0,2,-0\n0,3,0\n1,3,1\n", [[0, 2], [0, 3], [1, 3]], ["-0", "1"]),
    "the end as DOS marks it": ("x1,x2,y\n1,2,a\n2,3,b\n\x1a", [[1, 2], [2, 3]], ["a", "b"]),
    "id before": ("id,x1,x2,y\n1,5,6,0\n2,7,9,1\n3,8,9,1\n", [[5, 6], [7, 9], [8, 9]], ["0", "1"]),
}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\ufeff", "it is empty"),
        (" \r\n\n", "it is empty"),
        (";;;\n;;;\n", "it is empty"),
        ("sep=;\n", "it is empty"),
        ("x1,x2,label\n", "a header, and nothing below it"),
    ],
)
def test_nothing_is_said_in_words(text: str, words: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(ValueError, match=words):
            parse(decode(text.encode(encoding)))


def test_one_column_is_told_as_one() -> None:
    seen = preview(parse("height\n1.5\n2.5\n"))
    assert (seen.columns, seen.header) == ([{"name": "height", "numeric": 1}], True)


def test_what_was_guessed_can_be_told() -> None:
    numbers = (HERE / "header-of-numbers.csv").read_text()
    table = parse(numbers, header=False)
    told = points(table, 0, 1, 2, "regression", fit=False)
    assert (told.header, told.names[0], told.points[0]) == (False, "column 1", [0, 1])
    seen, told = read("1,2,0\n3,4,1\n5,6,0\n", header=True)
    assert (seen.header, told.names, told.points) == (True, ["1", "2", "0"], [[3, 4], [5, 6]])

    thousands = (HERE / "thousands.tsv").read_text()
    _, told = read(thousands, decimal=".")
    assert (told.points[0], told.ambiguous) == ([1250, 55.5], [])
    table = parse(thousands, decimal=",")
    assert preview(table).ambiguous == []
    with pytest.raises(InvalidField, match=r"length is '55\.5', not a number"):
        points(table, 0, 1, 2, "classification", fit=False)


THREE = "x1,x2,kind\n1,2,a\n2,3,b\n3,4,c\n4,5,A\n5,6,NA\n"


def test_more_classes_are_reduced_to_two() -> None:
    seen = preview(parse(THREE))
    assert seen.suggested == {"x1": 0, "x2": 1, "label": 2}
    assert [(c.value, c.rows) for c in seen.classes[2] or ()] == [("a", 2), ("b", 1), ("c", 1)]
    _, told = read(THREE, one="a")
    assert (told.classes, told.labels) == (["not a", "a"], [1, 0, 0, 1])
    _, told = read(THREE, zero="a")
    assert (told.classes, told.labels) == (["a", "not a"], [0, 1, 1, 0])
    _, told = read(THREE, zero="c", one="A")
    assert (told.classes, told.labels) == (["c", "a"], [1, 0, 1])
    assert (told.other_rows, told.missing_rows, told.bad_rows) == (1, 1, 1)
    # A value that is named is one, whatever it looks like.
    _, told = read(THREE, zero="a", one="NA")
    assert (told.classes, told.missing_rows) == (["a", "NA"], 0)
    for wrong in ({"zero": "d"}, {"zero": "a", "one": "a"}):
        with pytest.raises(InvalidField, match="must be one of the values of label, a, b, c"):
            read(THREE, **wrong)
    assert read("x1,x2,kind\n" + "1,2,0\n2,1,1\n3,3,2\n" * 4, one="1")[1].rows == 12
    with pytest.raises(InvalidField, match=r"3 different values \(a, b, c\).*one=.*zero="):
        read(THREE)


def test_what_can_be_read_in_two_ways_is_read_as_is_likelier() -> None:
    for text, taken, other in (
        ("x1\tx2\ty\n1,250\t1\t0\n2,500\t2\t1\n", 1250, 1.25),
        ("x1;x2;y\n1,250;1;0\n2,500;2;1\n", 1.25, 1250),
        ("x1;x2;y\n1.250;1;0\n2.500;2;1\n", 1.25, 1250),
        ("x1;x2;y\n1.250;1;0\n950;2;1\n", 1250, 1.25),
        ("x1;x2;y\n1.250;1,5;0\n2.500;2,5;1\n", 1250, 1.25),
        ("x1;x2;y\n1,250;1.5;0\n2,500;2.5;1\n", 1250, 1.25),
    ):
        seen, told = read(text)
        assert told.points[0][0] == taken
        assert [(a.taken, a.other) for a in told.ambiguous] == [(taken, other)]
        assert seen.ambiguous == told.ambiguous


def test_units_below_the_names_belong_to_them() -> None:
    _, told = read(SIBLINGS["units below the names"][0])
    assert told.names == ["height (cm)", "weight (kg)", "sex"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "windows-1252"])
def test_the_answer_says_how_the_text_is_written(inline: TestClient, encoding: str) -> None:
    data = decode((HERE / "windows-1252.csv").read_bytes()).encode(encoding)
    assert encoding_of(data) == encoding
    told = inline.post("/datasets/table", content=data).json()
    assert told["encoding"] == encoding
    query = {**told["suggested"], "zero": "Bär", "one": "Möwe", "decimal": ",", "header": "true"}
    points = inline.post("/datasets/table", params=query, content=data).json()
    assert points["names"] == ["größe", "breite", "tier"]
    assert points["labels"] == [0, 1, 0, 1]
    assert (points["delimiter"], points["header"], points["ambiguous"]) == (";", True, [])


@pytest.mark.parametrize("name", SIBLINGS)
def test_siblings_are_read_as_a_person_would(name: str) -> None:
    text, where, classes = SIBLINGS[name]
    _, told = read(text)
    assert told.points == where
    assert sorted(told.classes or ()) == sorted(classes)
    if name in ("plus and minus", "ja and nein", "booleans"):
        assert told.classes == classes


UNITS: Mapping[str, tuple[str, list[str], list[list[float]]]] = {
    "euros": (
        "cost;length;y\n1,50 €;2 m;a\n1.200,50 €;3 m;b\n",
        ["cost (€)", "length (m)", "y"],
        [[1.5, 2], [1200.5, 3]],
    ),
    "dollars": (
        'cost,share,y\n$1.50,50%,a\n"$1,200.50",5%,b\n',
        ["cost ($)", "share (%)", "y"],
        [[1.5, 50], [1200.5, 5]],
    ),
    "one over another": (
        "speed,area,y\n20 km/h,5 m²,a\n25 km/h,6 m²,b\n",
        ["speed (km/h)", "area (m²)", "y"],
        [[20, 5], [25, 6]],
    ),
    "in the name, too": (
        "height (cm),mass,y\n170 cm,61kg,a\n180 cm,82kg,b\n",
        ["height (cm)", "mass (kg)", "y"],
        [[170, 61], [180, 82]],
    ),
    "without names": (
        "170 cm,61,a\n180 cm,82,b\n",
        ["column 1 (cm)", "column 2", "column 3"],
        [[170, 61], [180, 82]],
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_beside_each_number_belongs_to_the_name(name: str) -> None:
    text, names, where = UNITS[name]
    _, told = read(text)
    assert (told.names, told.points) == (names, where)


def test_of_two_units_none_is_read() -> None:
    seen = preview(parse("x1,x2,y\n170 cm,1,a\n1.8 m,2,b\n1.7 m,3,b\n"))
    assert seen.columns[0] == {"name": "x1", "numeric": 0}
    seen = preview(parse("x1,x2,y\n50%,1,a\n0.5,2,b\n20%,3,b\n"))
    assert seen.columns[0]["numeric"] == 1 / 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\3\4\x14\0\6\0", "an archive, as workbooks of Excel .* save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of older Excel"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"PAR1\x15\4", "a Parquet file"),
        (b"\x1f\x8b\x08\0", "compressed: unpack it first"),
        (b"1,2,a\n2,3,b\x01\n", "it is no text"),
        (b'{"x1": 1, "x2": 2}\n{"x1": 2, "x2": 3}\n', "JSON: a table has a line for each point"),
        (b'[\n  {"x1": 1}\n]', "JSON"),
        (b"[{'x1': 1, 'x2': 2}, {'x1': 2, 'x2': 3}]", "JSON"),
        (b"<!DOCTYPE html><table>", "a web page"),
        (b"x1,x2,y\n1,5,2,5,a\n2,5,3,5,b\n", "line 1 names 3 columns, .* have 5 cells: if commas"),
        (b"x1,x2,y\n1,5,61,a\n1,9,82,b\n2,1,7,b\n", "line 1 names 3 columns, .* have 4 cells"),
        (b"x1,x2,y\n1,2," + b"a" * 200_000 + b"\n", "line 2 can't be read"),
    ],
)
def test_what_is_no_table_is_said_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(decode(data))


def test_a_label_of_one_class_is_no_reason_to_take_a_number_for_one() -> None:
    table = parse("x1,x2,y\n1,5,a\n2,4,a\n3,5,a\n")
    assert preview(table).suggested == {"x1": 0, "x2": 1, "label": 2}
    with pytest.raises(InvalidField, match=r"has 1 different value \(a\); it takes exactly two$"):
        points(table, 0, 1, 2, "classification", fit=False)


def some_table(rng: random.Random) -> tuple[bytes, list[list[float]], list[int]]:
    """A table as any program could have written it, and what is in it."""
    delimiter = rng.choice([",", ";", "\t", "|", " ", ", ", "; "])
    decimal = rng.choice(".,") if delimiter != ", " else "."
    groups = rng.choice(["", "", {".": ",", ",": "."}[decimal], "\u00a0", "'"])
    groups = "" if delimiter == " " else groups
    quoted = delimiter[0] in (decimal, groups) or rng.random() < 0.3
    digits, largest = rng.choice([0, 1, 2, 4]), rng.choice([1, 1000, 20_000])
    classes = rng.choice([("a", "b"), ("no", "yes"), ("0", "1"), ("1", "2"), ("Bär", "Möwe")])
    minus = rng.choice("-\N{MINUS SIGN}")

    def cell(text: str) -> str:
        return f'"{text}"' if quoted else text

    def number(value: float, digits: int) -> str:
        text = f"{value:,.{digits}f}" if groups else f"{value:.{digits}f}"
        signs = {",": groups, ".": decimal, "-": minus}
        return cell("".join(signs.get(sign, sign) for sign in text))

    where = [
        [round(rng.uniform(-largest, largest), digits), round(rng.random(), 2)] for _ in "x" * 9
    ]
    labels = [0, 1, *(rng.randint(0, 1) for _ in where[2:])]
    rows = [
        [number(x, digits), number(y, 2), cell(classes[label])]
        for (x, y), label in zip(where, labels, strict=True)
    ]
    if rng.random() < 0.8:
        rows.insert(0, [cell(name) for name in ("größe", "breite", "tier")])
        if numbered := rng.choice(["", '""', "id"]):
            rows = [[cell(str(i)) if i else numbered, *row] for i, row in enumerate(rows)]
    line = rng.choice(["\n", "\r\n", "\r"])
    text = line.join(delimiter.join(row) for row in rows) + line
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "windows-1252"])
    return text.encode(encoding, "replace" if minus == "-" else "strict"), where, labels


def test_whatever_program_has_written_it() -> None:
    rng = random.Random(13)
    for _ in range(200):
        try:
            data, where, labels = some_table(rng)
        except UnicodeEncodeError:  # older Excel has no printed minus
            continue
        _, told = read(data)
        assert (told.points, told.labels) == (where, labels), data
