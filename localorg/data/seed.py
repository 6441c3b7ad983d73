"""The demo data: a small sales org, which is the same for the same seed and day."""

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from localorg.clock import to_datetime
from localorg.data import addresses, demo_people, owners, stages
from localorg.data.passwords import set_password
from localorg.data.record_types import typed
from localorg.data.records import derive
from localorg.org import Org
from localorg.schema.ids import make_id
from localorg.schema.sobjects import SObject
from localorg.schema.standard import ACCOUNT_TYPES, INDUSTRIES, INTERESTS, LEAD_SOURCES, RATINGS, STAGES
from localorg.schema.task_statuses import CLOSED
from localorg.settings import CONSUMER_KEY, CONSUMER_SECRET, PASSWORD, OrgSettings

_FIRST = (
    "Amelia", "Noah", "Yuki", "Mateo", "Priya", "Liam", "Chloé", "Hans", "Sofia", "Omar", "Ingrid", "Kwame", "Elena",
    "Jonas", "Mei", "Lucas",
    "Fatima", "Oliver", "Zoë", "Diego", "Hannah", "Tariq", "Nora", "Pavel", "Grace", "Søren", "Leila", "Marco", "Anna",
    "Thabo",
)  # fmt: skip
_LAST = (
    "Andersson", "Brooks", "Chen", "Dubois", "Eriksen", "Fischer", "García", "Hughes", "Ivanova", "Jensen", "Kowalski",
    "Lindqvist", "Moreau",
    "Nakamura", "O'Brien", "Patel", "Quinn", "Rossi", "Schneider", "Tanaka", "Ueda", "Vargas", "Weber", "Xu", "Yilmaz",
    "Zimmermann",
)  # fmt: skip
_STEM = (
    "Alder", "Beacon", "Cedar", "Delta", "Ember", "Falcon", "Granite", "Harbor", "Iris", "Juniper", "Keystone", "Lumen",
    "Meridian", "Northwind",
    "Orchard", "Pinnacle", "Quarry", "Ridge", "Summit", "Tidewater", "Umbra", "Verdant", "Willow", "Xenon", "Yarrow",
    "Zephyr", "Aster", "Bramble",
)  # fmt: skip
_TAIL = (
    "Industries",
    "Logistics",
    "Foods",
    "Health",
    "Energy",
    "Systems",
    "Partners",
    "Works",
    "Media",
    "Labs",
    "Textiles",
    "Robotics",
    "Capital",
    "Travel",
)
# City, state, country, and the degrees of latitude and longitude of its middle.
_PLACE = (
    ("Berlin", "Berlin", "Germany", 52.52, 13.405), ("Lyon", "Auvergne-Rhône-Alpes", "France", 45.764, 4.8357),
    ("Austin", "TX", "USA", 30.2672, -97.7431), ("Osaka", "Osaka", "Japan", 34.6937, 135.5023), ("Toronto", "ON",
        "Canada", 43.6532, -79.3832),
    ("Bristol", "England", "United Kingdom", 51.4545, -2.5879), ("Porto", "Porto", "Portugal", 41.1579, -8.6291),
    ("Malmö", "Skåne", "Sweden", 55.605, 13.0038), ("Chicago", "IL", "USA", 41.8781, -87.6298), ("Pune", "Maharashtra",
        "India", 18.5204, 73.8567),
    ("São Paulo", "SP", "Brazil", -23.5505, -46.6333), ("Zürich", "ZH", "Switzerland", 47.3769, 8.5417),
)  # fmt: skip
_STREET = ("Harbour Street", "Market Square", "Station Road", "Mill Lane", "Park Avenue", "Canal Walk", "Foundry Way")
_TITLES = (
    "Chief Financial Officer",
    "Head of Purchasing",
    "IT Director",
    "Operations Lead",
    "Sales Manager",
    "Office Manager",
    "Managing Director",
)
_DEALS = ("Renewal", "Expansion", "Pilot", "Platform rollout", "Support plan", "New site", "Training package")
_SUBJECTS = (
    "Delivery was late",
    "Invoice does not match order",
    "Cannot sign in to portal",
    "Question about warranty",
    "Wrong part shipped",
)
_TODO = ("Call back", "Send quote", "Prepare meeting", "Check contract", "Follow up on demo")
# Days from the day on which the org is made, for the first records of each kind.
_CLOSING_SOON = (3, 0, 6, 1, 9, 14)  # the first open opportunities, but never after the end of that month
_DUE_SOON = (0, -1, 2, 0, -3, 1)  # the first tasks; all others are due later
_BATCH = 2000
ADMIN = "admin@localorg.test"

