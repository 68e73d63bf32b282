"""Task2Vec (Achille et al., 2019): embeds a task as the Fisher information of a probe network's filters."""

from lightning_taskonomy.task2vec.distances import distance, distance_matrix, norm
from lightning_taskonomy.task2vec.embed import embed, embed_tasks
from lightning_taskonomy.task2vec.embedding import Embedding, read_embeddings
from lightning_taskonomy.task2vec.labelled_task import LabelledTask, as_task
from lightning_taskonomy.task2vec.probe import Probe
from lightning_taskonomy.task2vec.running import Running
from lightning_taskonomy.task2vec.settings import Settings, preset
from lightning_taskonomy.task2vec.targets import Targets

__all__ = [
    "Embedding",
    "LabelledTask",
    "Probe",
    "Running",
    "Settings",
    "Targets",
    "as_task",
    "distance",
    "distance_matrix",
    "embed",
    "embed_tasks",
    "norm",
    "preset",
    "read_embeddings",
]
