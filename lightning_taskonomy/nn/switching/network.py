"""The task switching network (Sun et al., ICCV 2021): one encoder and one decoder for all tasks.

A code alone selects the task, so the parameter count does not depend on the number of tasks. All tasks share
even the output layer; each averages groups of its channels.
"""

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.blocks import Condition, ConditionalConvolution, Runs, Statistics
from lightning_taskonomy.nn.switching.decoder import WIDTH, Features, UNetDecoder
from lightning_taskonomy.nn.switching.embedding import TaskEmbedding
from lightning_taskonomy.nn.switching.encoder import StageEncoder


class SwitchingNet(nn.Module):
    """Encoder, task embedding and conditional decoder.

    The defaults are the published network for five tasks of PASCAL-Context, with 18,258,805 parameters.

    Shapes: images (B, 3, H, W) and codes (B, code) or (code,) -> (B, outputs, H, W).

    Attributes:
        outputs: Output channels, shared by all tasks.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        code: int = 100,
        outputs: int = 21,
        statistics: Statistics = "instance",
        tasks: int = 1,
        width: int = 64,
        decoder_width: int = WIDTH,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            backbone: resnet18, resnet34 or resnet50.
            code: Length of the task codes, and of their embeddings.
            outputs: Output channels, as many as the task with the most classes has.
            statistics: Statistics of the decoder's normalisation: `instance` as published; `batch` and
                `task_batch` as in the ablation.
            tasks: Number of tasks; only `task_batch` depends on it.
            width: Channels after the encoder's first convolution.
            decoder_width: Channels of the decoder's first merging block; the others scale in proportion.

        Raises:
            InputError: There is no such backbone or kind of statistics, or codes are empty.
        """
        super().__init__()
        if code < 1:
            raise InputError(f"code: expected at least 1, found {code}")
        self.outputs = outputs
        self.encoder = StageEncoder(backbone, width)
        self.embedding = TaskEmbedding(code)

        def block(in_channels: int, out_channels: int, kernel: int) -> ConditionalConvolution:
            return ConditionalConvolution(in_channels, out_channels, kernel, code, statistics, tasks)

        self.decoder = UNetDecoder(self.encoder.stages, outputs, block, decoder_width)

    def encode(self, pictures: Tensor) -> Features:
        """The encoder's features of images (B, 3, H, W), the same for every task."""
        return self.encoder.read(pictures)

    def decode(self, features: Features, embeddings: Tensor, runs: Runs = ()) -> Tensor:
        """(B, outputs, H, W).

        Args:
            features: The encoder's features.
            embeddings: Task embedding of each example, (B, code).
            runs: The tasks of the batch, needed for the statistics `task_batch`.
        """
        output: Tensor = self.decoder(features, Condition(runs or [(0, len(embeddings))], embeddings))
        return output

    def forward(self, pictures: Tensor, codes: Tensor, runs: Runs = ()) -> Tensor:
        """(B, outputs, H, W).

        Args:
            pictures: Images (B, 3, H, W), standardised as the encoder's weights expect.
            codes: Task code of each image, (B, code), or one code for all, (code,).
            runs: The tasks of the batch, needed for the statistics `task_batch`.
        """
        embeddings = self.embedding(codes).expand(len(pictures), -1)
        return self.decode(self.encode(pictures), embeddings, runs)
