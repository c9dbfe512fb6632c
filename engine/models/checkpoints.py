"""Published weights from a folder that the user gives: found, checked, and loaded without a second copy.

Sizes are read from the tensors. What is missing, foreign or broken is one sentence: what, what was expected, where to
get it.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.errors import CospeechError
from engine.models.codecs import CodecSize, MotionAutoencoder, MotionCodec
from engine.models.emage import PARTS, TEMPLATES, Emage, EmageSize
from engine.models.emage_motion import PART_JOINTS, EmageCodecs
from engine.models.fgd import FeatureNetwork

FILES = ("model.safetensors", "pytorch_model.bin")
EMAGE_SOURCE = "the folder H-Liu1997/emage_audio as published, with its emage_vq folder"
# Channels beside rotations (docs/sources/emage.md, section 1.2).
EMAGE_EXTRA = {"face": 100, "upper": 0, "hands": 0, "lower": 7}

State = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)
Size = TypeVar("Size")


class CheckpointError(CospeechError):
    """Weights are missing, damaged or of another model; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class EmageModels:
    """The transformer and its codecs, in eval mode on one device; ``config`` is what the release says of itself."""

    model: Emage
    codecs: EmageCodecs
    config: dict[str, Any]


def load_emage(folder: Path, device: str = "cpu") -> EmageModels:
    """EMAGE's audio-only release from ``folder``: root weights, and ``emage_vq/{face,upper,hands,lower,global}``."""
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}; choose {EMAGE_SOURCE}")
    state = read_state(folder, EMAGE_SOURCE)
    state = {key: value for key, value in state.items() if not key.startswith(TEMPLATES)}
    model = built(Emage, emage_size(state, folder), state, folder, EMAGE_SOURCE)
    together = load_codecs(codec_folders(folder))
    for part in PARTS:
        codes = together.codec(part).size.codes
        if codes != model.size.codes:
            raise CheckpointError(
                f"The {part} codec in {folder} has {codes} codes and the model {model.size.codes}; "
                f"take both from {EMAGE_SOURCE}"
            )
    return EmageModels(model.eval().to(device), together.eval().to(device), read_config(folder))


