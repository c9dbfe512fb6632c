"""SemTalk's published weights from a folder that the user gives.

The release names its files by network and epoch (``rvq_face_600.bin``, ``last_1700_foot.bin``), and a user's own
training does so otherwise; so every file is known by its contents, wherever it lies in the folder or one level below.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from engine.models.checkpoints import CheckpointError, built, error_text
from engine.models.codecs import CodecSize, MotionAutoencoder
from engine.models.rvq import RUNNING, Rvq, RvqSize
from engine.models.semtalk import BASE_UNUSED, SPARSE_UNUSED, SemTalkBase, SemTalkSparse
from engine.models.semtalk_body import PARTS, SemTalkSize
from engine.models.semtalk_motion import SemTalkCodecs
from engine.models.semtalk_windows import Networks
from engine.models.weight_search import Found, search

SOURCE = (
    "SemTalk's released checkpoints: the base and the sparse network, rvq_face_600, rvq_upper_500, rvq_hands_500, "
    "rvq_lower_600 and last_1700_foot"
)
# By channels of the first convolution (docs/sources/emage.md, section 2.1).
CHANNELS = {106: "face", 78: "upper", 180: "hands", 61: "lower"}
PARTS_HELD = {
    "base": "the base network",
    "sparse": "the sparse network",
    "global": "the network of global motion",
    **{part: f"the codec of the {part}" for part in PARTS},
}
CODECS = ("global", *PARTS)
Model = TypeVar("Model", bound=nn.Module)


def load_semtalk(folder: Path, device: str = "cpu") -> Networks:
    """Both networks and all codecs in eval mode; CheckpointError says in a sentence what is missing or unfit."""
    files = find(folder, tuple(PARTS_HELD))
    base = load_network(files["base"], SemTalkBase, BASE_UNUSED)
    sparse = load_network(files["sparse"], SemTalkSparse, SPARSE_UNUSED)
    codecs = _together(files)
    for part in PARTS:
        size = codecs.codec(part).size
        if (size.codes, size.width) != (base.size.codes, base.size.width):
            raise CheckpointError(
                f"{files[part].path.name} has {size.codes} codes of {size.width} and the base network "
                f"{base.size.codes} of {base.size.width}; take both from {SOURCE}"
            )
    return Networks(base.eval().to(device), sparse.eval().to(device), codecs.eval().to(device))


def load_codecs(folder: Path) -> SemTalkCodecs:
    """The codecs alone, in eval mode."""
    return _together(find(folder, CODECS)).eval()


def find(folder: Path, wanted: tuple[str, ...]) -> dict[str, Found]:
    """The files of these networks in a folder; CheckpointError names what is missing."""
    files = search(folder, kind_of, PARTS_HELD, SOURCE)
    missing = [PARTS_HELD[name] for name in wanted if name not in files]
    if missing:
        raise CheckpointError(f"{folder} lacks {' and '.join(missing)}; choose a folder with {SOURCE}")
    return {name: files[name] for name in wanted}


def _together(files: Mapping[str, Found]) -> SemTalkCodecs:
    return SemTalkCodecs({part: load_codec(files[part]) for part in PARTS}, load_globe(files["global"]))


def kind_of(state: Mapping[str, Tensor]) -> str:
    """Which of the release's networks these tensors are, or an empty string."""
    if "audio_pre_encoder_face.mlp.0.weight" in state:
        return "base"
    if "clip_embedding.weight" in state:
        return "sparse"
    first = state.get("encoder.model.0.weight")
    if "quantizer.layers.0.codebook" in state and first is not None and first.dim() == 3:
        return CHANNELS.get(first.shape[1], "")
    if "decoder.main.10.weight" in state and "encoder.main.11.model.0.weight" in state:
        return "" if any(key.startswith("quantizer.") for key in state) else "global"
    return ""


def load_network(found: Found, make: type[Model], unused: tuple[str, ...]) -> Model:
    """One of the two networks, without what has no effect."""
    state = {key: value for key, value in found.state.items() if not key.startswith(unused)}
    return built(make, network_size(state, found.path), state, found.path, SOURCE)


def load_codec(found: Found) -> Rvq:
    """The codec of a part."""
    books = [value for key, value in found.state.items() if key.endswith(".codebook")]
    first = found.state["encoder.model.0.weight"]
    size = RvqSize(first.shape[1], first.shape[0], books[0].shape[0], len(books))
    state = {key: value for key, value in found.state.items() if not key.endswith(RUNNING)}
    return built(Rvq, size, state, found.path, SOURCE)


def load_globe(found: Found) -> MotionAutoencoder:
    """The auto-encoder of global motion."""
    first = found.state["encoder.main.0.weight"]
    size = CodecSize(first.shape[1], first.shape[0], depth=4)
    return built(MotionAutoencoder, size, found.state, found.path, SOURCE)


def network_size(state: Mapping[str, Tensor], path: Path) -> SemTalkSize:
    """The sizes of a network, from its tensors; those of the other network stay at their defaults."""
    plain = SemTalkSize()

    def side(name: str, axis: int, default: int) -> int:
        return default if name not in state else state[name].shape[axis]

    def depth(name: str, default: int) -> int:
        layers = {key.split(".")[2] for key in state if key.startswith(f"{name}.layers.")}
        return len(layers) or default

    try:
        return SemTalkSize(
            hubert=state["hubert_encoder_body.0.weight"].shape[1],
            beat=side("audio_pre_encoder_face.mlp.0.weight", 1, plain.beat),
            width=state["feature2motion.weight"].shape[1],
            wide=state["feature2motion.weight"].shape[0],
            channels=state["mask_embeddings"].shape[-1],
            codes=state["upper_classifier.mlp.2.weight"].shape[0],
            speakers=state["spearker_encoder_body.weight"].shape[0],
            inner=state["wordhints_decoder.layers.0.linear1.weight"].shape[0],
            inner_small=state["hands_face_decoder.layers.0.linear1.weight"].shape[0],
            face_layers=depth("face_decoder", plain.face_layers),
            body_layers=depth("wordhints_decoder", plain.body_layers),
            period=state["position_embeddings.pe"].shape[1] // 2,
            words=side("text_pre_encoder_body.weight", 0, plain.words),
            word_width=side("text_pre_encoder_body.weight", 1, plain.word_width),
            sentence=side("clip_embedding.weight", 1, plain.sentence),
        )
    except (KeyError, IndexError) as error:
        raise CheckpointError(f"{path} is not SemTalk's network ({error_text(error)}); choose {SOURCE}") from error
