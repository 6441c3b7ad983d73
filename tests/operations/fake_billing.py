"""The played Google's billing: one account, and its budgets. Formats: Cloud Billing API v1 ("projects.getBillingInfo")
and Cloud Billing Budget API v1 ("billingAccounts.budgets"); what a refusal says is gcloud's usual form.
"""

import re
from typing import Any

ACCOUNT = "01D4EE-079462-DFD6EC"


def read(world: dict[str, Any], words: list[str]) -> Any:
    """What a reading command says; None for one that changes something."""
    from tests.operations.fake_google import Refused

    match [w for w in words if not w.startswith("--")]:
        case ["billing", "projects", "describe", project]:
            name = f"billingAccounts/{ACCOUNT}" if world["billing"] else ""
            return {"billingAccountName": name, "billingEnabled": world["billing"], "projectId": project}
        case ["billing", "budgets", "list"]:
            if world.get("budgetsRefused"):
                raise Refused(
                    "ERROR: (gcloud.billing.budgets.list) PERMISSION_DENIED: The caller does not have permission"
                )
            return world.get("budgets", [])
        case _:
            return None


def change(world: dict[str, Any], words: list[str]) -> None:
    """Makes or changes a budget."""
    from tests.operations.fake_google import Refused

    options = [w.partition("=") for w in words if w.startswith("--")]
    given = {name.removeprefix("--"): value for name, _, value in options}
    budgets = world.setdefault("budgets", [])
    money = _money(given["budget-amount"])
    if money["currencyCode"] not in ("EUR", None):
        raise Refused("ERROR: (gcloud.billing.budgets) INVALID_ARGUMENT: Request contains an invalid argument.")
    match [w for w in words if not w.startswith("--")]:
        case ["billing", "budgets", "create"]:
            assert given["billing-account"] == ACCOUNT
            budgets.append(
                {
                    "name": f"billingAccounts/{ACCOUNT}/budgets/{len(budgets) + 1}",
                    "displayName": given["display-name"],
                    "budgetFilter": {"projects": [given["filter-projects"]]},
                    "amount": {"specifiedAmount": money | {"currencyCode": "EUR"}},
                    "thresholdRules": [value for name, _, value in options if name == "--threshold-rule"],
                }
            )
        case ["billing", "budgets", "update", name]:
            here = next(b for b in budgets if b["name"] == name)
            here["amount"] = {"specifiedAmount": money | {"currencyCode": "EUR"}}
        case other:
            raise Refused(f"ERROR: (gcloud) Invalid choice: {other}")


def _money(text: str) -> dict[str, Any]:
    parts = re.fullmatch(r"(\d+)([A-Z]{3})?", text)
    assert parts is not None, text
    return {"currencyCode": parts[2], "units": parts[1]}
