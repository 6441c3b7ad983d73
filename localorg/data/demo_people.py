"""The demo data's customers who are people, in an org of the shape `person-accounts`."""

import random
from datetime import datetime, timedelta
from typing import Protocol

from localorg.org import Org
from localorg.schema.person_accounts import IS_PERSON, PERSON_CONTACT, twins

_PEOPLE = (
    ("Ms.", "Aiko", "Fujita", "Osaka", "Japan"), ("Mr.", "Bruno", "Carvalho", "São Paulo", "Brazil"),
    ("Dr.", "Clara", "Hofmann", "Berlin", "Germany"), ("Mr.", "Dylan", "Price", "Bristol", "United Kingdom"),
    ("Ms.", "Esther", "Okafor", "Toronto", "Canada"), ("Mr.", "Félix", "Girard", "Lyon", "France"),
    ("Ms.", "Gita", "Deshpande", "Pune", "India"), ("Mr.", "Håkan", "Nilsson", "Malmö", "Sweden"),
    ("Ms.", "Ivy", "Sandoval", "Austin", "USA"), ("Mr.", "João", "Teixeira", "Porto", "Portugal"),
    ("Prof.", "Katrin", "Meier", "Zürich", "Switzerland"), (None, None, "Lovelace", "Chicago", "USA"),
)  # fmt: skip


class Writer(Protocol):
    """What the demo data is written with."""

    when: datetime

    def add(self, sobject: str, values: dict[str, object]) -> str:
        """Adds a record and returns its new id."""
        ...

    def coming(self, sobject: str) -> str:
        """The id that the next record of an object gets."""
        ...


def add(org: Org, rng: random.Random, now: datetime, writer: Writer) -> None:
    """Adds these people, each an account with their contact and a deal."""
    accounts, contacts = org.objects["Account"], org.objects["Contact"]
    number = next(n for n, t in enumerate(accounts.record_types) if t.person)
    common = twins(accounts, contacts)
    for salutation, first, last, city, country in _PEOPLE:
        writer.when = now - timedelta(days=rng.randint(1, 400), seconds=rng.randint(0, 86_000))
        person: dict[str, object] = {
            "Salutation": salutation, "FirstName": first, "LastName": last,
            "PersonEmail": f"{last.lower()}@people.example", "Phone": f"+44 20 7946 {rng.randint(0, 999):04d}",
            "PersonMobilePhone": f"+44 7700 900{rng.randint(0, 999):03d}",
            "PersonMailingCity": city, "PersonMailingCountry": country,
        }  # fmt: skip
        account = writer.add(
            "Account",
            {**person, "RecordTypeId": accounts.record_type_id(number), IS_PERSON: 1,
             PERSON_CONTACT: writer.coming("Contact"), "Rating": rng.choice(("Hot", "Warm", "Cold")),
             "BillingCity": city, "BillingCountry": country},
        )  # fmt: skip
        contact = {common[name]: value for name, value in person.items() if name in common}
        writer.add("Contact", {**contact, "AccountId": account, IS_PERSON: 1})
        writer.add(
            "Opportunity",
            {"AccountId": account, "Name": f"{last} – Service plan", "StageName": "Qualification",
             "Amount": float(rng.randint(1, 20) * 100),
             "CloseDate": (now + timedelta(days=rng.randint(10, 90))).date().isoformat()},
        )  # fmt: skip
