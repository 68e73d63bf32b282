"""What a task is, and the dictionary of them. The ground floor: knows no files and no networks."""

from lightning_taskonomy.tasks.dictionary import dictionary, register, task_named
from lightning_taskonomy.tasks.task import Example, Pixels, Task, Vector, ViewLabels

__all__ = ["Example", "Pixels", "Task", "Vector", "ViewLabels", "dictionary", "register", "task_named"]
