"""What models answer: accuracy of the untouched model, and answers in words before and after a cut."""

from workbench.analyses.answers.accuracy import WAYS, accuracy
from workbench.analyses.answers.logs import Logged, from_logs
from workbench.analyses.answers.scored import Accuracy, score_answers
from workbench.analyses.answers.written import first_of_each_task, generations

__all__ = [
    "WAYS",
    "Accuracy",
    "Logged",
    "accuracy",
    "first_of_each_task",
    "from_logs",
    "generations",
    "score_answers",
]
