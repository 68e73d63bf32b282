"""The task switching network (Sun et al., ICCV 2021): one encoder and one decoder for all tasks.

Which task is done is decided by a code alone, so that the number of parameters does not depend on how many
tasks there are. All tasks share even the output layer, and read it by averaging groups of its channels.
"""

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.blocks import Condition, ConditionalConvolution, Runs, Statistics
from lightning_taskonomy.nn.switching.decoder import WIDTH, Features, UNetDecoder
from lightning_taskonomy.nn.switching.embedding import TaskEmbedding
from lightning_taskonomy.nn.switching.encoder import StageEncoder


class SwitchingNet(nn.Module):
    """Encoder, task embedding and conditional decoder.

    With its defaults it is the published network for five tasks of PASCAL-Context: 18,258,805 parameters.

    Shapes: pictures (B, 3, H, W) and codes (B, code) or (code,) -> (B, outputs, H, W).

    Attributes:
        outputs: numbers per pixel that all tasks share.
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
            code: Length of the codes that name tasks, and of their embeddings.
            outputs: Numbers per pixel: as many as the task with the most classes has.
            statistics: What the decoder normalises by: `instance` as published; `batch` and `task_batch` are
                those of the ablation.
            tasks: How many tasks there are; only `task_batch` needs to know.
            width: Channels after the encoder's first convolution.
            decoder_width: Channels of the decoder's first merging block; the others keep their share of it.

        Raises:
            InputError: No such backbone or statistics, or no place in a code.
        """
        super().__init__()
        if code < 1:
            raise InputError(f"code: expected at least 1, found {code}")
        self.outputs = outputs
        self.encoder = StageEncoder(backbone, width)
        self.embedding = TaskEmbedding(code)

        def block(given: int, made: int, kernel: int) -> ConditionalConvolution:
            return ConditionalConvolution(given, made, kernel, code, statistics, tasks)

        self.decoder = UNetDecoder(self.encoder.stages, outputs, block, decoder_width)

    def encode(self, pictures: Tensor) -> Features:
        """What the encoder says of pictures (B, 3, H, W); it is the same for every task."""
        return self.encoder.read(pictures)

    def decode(self, features: Features, embeddings: Tensor, runs: Runs = ()) -> Tensor:
        """(B, outputs, H, W).

        Args:
            features: of the encoder.
            embeddings: of the task of each example, (B, code).
            runs: the tasks' numbers, which the statistics `task_batch` need.
        """
        output: Tensor = self.decoder(features, Condition(runs or [(0, len(embeddings))], embeddings))
        return output

    def forward(self, pictures: Tensor, codes: Tensor, runs: Runs = ()) -> Tensor:
        """(B, outputs, H, W).

        Args:
            pictures: (B, 3, H, W), standardised as the encoder's weights expect.
            codes: of the task of each picture, (B, code), or of the one task of all, (code,).
            runs: the tasks' numbers, which the statistics `task_batch` need.
        """
        embeddings = self.embedding(codes).expand(len(pictures), -1)
        return self.decode(self.encode(pictures), embeddings, runs)
