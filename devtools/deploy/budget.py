"""A budget alert on the project's billing account: who pays hears of it at half, nine tenths and all of an amount.

A budget stops nothing: Google sends e-mail, by default to the billing account's administrators and users (Google's
documentation, "Create, edit, or delete budgets and budget alerts"). It is made only when BUDGET=… asks for it, because
it takes a role on the billing account, which whoever deploys often does not have.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from devtools.deploy.cloud import Cloud, Command, DeployError

APIS: Mapping[str, str] = {
    "cloudbilling.googleapis.com": "which billing account pays",
    "billingbudgets.googleapis.com": "the budget alert",
}
# Whole amounts: of 50.75 gcloud makes 50 and 75 billionths (googlecloudsdk/command_lib/billingbudgets/hooks.py,
# ParseMoney).
_AMOUNT = re.compile(r"([1-9]\d*)([A-Z]{3})?")
_THRESHOLDS = ("0.5", "0.9", "1.0")
_ROLE = "roles/billing.costsManager"


def amount(text: str | None) -> str | None:
    """A month's amount as gcloud takes it: `50`, in the billing account's currency, or `50EUR`; None for none. Raises
    DeployError.
    """
    if not text or not text.strip():
        return None
    if _AMOUNT.fullmatch(text.strip()) is None:
        raise DeployError(f"BUDGET={text} is no amount for a month: a whole number, such as BUDGET=50 or BUDGET=50EUR")
    return text.strip()


def missing(cloud: Cloud, wanted: str) -> Sequence[Command]:
    """The command that makes or changes this project's budget; none when it stands. Raises DeployError in one line when
    the project has no billing account, or the person no right to it.
    """
    billing = cloud.look("cloudbilling.googleapis.com", "billing", "projects", "describe", cloud.project)
    account = str(billing.get("billingAccountName", "")).rpartition("/")[2] if billing else "its-billing-account"
    if not account:
        raise DeployError("the project has no billing account: link one in the console under Billing")
    try:
        budgets = cloud.look(
            "billingbudgets.googleapis.com", "billing", "budgets", "list", f"--billing-account={account}"
        )
    except DeployError as refused:
        raise DeployError(
            f"BUDGET: your account may not see the budgets of billing account {account}: ask its administrator for"
            f" {_ROLE} on it, or leave BUDGET out ({refused})"
        ) from None
    name = f"Salesforce sample: {cloud.project}"[:60]  # more is refused
    here = next((b for b in budgets if b.get("displayName") == name), None)
    if here is None:
        rules = [f"--threshold-rule=percent={part}" for part in _THRESHOLDS]
        words = ("gcloud", "billing", "budgets", "create", f"--billing-account={account}", f"--display-name={name}")
        return [Command((*words, f"--budget-amount={wanted}", f"--filter-projects=projects/{cloud.project}", *rules))]
    if _is(here, wanted):
        return []
    return [Command(("gcloud", "billing", "budgets", "update", here["name"], f"--budget-amount={wanted}"))]


def _is(budget: Mapping[str, Any], wanted: str) -> bool:
    """Whether it is of this amount; a currency counts when one is wanted (google.type.Money)."""
    parts = _AMOUNT.fullmatch(wanted)
    assert parts is not None
    money = budget.get("amount", {}).get("specifiedAmount", {})
    same = money.get("units") == parts[1] and not money.get("nanos")
    return same and parts[2] in (None, money.get("currencyCode"))
