"""What a network can compute on here: the CPU always, and CUDA where torch finds it."""

from __future__ import annotations

DEVICES = ("auto", "cpu", "cuda")


def devices() -> list[str]:
    """Devices that torch can compute on here; the CPU is always one. ImportError where there is no torch."""
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def chosen_device(asked: str) -> str:
    """The device for what was asked for, one of DEVICES: CUDA where it is there and the CPU was not asked for."""
    return "cuda" if asked != "cpu" and "cuda" in devices() else "cpu"
