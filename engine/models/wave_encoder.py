"""The convolutional encoder of raw speech that EMAGE uses: 16 kHz waveform -> one feature in 540 samples."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

# Samples, EMAGE's release (docs/sources/emage.md, section 3.1).
KERNEL = 15
FIRST_PADDING = 1600


class WaveBlock(nn.Module):
    """Two convolutions with BatchNorm and a shortcut, on (B, channels, N)."""

    def __init__(self, inputs: int, outputs: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, KERNEL, stride, padding)
        self.bn1 = nn.BatchNorm1d(outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, KERNEL, 1, KERNEL // 2)
        self.bn2 = nn.BatchNorm1d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv1d(inputs, outputs, KERNEL, stride, padding), nn.BatchNorm1d(outputs)
            )

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, N) -> (B, outputs, N')."""
        out = functional.leaky_relu(self.bn1(self.conv1(values)))
        out = self.bn2(self.conv2(out))
        shortcut = values if self.downsample is None else self.downsample(values)
        return functional.leaky_relu(out + shortcut)


class WaveEncoder(nn.Module):
    """Six blocks; ``features`` channels out, a quarter of them at the start."""

    def __init__(self, features: int, inputs: int = 1) -> None:
        super().__init__()
        low, middle = features // 4, features // 2
        same = KERNEL // 2
        self.feat_extractor = nn.Sequential(
            WaveBlock(inputs, low, 5, FIRST_PADDING),
            WaveBlock(low, low, 6, 0),
            WaveBlock(low, low, 1, same),
            WaveBlock(low, middle, 6, 0),
            WaveBlock(middle, middle, 1, same),
            WaveBlock(middle, features, 3, 0),
        )

    def forward(self, wave: Tensor) -> Tensor:
        """(B, N) or (B, N, inputs) -> (B, T', features); T' follows from the strides, 540 samples a feature."""
        stream = wave.unsqueeze(1) if wave.dim() == 2 else wave.transpose(1, 2)
        out: Tensor = self.feat_extractor(stream).transpose(1, 2)
        return out
