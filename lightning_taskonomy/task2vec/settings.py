"""Settings of task embedding, and presets by name."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from lightning_taskonomy.core.errors import InputError

Method = Literal["exact", "montecarlo", "batch", "variational"]
Preset = Literal["improved", "reference"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True)
class Settings:
    """How tasks are embedded; the defaults are the improved preset.

    Attributes:
        method: `exact` takes the expectation over labels, `montecarlo` draws labels, `batch` is the public
            reference's estimate, `variational` fits noise.
        head_epochs: Epochs of fitting the classifier; 0 keeps the probe's own classifier unchanged.
        draws: Labels drawn per image (montecarlo).
        epoch_samples: Images drawn for an epoch of the classifier, of `batch`, and of `variational`.
        fit_batch: Batch size for fitting the classifier and the noise and, in the reference preset, for
            gradients and statistics of batches; the result depends on it.
        norms: Whether the embedding includes scales of normalisation layers.
        skip_layers: Number of first layers to run once and leave out of the embedding.
        max_samples: Maximum number of images per task.
        first_samples: Whether to take the first images, less a batch, as the reference does; else a sample
            stratified by class.
        batch_statistics: Whether normalisation uses batch statistics (`batch` and `variational` only).
        prior: A precision added to the information, which makes the trivial task defined.
        balanced: Whether all classes have equal weight, however many images they have.
        side: Height and width of the feature maps of dense tasks.
        batch: Images at a time; affects only memory and speed.
        beta: Weight of the divergence (variational).
        noise_rate: Learning rate of Adam for the noise (variational).
        noise_epochs: Epochs of fitting the noise (variational).
        random_start: Whether classifiers start at random weights, as in the reference; else at 0.
        seed: Seed of everything random.
    """

    method: Method = "exact"
    head_epochs: int = 10
    draws: int = 1
    epoch_samples: int = 10_000
    fit_batch: int = 64
    norms: bool = False
    skip_layers: int = 0
    max_samples: int | None = None
    first_samples: bool = False
    batch_statistics: bool = False
    prior: float = 0.0
    balanced: bool = True
    side: int = 16
    batch: int = 64
    beta: float = 1e-7
    noise_rate: float = 1e-2
    noise_epochs: int = 2
    random_start: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method: expected one of {', '.join(METHODS)}, found {self.method!r}")
        if self.batch_statistics and self.method in ("exact", "montecarlo"):
            raise InputError(
                f"batch_statistics: images of a batch would interact; {self.method} does not support it"
            )
        least_values = (
            ("head_epochs", 0),
            ("draws", 1),
            ("epoch_samples", 1),
            ("batch", 1),
            ("fit_batch", 1),
            ("noise_epochs", 1),
            ("prior", 0),
        )
        for name, least in least_values:
            if getattr(self, name) < least:
                raise InputError(f"{name}: expected at least {least}, found {getattr(self, name)}")
        if self.max_samples is not None and self.max_samples < 1:
            raise InputError(f"max_samples: expected at least 1, found {self.max_samples}")


def preset(name: str, method: str | None = None) -> Settings:
    """Settings by name.

    Args:
        name: `improved`, or `reference` for what the public reference does.
        method: By default exact, or batch for the reference, whose only other method is variational.

    Raises:
        InputError: there is no such preset or method.
    """
    if name not in get_args(Preset):
        raise InputError(f"preset: expected one of {', '.join(get_args(Preset))}, found {name!r}")
    if name == "improved":
        return Settings(method=cast(Method, method or "exact"))
    chosen = cast(Method, method or "batch")
    if chosen not in ("batch", "variational"):
        raise InputError(f"preset: the reference has the methods batch and variational; found {chosen}")
    return Settings(
        method=chosen,
        norms=chosen == "batch",
        batch_statistics=True,
        first_samples=True,
        random_start=True,
    )
