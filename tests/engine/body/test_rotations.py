"""Rotation conversions as properties, compared as matrices and geodesic angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.body import rotations as r

VECTORS = arrays(np.float64, (5, 3), elements=st.floats(-6.0, 6.0))


@given(VECTORS)
def test_every_representation_is_the_same_rotation(vectors):
    matrix = r.axis_angle_to_matrix(vectors)
    assert r.geodesic_angle(matrix, r.matrix_from_6d(r.matrix_to_6d(matrix))).max() < 1e-7
    again = r.axis_angle_to_matrix(r.matrix_to_axis_angle(matrix))
    assert r.geodesic_angle(matrix, again).max() < 1e-7


def test_six_numbers_are_the_first_two_rows():
    matrix = r.axis_angle_to_matrix([0.0, 0.0, np.pi / 2])
    assert np.allclose(r.matrix_to_6d(matrix), [0, -1, 0, 1, 0, 0], atol=1e-12)


@given(st.floats(1e-6, 3.1))
def test_geodesic_angle_measures_the_turn(angle):
    turned = r.axis_angle_to_matrix([0.0, angle, 0.0])
    assert r.geodesic_angle(np.eye(3), turned) == pytest.approx(angle, abs=1e-8)


def test_degenerate_six_numbers_are_refused():
    with pytest.raises(ValueError, match="zero first row"):
        r.matrix_from_6d([0, 0, 0, 0, 1, 0])
    with pytest.raises(ValueError, match="parallel"):
        r.matrix_from_6d([1, 0, 0, 2, 0, 0])


def test_continuous_axis_angle_has_no_jumps_and_keeps_the_rotations():
    angles = np.linspace(0.0, 4.0 * np.pi, 200)
    wrapped = r.matrix_to_axis_angle(r.axis_angle_to_matrix(angles[:, None] * np.array([[0.6, 0.8, 0.0]])))
    smooth = r.continuous_axis_angle(wrapped)
    assert np.abs(np.diff(wrapped, axis=0)).max() > 1.0
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.1
    same = r.geodesic_angle(r.axis_angle_to_matrix(wrapped), r.axis_angle_to_matrix(smooth))
    assert same.max() < 1e-7
