"""Estimates of what cuts would do, by gradients, and how far exact knockouts confirm them."""

from workbench.analyses.attribution.agreement import AgreementRow, agreement_table
from workbench.analyses.attribution.cells import AttributionRow
from workbench.analyses.attribution.costs import costs
from workbench.analyses.attribution.effects import FLOWS, Attribution, attribute, status_of
from workbench.analyses.attribution.methods import METHODS, as_methods
from workbench.analyses.attribution.printed import agreement_shown

__all__ = [
    "FLOWS",
    "METHODS",
    "AgreementRow",
    "Attribution",
    "AttributionRow",
    "agreement_shown",
    "agreement_table",
    "as_methods",
    "attribute",
    "costs",
    "status_of",
]
