"""Benchmarks: ``python build.py bench``. Never run as tests."""
