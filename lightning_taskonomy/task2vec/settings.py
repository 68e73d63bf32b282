"""How tasks are embedded: every choice in one place, and the presets by name."""

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
        method: `exact` expectation over labels, `montecarlo` draws them, `batch` is the public reference's
            estimate, `variational` fits noise.
        head_epochs: Of fitting the classifier; 0 keeps the probe's own as it is.
        draws: Of labels per picture (montecarlo).
        epoch_samples: Pictures drawn for an epoch of the classifier, of `batch`, and of `variational`.
        fit_batch: Pictures of each step of fitting the classifier and the noise, and of each batch whose
            gradient or statistics are looked at (the reference's preset); what is found depends on it.
        norms: Whether scales of normalisation layers have numbers too.
        skip_layers: Layers that are run once and left out of the embedding.
        max_samples: Most pictures per task.
        first_samples: Whether those are the first, less a batch, as in the reference; else a sample by class.
        batch_statistics: Whether normalisation uses statistics of batches; `batch` and `variational` can.
        prior: A precision that is added to the information, and makes the trivial task defined.
        balanced: Whether classes weigh the same, however many pictures they have.
        side: Features of dense tasks are maps of so many places a side.
        batch: Pictures at a time: a matter of memory and speed alone.
        beta: Weight of the divergence (variational).
        noise_rate: Of Adam in fitting the noise (variational).
        noise_epochs: Of fitting the noise (variational).
        random_start: Whether classifiers start at random weights, as in the reference; else at 0.
        seed: Of everything random.
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
                f"batch_statistics: pictures would see each other; {self.method} has no such mode"
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
        method: By default exact, or batch for the reference, which has no other but variational.

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