ZONE = "Europe/Berlin"  # the time zone of every user
SCOPES = "api id profile email openid refresh_token web"  # the scopes of the demo app
PROFILES = ("System Administrator", "Standard User", "Read Only")
USERS = (
    ("sales@localorg.test", "Sam", "Sales", "Account Executive", "Standard User"),
    (ADMIN, "Ada", "Admin", "System Administrator", "System Administrator"),
    ("readonly@localorg.test", "Rea", "Donly", "Analyst", "Read Only"),
)
# In an org of the shape `no-api-user`: without API Enabled, and without any opportunities.
LESS_ACCESS = (
    ("noapi@localorg.test", "Noah", "Plain", "Account Executive", "Sales Without API"),
    ("service@localorg.test", "Sue", "Service", "Service Agent", "Service Agent"),
)


def demo_users(settings: OrgSettings) -> tuple[tuple[str, str, str, str, str], ...]:
    """The users of an org: username, first and last name, title, profile."""
    return (*USERS, *LESS_ACCESS) if "no-api-user" in settings.shape else USERS


def seed(org: Org) -> None:
    """Fills a new org: organization, profiles, users, the demo app, and `settings.accounts` accounts with their
    contacts, opportunities, cases, and tasks.
    """
    settings = org.settings
    rng = random.Random(settings.seed)
    writer = _Writer(org)
    now = datetime.fromtimestamp(org.clock.now(), UTC)
    people = demo_users(settings)
    names = dict.fromkeys((*PROFILES, *(profile for *_, profile in people)))
    profiles = {name: writer.add("Profile", {"Name": name}) for name in names}
    writer.user = make_id("005", 2)  # the administrator creates the following records
    users: list[str] = []
    for username, first, last, title, profile in people:
        users.append(
            writer.add(
                "User",
                {"Username": username, "Alias": first[:3].lower(), "CommunityNickname": username.split("@")[0],
                 "FirstName": first, "LastName": last, "Email": username, "Title": title,
                 "CompanyName": "Local Org Trading",
                 "Department": "Sales", "Phone": "+49 30 901820", "City": "Berlin", "Country": "Germany",
                 "ProfileId": profiles[profile],
                 "IsActive": 1, "TimeZoneSidKey": ZONE, "LocaleSidKey": "en_GB", "LanguageLocaleKey": "en_US"},
            )
        )  # fmt: skip
    writer.add(
        "Organization",
        {"Name": "Local Org Trading", "InstanceName": "LOC1", "IsSandbox": 0, "OrganizationType": "Developer Edition"},
    )
    stages.seed_stages(writer.add)
    statuses = org.objects["Task"].by_name["status"].picklist
    for place, status in enumerate(statuses):
        told = {"MasterLabel": status, "ApiName": status, "SortOrder": place + 1}
        writer.add("TaskStatus", {**told, "IsDefault": int(place == 0), "IsClosed": int(status in CLOSED)})
    writer.user = users[0]
    days = _Days(now)
    for n in range(settings.accounts):
        _account(rng, writer, n, now, days)
    for _ in range(max(10, settings.accounts // 4)):
        _lead(rng, writer, now)
    queues = dict[str, str]()
    if owners.SHAPE in settings.shape:
        writer.user = users[1]
        queues = owners.seed_queues(writer.add, [users[0], users[1]])
    if "person-accounts" in settings.shape:
        demo_people.add(org, random.Random(settings.seed), now, writer)
    writer.finish()
    owners.fill_queues(org, queues)
    with org.write() as db:
        for user in users:
            set_password(db, user, PASSWORD)
        columns = "consumer_key, consumer_secret, name, callbacks, scopes, pkce_required, secret_required, rotation"
        callbacks = "http://localhost:1717/OauthRedirect"
        apps = (
            (CONSUMER_KEY, CONSUMER_SECRET, settings.app_name, "", SCOPES, 1, 1, 1),
            # Salesforce's command-line client uses this key, which exists in every org (no secret, localhost only).
            ("PlatformCLI", "", "Salesforce CLI", callbacks, "api web refresh_token", 0, 0, 0),
        )
        db.executemany(f"INSERT INTO app ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", apps)


def _account(rng: random.Random, w: "_Writer", n: int, now: datetime, days: "_Days") -> None:
    stem, tail = _STEM[n % len(_STEM)], _TAIL[(n // len(_STEM)) % len(_TAIL)]
    cycle = n // (len(_STEM) * len(_TAIL))
    name = f"{stem} {tail}" + (f" {cycle + 1}" if cycle else "")
    city, state, country, latitude, longitude = rng.choice(_PLACE)
    domain = name.lower().replace(" ", "-") + ".example"
    w.when = now - timedelta(days=rng.randint(1, 900), seconds=rng.randint(0, 86_000))
    account = w.add(
        "Account",
        {"Name": name, "Type": rng.choice(ACCOUNT_TYPES), "Industry": rng.choice(INDUSTRIES),
         "Rating": rng.choice(RATINGS),
         "AnnualRevenue": float(rng.randint(2, 900) * 100_000), "NumberOfEmployees": float(rng.randint(5, 9000)),
         "Phone": _phone(rng),
         "Website": f"https://www.{domain}", "AccountNumber": f"A-{n + 1:06d}",
         "BillingStreet": f"{rng.randint(1, 199)} {rng.choice(_STREET)}",
         "BillingCity": city, "BillingState": state, "BillingPostalCode": f"{rng.randint(10000, 99999)}",
         "BillingCountry": country,
         "BillingLatitude": latitude, "BillingLongitude": longitude,
         "Description": f"{tail} company in {city}; "
                        f"customer of the {rng.choice(('north', 'south', 'east', 'west'))} team."},
    )  # fmt: skip
    contacts: list[str] = []
    for _ in range(rng.randint(1, 4)):
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        email = f"{_ascii(first)}.{_ascii(last)}@{domain}"
        contacts.append(
            w.add(
                "Contact",
                {"AccountId": account, "Salutation": rng.choice(("Mr.", "Ms.", "Dr.")), "FirstName": first,
                 "LastName": last,
                 "Title": rng.choice(_TITLES), "Email": email, "Phone": _phone(rng), "MobilePhone": _phone(rng),
                 "LeadSource": rng.choice(LEAD_SOURCES), "MailingCity": city, "MailingCountry": country},
            )
        )  # fmt: skip
    for _ in range(rng.randint(0, 3)):
        stage, _probability = rng.choice(STAGES)
        closed = stage.startswith("Closed")
        close = days.before(rng.randint(1, 300)) if closed else days.closing(rng.randint(5, 180))
        w.add(
            "Opportunity",
            {"AccountId": account, "Name": f"{name} – {rng.choice(_DEALS)}", "StageName": stage,
             "Amount": float(rng.randint(5, 400) * 1000),
             "CloseDate": close.isoformat(), "Type": "New Customer", "LeadSource": rng.choice(LEAD_SOURCES),
             "NextStep": rng.choice(_TODO),
             stages.SINCE: to_datetime((now - (now - w.when) * (n % 7) / 14).timestamp()) if n % 7 else None},
        )  # fmt: skip
    if rng.random() < 0.5:
        status = rng.choice(("New", "Working", "Escalated", "Closed"))
        w.add(
            "Case",
            {
                "AccountId": account,
                "ContactId": contacts[0],
                "Subject": rng.choice(_SUBJECTS),
                "Status": status,
                "Priority": "Medium",
                "Origin": "Email",
            },
        )
    if rng.random() < 0.6:
        due = days.due(rng.randint(-10, 30)).isoformat()
        w.add(
            "Task",
            {
                "WhoId": contacts[0],
                "WhatId": account,
                "AccountId": account,
                "Subject": rng.choice(_TODO),
                "ActivityDate": due,
                "Status": w.first_status,
                "Priority": "Normal",
            },
        )


def _lead(rng: random.Random, w: "_Writer", now: datetime) -> None:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    w.when = now - timedelta(days=rng.randint(1, 200))
    company = f"{rng.choice(_STEM)} {rng.choice(_TAIL)}"
    w.add(
        "Lead",
        {"FirstName": first, "LastName": last, "Company": company, "Title": rng.choice(_TITLES), "Phone": _phone(rng),
         "Email": f"{_ascii(first)}.{_ascii(last)}@{company.lower().replace(' ', '-')}.example",
         "Status": "Open - Not Contacted",
         "LeadSource": rng.choice(LEAD_SOURCES), "Rating": rng.choice(RATINGS), "Industry": rng.choice(INDUSTRIES),
         "Interests__c": ";".join(i for i in INTERESTS if rng.random() < 0.4) or None},
    )  # fmt: skip


def _phone(rng: random.Random) -> str:
    return f"+44 20 7946 {rng.randint(0, 999):04d}"  # numbers that Ofcom reserves for fiction


def _ascii(name: str) -> str:
    for there, here in (("é", "e"), ("ë", "e"), ("ø", "o"), ("í", "i"), ("'", "")):
        name = name.replace(there, here)
    return name.lower()


class _Days:
    """Dates relative to the day on which the org is made."""

    def __init__(self, now: datetime) -> None:
        self._today = now.astimezone(ZoneInfo(ZONE)).date()
        self._month_ends = (self._today.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        self._soon = list(reversed(_CLOSING_SOON))
        self._pressing = list(reversed(_DUE_SOON))

    def before(self, days: int) -> date:
        """The date so many days before that day."""
        return self._today - timedelta(days=days)

    def closing(self, days: int) -> date:
        """The close date of an open opportunity: so many days later, but the first few close this month."""
        if self._soon:
            return min(self._today + timedelta(days=self._soon.pop()), self._month_ends)
        return self._today + timedelta(days=days)

    def due(self, days: int) -> date:
        """The due date of a task: about so many days later, but the first few are due around today, some of
        them late.
        """
        return self._today + timedelta(days=self._pressing.pop() if self._pressing else 2 + abs(days))


class _Writer:
    """Collects rows and writes them in batches, which is much faster for many rows."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._rows: dict[str, list[tuple[object, ...]]] = {}
        # Orgs of different seeds have different ids, so that one backend can tell them apart.
        self._last: dict[str, int] = {"00D": (org.settings.seed - 1) % 62**8}
        self.user = ""
        self.first_status = org.objects["Task"].by_name["status"].picklist[0]  # of a task that nobody has begun
        self.when = datetime.fromtimestamp(org.clock.now(), UTC)

    def add(self, sobject: str, values: dict[str, object]) -> str:
        """Adds a record and returns its new id."""
        spec = self._org.objects[sobject]
        number = self._last.get(spec.prefix, 0) + 1
        self._last[spec.prefix] = number
        identifier = make_id(spec.prefix, number)
        stamp = to_datetime(self.when.timestamp())
        row = {f.name: values.get(f.name, f.default) for f in spec.fields if f.stored}
        row |= {
            "Id": identifier,
            "CreatedDate": stamp,
            "LastModifiedDate": stamp,
            "SystemModstamp": stamp,
            "IsDeleted": 0,
        }
        row |= {"CreatedById": self.user, "LastModifiedById": self.user}
        if spec.record_types and row.get("RecordTypeId") is None:
            row |= typed(spec, row, number)
        for whole in spec.fields:
            if whole.coded:
                addresses.with_codes(str(whole.compound), row)
        if spec.field("OwnerId"):
            row["OwnerId"] = self.user
        if spec.field("CaseNumber"):
            row["CaseNumber"] = f"{number + 1000:08d}"
        derive(spec, row)
        rows = self._rows.setdefault(sobject, [])
        rows.append(tuple(row.values()))
        if len(rows) >= _BATCH:
            self._flush(spec, rows)
        return identifier

    def coming(self, sobject: str) -> str:
        """The id that the next record of an object gets."""
        prefix = self._org.objects[sobject].prefix
        return make_id(prefix, self._last.get(prefix, 0) + 1)

    def finish(self) -> None:
        """Writes what has not been written yet."""
        for sobject, rows in self._rows.items():
            self._flush(self._org.objects[sobject], rows)
        with self._org.write() as db:
            db.executemany("INSERT INTO sequence VALUES (?, ?)", self._last.items())

    def _flush(self, spec: SObject, rows: list[tuple[object, ...]]) -> None:
        names = [f'"{f.name}"' for f in spec.fields if f.stored]
        batch: Iterable[tuple[object, ...]] = rows
        with self._org.write() as db:
            db.executemany(
                f'INSERT INTO "{spec.name}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})', batch
            )
        rows.clear()