def codec_folders(folder: Path) -> dict[str, Path]:
    """Where a release keeps each codec and the auto-encoder "global"."""
    return {part: folder / "emage_vq" / part for part in (*PARTS, "global")}


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a release that are there, by path; nothing else of the folder is looked at."""
    places = [folder, *codec_folders(folder).values()]
    return sorted(place / name for place in places for name in FILES if (place / name).is_file())


def load_codecs(folders: Mapping[str, Path]) -> EmageCodecs:
    """The codecs of face, upper, hands and lower, and the auto-encoder "global", each from its folder."""
    place = folders["global"]
    state = read_state(place, EMAGE_SOURCE)
    globe = built(MotionAutoencoder, _codec_size(state, place), state, place, EMAGE_SOURCE)
    return EmageCodecs({part: _codec(folders[part], part) for part in PARTS}, globe)


def load_feature_network(path: Path) -> FeatureNetwork:
    """The feature network of FGD from its published file (``model_state``, keys perhaps behind ``module.``)."""
    source = "AESKConv_240_100.bin of emage_evaltools"
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}; choose {source}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle and zip each have their own for a broken file
        raise CheckpointError(
            f"{path} can't be read as weights ({error_text(error)}); get it again: {source}"
        ) from error
    state = stored.get("model_state", stored) if isinstance(stored, dict) else {}
    prefix = "encoder."
    bare = {key.removeprefix("module."): value for key, value in state.items()}
    encoder = {key.removeprefix(prefix): value for key, value in bare.items() if key.startswith(prefix)}
    widths: list[tuple[int, int, int]] = []
    while (first := encoder.get(f"layers.{len(widths)}.0.residual.0.weight")) is not None:
        pool = encoder.get(f"layers.{len(widths)}.0.common.0.weight")
        widths.append((first.shape[1], first.shape[0], first.shape[0] if pool is None else pool.shape[0]))
    if not widths:
        raise CheckpointError(f"{path} holds no feature network; choose {source}")
    return built(FeatureNetwork, tuple(widths), encoder, path, source).eval()


def emage_size(state: Mapping[str, Tensor], folder: Path) -> EmageSize:
    """The sizes of the transformer, from its tensors."""
    try:
        hidden = state["moton_proj.weight"].shape[0]
        body = 1 + max(int(key.split(".")[2]) for key in state if key.startswith("audio_motion_cross_attn.layers."))
        face = 1 + max(int(key.split(".")[2]) for key in state if key.startswith("face_motion_decoder.layers."))
        return EmageSize(
            hidden=hidden,
            audio=state["audio_body_motion_proj.weight"].shape[1],
            motion=state["moton_proj.weight"].shape[1],
            channels=state["mask_embedding"].shape[-1],
            codes=state["face_out_proj.weight"].shape[0],
            speakers=state["speaker_embedding_body.weight"].shape[0],
            inner=state["motion_self_encoder.layers.0.linear1.weight"].shape[0],
            body_layers=body,
            face_layers=face,
            period=state["position_embeddings.pe"].shape[1] // 2,
        )
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"The weights in {folder} are not EMAGE's audio model ({error_text(error)}); choose {EMAGE_SOURCE}"
        ) from error


def _codec(folder: Path, part: str) -> MotionCodec:
    state = read_state(folder, EMAGE_SOURCE)
    size = _codec_size(state, folder)
    wanted = 6 * len(PART_JOINTS[part]) + EMAGE_EXTRA[part]
    if size.channels != wanted or not size.codes:
        raise CheckpointError(
            f"{folder} holds a codec of {size.channels} channels and {size.codes} codes, and {part} needs {wanted} "
            f"channels with a codebook; choose {EMAGE_SOURCE}"
        )
    return built(MotionCodec, size, state, folder, EMAGE_SOURCE)


def _codec_size(state: Mapping[str, Tensor], folder: Path) -> CodecSize:
    try:
        first = state["encoder.main.0.weight"]
        depth = sum(1 for key in state if re.fullmatch(r"encoder\.main\.\d+\.weight", key))
        book = state.get("quantizer.embedding.weight")
        return CodecSize(first.shape[1], first.shape[0], depth, 0 if book is None else book.shape[0])
    except (KeyError, IndexError) as error:
        raise CheckpointError(
            f"The weights in {folder} are not a motion codec ({error_text(error)}); choose {EMAGE_SOURCE}"
        ) from error


def built(make: Callable[[Size], Model], size: Size, state: State, folder: Path, source: str) -> Model:
    """The module of that size with these tensors as its own: nothing is initialised or copied."""
    with torch.device("meta"), Unfilled():
        module = make(size)
    try:
        missing, unknown = module.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights in {folder} have other shapes ({error_text(error)}); choose {source}"
        ) from error
    if missing or unknown:
        what = f"lack {missing[0]}" if missing else f"hold the unknown {unknown[0]}"
        count = len(missing) + len(unknown)
        raise CheckpointError(
            f"The weights in {folder} {what}{f' and {count - 1} more' if count > 1 else ''}; choose {source}"
        )
    return module


class Unfilled(TorchFunctionMode):
    """Leaves out the filling of new parameters: on the meta device there is nothing to fill, and asking for it makes
    torch import its compiler for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", "") == nn.init.__name__ or func in (Tensor.normal_, Tensor.uniform_):
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def read_state(folder: Path, source: str) -> State:
    """All tensors of a folder: safetensors first, else a pickle of tensors alone; float32."""
    found = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if found is None:
        raise CheckpointError(f"{folder} holds neither {' nor '.join(FILES)}; choose {source}")
    state = read_tensors(found, source)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{found} holds no table of tensors; choose {source}")
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def read_tensors(path: Path, source: str) -> Any:
    """What a weight file holds, mapped into memory where its format allows; a .bin may hold more than tensors."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch, pickle, zip and safetensors each have their own for a broken file
        raise CheckpointError(
            f"{path} can't be read as weights ({error_text(error)}); "
            f"it is damaged or another file, get it again: {source}"
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """The release's config.json; empty where there is none or it is not readable: nothing here depends on it."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def error_text(error: Exception) -> str:
    """What an exception says, in one line."""
    text = str(error).strip().splitlines()
    return (text[-1].strip() if text else type(error).__name__)[:160]
