"""Batch renormalisation, which makes training outputs close to those in evaluation (Ioffe, NeurIPS 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

LIMITED_UNTIL = (0, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500)
"""Last batch, counted from 0, for which each entry of the limits holds; the last entry holds thereafter."""
LARGEST_RATIO = (1.0, 1.5, 2.0, 2.5, 3.0, 3.0, 3.0, 3.0, 3.0)
LARGEST_SHIFT = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 5.0)


class BatchRenorm2d(nn.Module):
    """Normalisation by a batch's own statistics, corrected towards their averages over batches.

    In training, x becomes (x − m)/s · r + d, with the batch's mean m and deviation s, the ratio r = s/S and
    the shift d = (m − M)/S, where M and S are averages over the previous batches (Algorithm 1). No gradient
    flows through r and d. They are clipped to [1/r_max, r_max] and [−d_max, d_max]; the limits start at plain
    batch normalisation and widen with the number of batches. In evaluation, running averages of M and S
    replace the batch's statistics.

    While the averages are young, the current batch makes up for their missing weight; the first batch is
    therefore normalised by its own statistics.

    Shapes: (B, C, h, w) -> (B, C, h, w).
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    average_mean: Tensor
    average_deviation: Tensor
    num_batches_tracked: Tensor
    _limits: Tensor
    _until: Tensor

    def __init__(
        self,
        channels: int,
        momentum: float = 0.2,
        average_momentum: float = 0.1,
        eps: float = 1e-5,
        ratios: Sequence[float] = LARGEST_RATIO,
        shifts: Sequence[float] = LARGEST_SHIFT,
    ) -> None:
        """Builds the layer with weights 1, biases 0 and no statistics.

        Args:
            channels: C.
            momentum: Weight of each new batch in the running statistics of evaluation; 1 minus their decay.
            average_momentum: Weight of each new batch in the averages M and S.
            eps: Added to the variance.
            ratios: r_max for each stage of training bounded by `LIMITED_UNTIL`; infinity does not clip r.
            shifts: d_max likewise.
        """
        super().__init__()
        self.momentum, self.average_momentum, self.eps = momentum, average_momentum, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("average_mean", torch.zeros(channels))
        self.register_buffer("average_deviation", torch.zeros(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        limits = torch.stack([torch.tensor(ratios), torch.tensor(shifts)])
        self.register_buffer("_limits", limits, persistent=False)
        self.register_buffer("_until", torch.tensor(LIMITED_UNTIL), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        if not self.training:
            return functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        ratio, shift = self._correction(features.detach())
        # (x · r + d) · weight + bias: folded into the weights, the correction needs no further pass.
        return functional.batch_norm(
            features,
            None,
            None,
            self.weight * ratio,
            torch.addcmul(self.bias, self.weight, shift),
            training=True,
            eps=self.eps,
        )

    @torch.no_grad()
    def _correction(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns r and d of a batch, (C,) each, and updates all averages."""
        features = features.float()
        mean = features.mean(dim=(0, 2, 3))
        # On a CPU this takes a tenth of the time of `torch.var_mean` over these axes.
        variance = (features - mean[:, None, None]).square_().mean(dim=(0, 2, 3))
        deviation = torch.sqrt(variance + self.eps)
        missing = (1 - self.average_momentum) ** self.num_batches_tracked.float()
        known_mean = torch.addcmul(self.average_mean, missing, mean)
        known_deviation = torch.addcmul(self.average_deviation, missing, deviation)
        # Looked up on the device: reading the number of batches would synchronise with the GPU.
        stage = torch.bucketize(self.num_batches_tracked.reshape(1), self._until)
        largest_ratio, largest_shift = self._limits.index_select(1, stage).unbind()
        ratio = (deviation / known_deviation).clamp(1 / largest_ratio, largest_ratio)
        shift = ((mean - known_mean) / known_deviation).clamp(-largest_shift, largest_shift)

        self.num_batches_tracked += 1
        settled = 1 - missing * (1 - self.average_momentum)
        self.average_mean.lerp_(mean, self.average_momentum)
        self.average_deviation.lerp_(deviation, self.average_momentum)
        self.running_mean.lerp_(self.average_mean / settled, self.momentum)
        self.running_var.lerp_((self.average_deviation / settled).square() - self.eps, self.momentum)
        return ratio, shift
