"""A little of what `benchmarks/fuzz_stream.py` does much of."""

from benchmarks.fuzz_stream import attack


def test_nonsense_on_the_stream_breaks_nothing_and_touches_no_other_session() -> None:
    seen, learned = attack(messages=1500, seed=7)
    assert seen.broken == []
    assert seen.codes.keys() <= {"1002", "1006", "1007", "1009", "4002"}
    assert {"invalid_json", "unknown_type", "invalid_field"} <= seen.errors.keys()
    assert learned > 0
