"""Labels in the language of each user: nobody reads another's, and they follow a user who changes theirs."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.records.describe import DESCRIBE_SECONDS
from backend.values import Caller
from contract.calls import Describe, Empty, GetRecord, ListRecords, SobjectShape
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from localorg.clock import to_datetime
from tests.functions.instances import Instances

YESTERDAY = to_datetime((datetime.now(UTC) - timedelta(days=1)).timestamp())
GERMAN, JAPANESE = "readonly@localorg.test", SALES


@pytest.fixture(scope="module")
def mixed_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20)) as org:
        speak(org, GERMAN, "de")
        speak(org, JAPANESE, "ja")
        org.save("mixed")
        yield org


@pytest.fixture
async def mixed(mixed_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    mixed_org.restore("mixed")
    instances = Instances(mixed_org)
    yield instances
    await instances.http.close()


def speak(org: EmbeddedOrg, username: str, language: str) -> None:
    """Gives a user a language, in an org that says that its describes are as they were yesterday."""
    assert org.org is not None
    with org.org.write() as db:
        db.execute("UPDATE User SET LanguageLocaleKey = ? WHERE Username = ?", (language, username))
        for table in ("User", "Organization"):
            db.execute(f"UPDATE {table} SET SystemModstamp = ?, CreatedDate = ?", (YESTERDAY, YESTERDAY))
        db.execute("UPDATE meta SET value = ? WHERE key = 'schema changed'", (YESTERDAY,))


async def _caller(mixed: Instances, username: str) -> Caller:
    uid, _ = await mixed.connect(username)
    return Caller(uid, username)


def _read(shape: SobjectShape) -> tuple[str, str, str, str]:
    """The label of the object, of its reference to an account, of a field, and of its first section."""
    fields = {f.name: f for f in shape.fields}
    return shape.label, fields["AccountId"].caption or "", fields["Title"].label, shape.sections[0].heading


ENGLISH_WORDS = ("Contact", "Account Name", "Title", "Contact Information")
GERMAN_WORDS = ("Kontakt", "Accountname", "Titel", "Kontaktinformationen")
JAPANESE_WORDS = ("取引先責任者", "取引先名", "役職", "取引先責任者情報")


async def test_two_users_of_one_org_never_read_each_others_labels(mixed: Instances) -> None:
    people = [
        (await _caller(mixed, ADMIN), ENGLISH_WORDS),
        (await _caller(mixed, GERMAN), GERMAN_WORDS),
        (await _caller(mixed, JAPANESE), JAPANESE_WORDS),
    ]
    for turn in range(9):
        caller, words = people[(turn * 2) % 3]
        queries = mixed.each[turn % 4].queries
        assert _read(await queries.describe(caller, Describe("Contact"))) == words
        objects = (await queries.get_objects(caller, Empty())).objects
        assert next(o.label for o in objects if o.sobject == "Contact") == words[0]
        if turn % 4 == 3:
            await mixed.clock.sleep(DESCRIBE_SECONDS + 1)


async def test_values_on_the_wire_stay_and_what_people_read_for_them_is_theirs(mixed: Instances) -> None:
    caller = await _caller(mixed, JAPANESE)
    queries = mixed.each[0].queries
    shape = await queries.describe(caller, Describe("Opportunity"))
    stage = next(f for f in shape.fields if f.name == "StageName")
    assert stage.picklist[0] == "Prospecting"
    assert stage.labels["Closed Won"] == "商談成立"
    page = await queries.list_records(caller, ListRecords("Opportunity"))
    assert {r.fields["StageName"] for r in page.records} <= set(stage.picklist)
    account = str(page.records[0].fields["AccountId"])
    detail = await queries.get_record(caller, GetRecord("Account", account, ("Opportunities",)))
    assert {r.fields["StageName"] for r in detail.related["Opportunities"]} <= set(stage.picklist)
    home = await queries.get_dashboard(caller, Empty())
    assert [t.stage for t in home.pipeline] == [s for s in stage.picklist if s in {t.stage for t in home.pipeline}]
    assert [t.label for t in home.pipeline] == [stage.labels[t.stage] for t in home.pipeline]


@pytest.mark.parametrize("through", ["describe", "get_objects"])
async def test_labels_follow_a_user_who_changes_their_language_though_the_describes_stay_unchanged(
    mixed: Instances, through: str
) -> None:
    """Salesforce answers If-Modified-Since by what was changed in Setup; a user's language is not part of that."""
    caller = await _caller(mixed, ADMIN)
    queries = mixed.each[0].queries

    async def look() -> tuple[str, str, str, str]:
        if through == "describe":
            return _read(await queries.describe(caller, Describe("Contact")))
        objects = (await queries.get_objects(caller, Empty())).objects
        return _read(next(o for o in objects if o.sobject == "Contact"))

    def asked() -> int:
        return sum(n for kind, n in control(mixed.org.url, "counters").items() if kind == "rest.composite")

    assert await look() == ENGLISH_WORDS
    await mixed.clock.sleep(DESCRIBE_SECONDS + 1)
    control(mixed.org.url, "counters/reset")
    assert await look() == ENGLISH_WORDS
    assert asked() == 1, "it is the same request that also says the language"
    speak(mixed.org, ADMIN, "de")
    await mixed.clock.sleep(DESCRIBE_SECONDS + 1)
    assert await look() == GERMAN_WORDS
    assert asked() == 3, "once more, without the stamps of the other language"
    await mixed.clock.sleep(DESCRIBE_SECONDS + 1)
    assert await look() == GERMAN_WORDS
    assert asked() == 4
