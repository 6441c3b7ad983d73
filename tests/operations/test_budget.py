"""The budget alert on the billing account: made when asked for, changed with its amount, refused in one line."""

from pathlib import Path

import pytest

from devtools.deploy import budget
from devtools.deploy.cloud import DeployError
from devtools.deploy.steps import Target
from tests.operations.fake_billing import ACCOUNT
from tests.operations.project import PROJECT, World


def with_budget(amount: str) -> Target:
    return Target(PROJECT, "eur3", budget=budget.amount(amount))


def test_without_an_amount_nothing_of_it_happens(world: World) -> None:
    world.deploy(Target(PROJECT, "eur3", budget=budget.amount("")))
    assert "budgets" not in world.read()
    assert not [c for c in world.read()["changes"] if "billing" in c]
    assert "billingbudgets.googleapis.com" not in world.read()["apis"]


def test_it_is_made_once_and_for_this_project_only(world: World) -> None:
    world.deploy(with_budget("50"))
    (made,) = world.read()["budgets"]
    assert made["budgetFilter"] == {"projects": [f"projects/{PROJECT}"]}
    assert made["amount"]["specifiedAmount"] == {"currencyCode": "EUR", "units": "50"}
    assert made["thresholdRules"] == ["percent=0.5", "percent=0.9", "percent=1.0"]
    assert world.plan(with_budget("50")) == 0
    assert world.plan(with_budget("50EUR")) == 0


@pytest.mark.parametrize("amount", ["80", "80EUR"])
def test_another_amount_changes_it(world: World, amount: str) -> None:
    world.deploy(with_budget("50"))
    assert world.plan(with_budget(amount)) == 1
    world.deploy(with_budget(amount))
    assert len(world.read()["budgets"]) == 1
    assert world.plan(with_budget(amount)) == 0


def test_without_a_right_to_the_billing_account_one_line_says_which_before_anything_else_is_made(world: World) -> None:
    world.set(budgetsRefused=True)
    with pytest.raises(DeployError) as refused:
        world.deploy(with_budget("50"))
    assert "\n" not in str(refused.value)
    assert f"billing account {ACCOUNT}: ask its administrator for roles/billing.costsManager" in str(refused.value)
    assert [c[1:3] for c in world.read()["changes"]] == [["services", "enable"]] * 2, "twenty at a time"
    world.deploy(Target(PROJECT, "eur3"))
    assert world.read()["uploads"] == ["firestore", "functions", "hosting"], "without BUDGET the next run goes on"


def test_without_a_billing_account_one_line_says_so(world: World) -> None:
    world.set(apis=[*world.read()["apis"], *budget.APIS], billing=False)
    with pytest.raises(DeployError, match="the project has no billing account"):
        budget.missing(world.cloud(), "50")


@pytest.mark.parametrize("text", ["much", "-5", "5.12", "0", "5 EUR", "5eur", "EUR5", "0x10"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(DeployError, match="is no amount for a month"):
        budget.amount(text)


def test_of_an_amount_with_cents_gcloud_would_make_another_one() -> None:
    """Why only whole amounts are taken: its parser gives the cents as billionths."""
    library = Path("/usr/lib/google-cloud-sdk/lib")
    parser = (library / "googlecloudsdk/command_lib/billingbudgets/hooks.py").read_text()
    assert "nanos = int(money_array[1])" in parser, "mended there: cents may be taken here"
