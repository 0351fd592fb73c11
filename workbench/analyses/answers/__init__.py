"""What models answer: accuracy of the untouched model, and answers in words before and after a cut."""

from workbench.analyses.answers.accuracy import Accuracy, accuracy
from workbench.analyses.answers.written import first_of_each_task, generations

__all__ = ["Accuracy", "accuracy", "first_of_each_task", "generations"]
