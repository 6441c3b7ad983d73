"""The stages of opportunities: since when an opportunity is in its stage, and what each stage means.

Sources: Object Reference, Opportunity (`LastStageChangeDate`, of API version 52.0 and later: set by Salesforce, and by
no client) and OpportunityStage (the stages, with whether they are closed and won). Clients of public repositories take
the day of creation where `LastStageChangeDate` is empty, so it is empty until the stage changes.
"""

from collections.abc import Callable, Mapping

from localorg.schema.sobjects import SObject
from localorg.schema.standard import FORECASTS, STAGES

STAGE, SINCE = "StageName", "LastStageChangeDate"


def changed(
    sobject: SObject, before: Mapping[str, object], after: Mapping[str, object], stamp: str
) -> dict[str, object]:
    """What the org itself sets in an opportunity whose stage is another one after a change at the time `stamp`."""
    is_other = sobject.name == "Opportunity" and before[STAGE] != after[STAGE]
    return {SINCE: stamp} if is_other else {}


def is_closed(stage: str) -> bool:
    """Whether opportunities in this stage are closed."""
    return stage.startswith("Closed")


def is_won(stage: str) -> bool:
    """Whether opportunities in this stage are won."""
    return stage == "Closed Won"


def forecast(stage: str, chance: float) -> str:
    """The forecast category of a stage with this probability (per cent)."""
    if is_closed(stage):
        return "Closed" if is_won(stage) else "Omitted"
    return FORECASTS[1 + (chance >= 50) + (chance >= 90)]


def seed_stages(add: Callable[[str, dict[str, object]], str]) -> None:
    """Adds the stages of a new org; `add` adds a record of an object."""
    for order, (stage, chance) in enumerate(STAGES, 1):
        add(
            "OpportunityStage",
            {"MasterLabel": stage, "ApiName": stage, "IsActive": 1, "SortOrder": float(order),
             "IsClosed": int(is_closed(stage)), "IsWon": int(is_won(stage)),
             "ForecastCategoryName": forecast(stage, chance), "DefaultProbability": float(chance)},
        )  # fmt: skip
