"""A task's whole network: one encoder shared by all views, and one decoder of their representations."""

from torch import Tensor, nn

from lightning_taskonomy.nn.encoder import Encoder


class TaskNet(nn.Module):
    """An encoder shared by the views of an example, and a decoder of their representations (section 3.1).

    Tasks on single images have one view; camera poses and matching have two or three.
    """

    def __init__(self, encoder: Encoder, decoder: nn.Module) -> None:
        """Combine encoder and decoder.

        Args:
            encoder: Encodes one view at a time.
            decoder: Takes the representations of all views, concatenated along channels.
        """
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def represent(self, pictures: Tensor) -> Tensor:
        """(B, views, C, S, S) -> (B, views * channels, s, s), concatenated along channels."""
        representations: Tensor = self.encoder(pictures.flatten(0, 1))
        return representations.reshape(len(pictures), -1, *representations.shape[2:])

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, views, C, S, S) -> the decoder's output."""
        output: Tensor = self.decoder(self.represent(pictures))
        return output
