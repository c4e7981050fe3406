"""Divisions are the best of all: by trying every one."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_mimo.document_loaders.division import (
    POINT_VALUE,
    SEGMENT_COST,
    divide,
    even_points,
    fewest,
)


def cost(segments, values):
    gains = sum(round(POINT_VALUE * values.get(end, 0.0)) for _, end in segments[:-1])
    squares = sum((end - start) ** 2 for start, end in segments)
    return len(segments) * SEGMENT_COST - gains, pytest.approx(squares)


def all_divisions(points, fits):
    for count in range(len(points) - 1):
        for chosen in itertools.combinations(points[1:-1], count):
            segments = list(itertools.pairwise([points[0], *chosen, points[-1]]))
            if all(itertools.starmap(fits, segments)):
                yield segments


@settings(deadline=None)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=9), st.integers(10, 30), st.data())
def test_no_division_is_better(lengths, longest, data):
    points = [0.0, *itertools.accumulate(map(float, lengths))]
    values = {point: data.draw(st.sampled_from([0.0, 0.3, 1.0])) for point in points[1:-1]}

    def fits(start, end):
        return end - start <= longest

    found = divide(points, fits, values, longest)
    assert (found[0][0], found[-1][1]) == (points[0], points[-1])
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all(itertools.starmap(fits, found))
    best = min(all_divisions(points, fits), key=lambda each: (cost(each, values)[0], sum((b - a) ** 2 for a, b in each)))  # fmt: skip
    if fits(points[0], points[-1]):
        best = [(points[0], points[-1])]
    assert cost(found, values) == cost(best, values)


@settings(deadline=None)
@given(st.integers(2_100, 3_000), st.floats(3, 900))
def test_many_points_give_as_few_segments(count, longest):
    points = [float(at) for at in range(count)]
    found = divide(points, lambda a, b: b - a <= longest, {}, longest)
    assert all(b - a <= longest for a, b in found)
    assert len(found) == -(-(count - 1) // int(longest))
    assert (found[0][0], found[-1][1]) == (0.0, count - 1.0)


def test_two_good_points_do_not_pay_for_a_segment():
    points = [0.0, 9.0, 10.0, 11.0, 20.0]
    found = divide(points, lambda a, b: b - a <= 11, {9.0: 1.0, 11.0: 1.0}, 11)
    assert len(found) == 2


@settings(deadline=None)
@given(st.floats(0.2, 1e5), st.floats(0.1, 1e3))
def test_the_fewest_equal_lengths_fit_and_one_less_does_not(length, longest):
    def fits(seconds):
        return seconds <= longest

    count = fewest(length, fits, 0.1)
    if count is None:
        assert longest < 0.2
        return
    assert fits(length / count)
    assert count == 1 or not fits(length / (count - 1))


@settings(deadline=None)
@given(st.floats(0, 1e5), st.floats(1e-3, 1e5), st.integers(1, 100))
def test_even_points_ascend_between_the_ends(start, length, count):
    end = start + length
    points = list(even_points(start, end, count))
    assert (points[0], points[-1], len(points)) == (start, end, count + 1)
    assert all(a <= b for a, b in itertools.pairwise(points))
