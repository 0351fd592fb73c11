"""Did it use time? Certificates of answers, from measured facts."""

from workbench.analyses.use_of_time.measurement import FactRow, use_of_time
from workbench.analyses.use_of_time.result import Certificate, TimeUse
from workbench.analyses.use_of_time.rule import (
    PRIOR,
    STATIC,
    UNDECIDED,
    USES_TIME,
    VERDICTS,
    TaskRow,
    VerdictRow,
    rule,
    task_table,
    verdict_table,
)

__all__ = [
    "PRIOR",
    "STATIC",
    "UNDECIDED",
    "USES_TIME",
    "VERDICTS",
    "Certificate",
    "FactRow",
    "TaskRow",
    "TimeUse",
    "VerdictRow",
    "rule",
    "task_table",
    "use_of_time",
    "verdict_table",
]
