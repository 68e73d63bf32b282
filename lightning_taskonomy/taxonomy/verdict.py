"""How far a taxonomy can be trusted, and why, in plain words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.sanity import Sanity, SanityRow
from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.transfers import SELF

ENOUGH_IMAGES = 250
"""With this many test images, affinities correlate at 0.94 with those of very many; with 48, at 0.84."""
ENOUGH_GROUPS = 10
"""Groups of images, such as buildings, needed for a trustworthy interval of a fraction."""
_LEAST = 0.5


@dataclass(frozen=True)
class Verdict:
    """What the losses of a run imply about its taxonomy.

    Attributes:
        sanity: each network against uninformed baselines.
        unjudged: targets whose own network is not in the tournament.
        images: the fewest test images of any target.
        groups: the fewest groups of images of any target.
        lose_to_scratch: targets whose chosen transfer loses to training from scratch.
        own_lose_to_scratch: targets whose own network was chosen, and loses to it as well.
    """

    sanity: Sanity
    unjudged: tuple[str, ...]
    images: int
    groups: int
    lose_to_scratch: tuple[str, ...]
    own_lose_to_scratch: tuple[str, ...]

    @classmethod
    def of(cls, tables: Iterable[LossTable], taxonomy: Taxonomy) -> "Verdict":
        """Compare the networks with the constant guess and the random encoder.

        Args:
            tables: the losses of every target.
            taxonomy: the taxonomy decided from them.

        Raises:
            InputError: no table, or one unfit for a tournament.
        """
        tables = list(tables)
        if not tables:
            raise InputError("losses: expected a table for each target, found none")
        judged = [table for table in tables if SELF in table.contenders]
        sizes = [_size(table) for table in tables]
        return cls(
            Sanity.of(judged),
            tuple(table.target for table in tables if SELF not in table.contenders),
            min(images for images, _ in sizes),
            min(groups for _, groups in sizes),
            tuple(row.target for row in taxonomy.transfers if row.loses_to_scratch and not row.is_self),
            tuple(row.target for row in taxonomy.transfers if row.loses_to_scratch and row.is_self),
        )

    @property
    def worse_than_constant(self) -> tuple[SanityRow, ...]:
        """The networks that lose to the best constant guess on at least half of the images."""
        return tuple(row for row in self.sanity.rows if _loses(row.wins_vs_average))

    @property
    def worse_than_random(self) -> tuple[SanityRow, ...]:
        """The networks that lose to a readout on an untrained encoder, but not to the constant guess."""
        worse = self.worse_than_constant
        return tuple(row for row in self.sanity.rows if _loses(row.wins_vs_random) and row not in worse)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The tasks whose networks lose to either baseline."""
        return tuple(row.task for row in (*self.worse_than_constant, *self.worse_than_random))

    @property
    def is_good(self) -> bool:
        """Whether there is no reason to doubt the taxonomy."""
        enough = self.images >= ENOUGH_IMAGES and self.groups >= ENOUGH_GROUPS
        return enough and not self.doubtful and not self.lose_to_scratch and not self.own_lose_to_scratch

    def lines(self, names: Mapping[str, str] | None = None) -> list[str]:
        """Sentences, the most important first.

        Args:
            names: what to call the tasks; by default as in the tables.
        """
        names = names or {}
        judged = len(self.sanity.rows)
        found = []
        if worse := self.worse_than_constant:
            found.append(
                f"{len(worse)} of {judged} networks lose to the best constant guess "
                f"({_shares(worse, names, 'wins_vs_average')}): more data or longer training before this "
                "taxonomy means anything for them."
            )
        if worse := self.worse_than_random:
            found.append(
                f"{len(worse)} of {judged} networks lose to a readout on an untrained encoder "
                f"({_shares(worse, names, 'wins_vs_random')}): longer training may help."
            )
        if judged and not self.doubtful:
            rivals = _rivals(self.sanity.rows)
            if rivals:
                found.append(f"All {judged} networks beat {rivals} on more than half of the images.")
        if self.unjudged:
            found.append(
                f"Without a network of their own to judge: {_listed(self.unjudged, names)}. "
                "Quality is unknown there."
            )
        if self.lose_to_scratch:
            found.append(
                "Training from scratch on the small set beats the chosen transfer on most images for "
                f"{_listed(self.lose_to_scratch, names)}: do not transfer there."
            )
        if self.own_lose_to_scratch:
            found.append(
                "Training from scratch on the small set beats the fully trained network itself on most "
                f"images for {_listed(self.own_lose_to_scratch, names)}: longer training may help."
            )
        found.append(self._evidence())
        return found

    def _evidence(self) -> str:
        groups = "1 group" if self.groups == 1 else f"{self.groups:,} groups"
        evidence = f"The evidence is {self.images:,} test images of {groups} (buildings)"
        few = []
        if self.images < ENOUGH_IMAGES:
            few.append(f"{ENOUGH_IMAGES} images")
        if self.groups < ENOUGH_GROUPS:
            few.append(f"{ENOUGH_GROUPS} groups")
        if few:
            return f"{evidence}: too few to tell close contenders apart; aim at {' and '.join(few)} or more."
        return f"{evidence}."


def _loses(share: float | None) -> bool:
    return share is not None and share <= _LEAST


def _size(table: LossTable) -> tuple[int, int]:
    """Images and groups of a table."""
    groups: set[str] = set()
    images = 0
    for block in table.groups():
        groups.update(block)
        images += len(block)
    return images, len(groups)


def _rivals(rows: Sequence[SanityRow]) -> str:
    words = []
    if any(row.wins_vs_average is not None for row in rows):
        words.append("the best constant guess")
    if any(row.wins_vs_random is not None for row in rows):
        words.append("a readout on an untrained encoder")
    return " and ".join(words)


def _shares(rows: Sequence[SanityRow], names: Mapping[str, str], column: str) -> str:
    """`Z-depth wins 4 % of images, Normals 29 %`, the worst first."""
    shares = sorted((float(getattr(row, column)), row.task) for row in rows)
    words = [f"{names.get(task, task)} {100 * share:.0f} %" for share, task in shares]
    return f"they win: {', '.join(words)} of images"


def _listed(tasks: Collection[str], names: Mapping[str, str]) -> str:
    return ", ".join(names.get(task, task) for task in tasks)
