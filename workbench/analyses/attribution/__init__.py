"""Estimates of what cuts would do, by gradients, and how far exact knockouts confirm them."""

from workbench.analyses.attribution.agreement import AgreementRow, agreement_table
from workbench.analyses.attribution.cells import AttributionRow
from workbench.analyses.attribution.effects import FLOWS, Attribution, attribute, status_of

__all__ = [
    "FLOWS",
    "AgreementRow",
    "Attribution",
    "AttributionRow",
    "agreement_table",
    "attribute",
    "status_of",
]
