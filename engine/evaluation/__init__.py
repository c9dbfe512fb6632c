"""Figures of motion: metrics with known answers, and the test bed of pins."""
