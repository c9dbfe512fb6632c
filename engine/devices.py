"""What a network can compute on here: the CPU always, and CUDA where torch finds it."""

from __future__ import annotations

DEVICES = ("auto", "cpu", "cuda")


def devices() -> list[str]:
    """Devices that can be computed on here: the CPU, and CUDA where there is a torch that can use it."""
    try:
        import torch
    except (ImportError, OSError):  # none, or one whose libraries are broken; the default generator needs none
        return ["cpu"]
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def chosen_device(asked: str) -> str:
    """The device for what was asked for, one of DEVICES: CUDA where it is there and the CPU was not asked for."""
    return "cuda" if asked != "cpu" and "cuda" in devices() else "cpu"
