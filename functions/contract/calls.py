"""Every call: its name, what goes in, what comes out. The wire is Firebase's callable protocol."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, TypeVar, cast
from unicodedata import east_asian_width

from contract.actions import ActionDone, ActionShape, RunAction
from contract.activities import AskedDay, CallLogged, CompleteTask, Day, LogCall, TaskDone, Timeline
from contract.boards import Board, BoardShape, GetBoard
from contract.conversion import Conversion, ConversionShape, Converted, ConvertLead, GetConversion
from contract.favorites import AddFavorite, Favorite, Favorites, RemoveFavorite
from contract.files import (
    FILE_ANSWER_SECONDS,
    FILE_SECONDS,
    GetFile,
    ListFiles,
    RecordFiles,
    UploadedFile,
    UploadFile,
)
from contract.list_views import GetListViews, ListViews
from contract.picklists import Picklists, RecordType
from contract.sign_in import BeginSignIn, Begun
from contract.values import (
    IDEMPOTENCY_KEY,
    MAX_SEARCH,
    FieldValue,
    Filter,
    Limits,
    Record,
    RecordId,
    Sobject,
    Sort,
    Time,
)

MAX_BODY = 1024 * 1024  # bytes of a request
MAX_PUBLIC_BODY = 16 * 1024  # of a call that anybody may make
MAX_PAGE = 200
MIN_SEARCH = 2  # characters
KIND, QUEUE = "Type", "Queue"  # the field that says what an owner is, and the word with which it says a queue
NAME = "Name"  # the field that names a record, where an object does not say otherwise
LAST_CHANGED_BY, LAST_CHANGED_AT = "LastModifiedBy.Name", "LastModifiedDate"  # fields that every getRecord brings
CALL_SECONDS = 25.0  # what a call may take in the backend, waiting, refresh and retries included
ANSWER_SECONDS = 28.0  # by then the backend has answered, cleaning up after a failure included
APP_SECONDS = 35.0  # and for so long an app waits for the answer


def is_search(text: str) -> bool:
    """Whether a text is long enough to be searched for: two letters or digits, or one letter of Chinese, Japanese or
    Korean, which may be a whole name.
    """
    letters = [c for c in text if c.isalnum()]
    return len(letters) >= MIN_SEARCH or any(east_asian_width(c) in "WF" for c in letters)


PageSize = Annotated[int, Limits(minimum=1, maximum=MAX_PAGE)]


@dataclass(frozen=True, slots=True)
class Empty:
    """An empty request, or an empty answer."""


@dataclass(frozen=True, slots=True)
class LoginHost:
    """A place to sign in at.

    A host that begins with `*.` means any My Domain below it; http is only for a local org.
    """

    host: str
    label: str
    scheme: Literal["https", "http"] = "https"


@dataclass(frozen=True, slots=True)
class FirebaseProject:
    """Where the app signs in to Firebase Authentication: the base addresses of its two APIs (Identity Toolkit, Secure
    Token), and the API key, which is public by design.
    """

    api_key: str
    identity_url: str
    token_url: str


@dataclass(frozen=True, slots=True)
class AppCheckApp:
    """The Firebase app that this project's client is, and the reCAPTCHA Enterprise key with which a page proves it; all
    public by design.
    """

    project_id: str
    app_id: str
    api_key: str
    site_key: str


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """What the app needs to open Salesforce's authorize page, and afterwards to sign in to Firebase; `app_check` where
    calls are to bring App Check tokens."""

    consumer_key: str
    scope: str
    login_hosts: tuple[LoginHost, ...]
    firebase: FirebaseProject
    app_check: AppCheckApp | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """An authorization code with what proves that this app asked for it.

    The user reads `deviceName` in the list of their devices; `begun` is what beginSignIn gave for it.
    """

    code: str
    code_verifier: str
    redirect_uri: str
    login_host: str
    device_name: str | None = None
    begun: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A Salesforce user: `uid` is the Firebase uid, `{orgId}_{userId}`; the ids have 18 characters."""

    uid: str
    name: str
    email: str
    username: str
    org_id: str
    user_id: str
    photo_url: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """A Firebase custom token for signInWithCustomToken, and who it is for."""

    custom_token: str
    user: User


@dataclass(frozen=True, slots=True)
class SignOut:
    """Signs out this device, or another one of the user's by its id. With the last one, or `everywhere`, this app's
    access in Salesforce ends too."""

    everywhere: bool = False
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt for an erasure: the hash of its last audit entry ("" when nothing was stored), and when (ISO 8601).

    Without `revoked_at_salesforce` Salesforce did not confirm; then the user removes the app in their Salesforce
    settings.
    """

    receipt: str
    erased_at: Time
    revoked_at_salesforce: bool


# Words of answers, which a later release may add to: an app takes one that it does not know as text.
ConnectionState = Literal["fresh", "refreshing", "sending", "sent-unknown", "needs-sign-in", "revoked"] | str


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The state of the user's connection (docs/reliability.md lists the states); times are ISO 8601."""

    state: ConnectionState
    generation: int
    signed_in_at: Time
    refreshed_at: Time
    login_host: str
    devices: int
    stay_signed_in: bool
    ended_reason: str | None = None


@dataclass(frozen=True, slots=True)
class SignedInDevice:
    """A device on which the user is signed in; `signedInAt` is ISO 8601, `current` the one that asks."""

    id: str
    name: str
    signed_in_at: Time
    current: bool


HistoryEvent = Literal["sign-in", "refresh", "refusal", "revocation", "erasure", "block", "unblock"] | str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A line of the audit record: what happened when (ISO 8601), by whom (`user`, `backend`, `schedule` or an
    administrator), why.
    """

    at: Time
    event: HistoryEvent
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """This app's access to the user's Salesforce: its state, the devices, and what happened to it, newest first."""

    connection: ConnectionStatus
    devices: tuple[SignedInDevice, ...]
    history: tuple[HistoryLine, ...]


@dataclass(frozen=True, slots=True)
class UpdateConnection:
    """`staySignedIn`: keep the access alive also while the app is not used for longer than Salesforce allows."""

    stay_signed_in: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """The signed-in user and what Salesforce's user record says of them; what is empty there is left out."""

    user: User
    title: str | None = None
    company_name: str | None = None
    department: str | None = None
    phone: str | None = None
    mobile_phone: str | None = None
    profile_name: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class ListRecords:
    """`search` looks in the object's name-like fields; `limit` is the page size, at most 200.

    A filter's value `me` for a reference to a user is the caller. With a `listView` (one of getListViews, by its id)
    these are records that the view shows; without a `sort` they are in its order.
    """

    sobject: Sobject
    search: Annotated[str | None, Limits(max_length=MAX_SEARCH)] = None
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    limit: PageSize = 25
    cursor: str | None = None
    list_view: RecordId | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """`cursor` asks for the next page, left out on the last; `total` is known when the first page is also the last.
    `sort` is the order that a list view has brought."""

    records: tuple[Record, ...]
    cursor: str | None = None
    total: int | None = None
    sort: Sort | None = None


@dataclass(frozen=True, slots=True)
class GetRecord:
    """`related` names child relationships to come along, such as `Contacts` of an Account; with `timeline` its
    activities come too, where its object has them (`SobjectShape.timeline`)."""

    sobject: Sobject
    id: RecordId
    related: tuple[str, ...] = ()
    timeline: bool | None = None


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """A record and the children asked for, by the name of their relationship, and its activities if asked for."""

    record: Record
    related: dict[str, tuple[Record, ...]] = field(default_factory=dict[str, tuple[Record, ...]])
    timeline: Timeline | None = None


@dataclass(frozen=True, slots=True)
class CreateRecord:
    """With an `idempotencyKey` (letters, digits, - and _; at most 100), a repeat answers with the record made first.

    For a day a key belongs to its object and fields: with others it is RefusedRequest(idempotency-key-reused). What the
    org's duplicate rules take for a duplicate is MayBeDuplicate, unless `allowDuplicates` is true and the rule lets it.
    """

    sobject: Sobject
    fields: dict[str, FieldValue]
    idempotency_key: Annotated[str | None, Limits(pattern=IDEMPOTENCY_KEY)] = None
    allow_duplicates: bool | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The id of a new record, and the record as it is now; left out when it could not be read, or was made by an
    earlier request.
    """

    id: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """The fields to change, and no others. With the `version` that the record came with, only if nobody has saved
    since; otherwise the answer is ChangedMeanwhile. `allowDuplicates` as in createRecord.
    """

    sobject: Sobject
    id: RecordId
    fields: dict[str, FieldValue]
    version: str | None = None
    allow_duplicates: bool | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """The record as it is after the change; only what was changed, without a version, when the user may see it no
    more."""

    record: Record


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Which record to delete."""

    sobject: Sobject
    id: RecordId


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for words in all fields that Salesforce indexes, at least two letters; in `sobjects`, or in all that the
    app shows.
    """

    text: Annotated[str, Limits(min_length=1, max_length=MAX_SEARCH)]
    sobjects: tuple[Sobject, ...] = ()
    limit: PageSize = 25


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found, with the fields of its list."""

    sobject: Sobject
    record: Record


@dataclass(frozen=True, slots=True)
class Hits:
    """Object after object, `limit` for each at most."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class FindOwners:
    """To whom a record of this object may be given: those in whose name the text occurs, the first ones without it;
    `limit` is for queues and users each.
    """

    sobject: Sobject
    search: Annotated[str | None, Limits(max_length=MAX_SEARCH)] = None
    limit: PageSize = 25


@dataclass(frozen=True, slots=True)
class Owner:
    """A user with their title in the company, or a queue, by id."""

    id: RecordId
    name: str
    is_queue: bool = False
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Owners:
    """The queues that take such records, then the active users, each by name."""

    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    """Which object to describe."""

    sobject: Sobject


@dataclass(frozen=True, slots=True)
class FieldShape:
    """What a form needs to know of a field. `type` is Salesforce's: string, picklist, currency, date, …

    `label` and `labels` are in the user's language: what the field is called, and what people read for those picklist
    values that read otherwise. `refers_to` are the objects that a reference may point to, `relationship` names its
    parent, whose name is then at `{relationship}.Name`. `caption` is what people read over a reference, whose `label`
    may name the id that it holds ("Account ID"); every other field is read by its label. `scale` is the number of
    decimals, `currency` the ISO 4217 code of the amounts in a currency field, "" when it is not known, or each record
    has its own: then `currency_field` is the picklist that has the record's, whose `decimals` say by code how many
    decimals amounts have.

    A dependent picklist names the picklist or checkbox on which it depends, its `controller`: `valid_for` says of each
    value with which of the controller's it may be chosen ("true" and "false" of a checkbox), of others it is none.
    `labels_with` are by the controller's value the labels of those values that read otherwise with it.
    """

    name: str
    label: str
    type: str
    required: bool
    editable: bool
    creatable: bool
    length: int = 0
    picklist: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict[str, str])
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    default: FieldValue = None
    help: str | None = None
    scale: int = 0
    currency: str = ""
    caption: str | None = None
    controller: str = ""
    valid_for: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    currency_field: str = ""
    decimals: dict[str, int] = field(default_factory=dict[str, int])
    labels_with: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def parent_name(self) -> str:
        """The field that has the name of the record that this reference points to."""
        return f"{self.relationship}.{NAME}"

    @property
    def parent_kind(self) -> str:
        """The field that says what that record is, for a reference that may point to several objects (`refers_to`): a
        record has it where its owner may be a user or a queue."""
        return f"{self.relationship}.{KIND}"


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields as Salesforce's page layout has it; "" is a group without a heading."""

    heading: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RelatedList:
    """Children that `getRecord` brings along under this name; `field` is the children's reference to the record."""

    name: str
    sobject: Sobject
    label: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class AddressShape:
    """An address: what it is called in the user's language, and which field has which part of it ("" for none).

    In an org with picklists of countries and states, `state` and `country` are texts that follow the codes, which are
    what one chooses.
    """

    label: str
    street: str = ""
    postal_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    state_code: str = ""
    country_code: str = ""


@dataclass(frozen=True, slots=True)
class PersonShape:
    """How the records of an object that are people differ from the others, which are businesses: the checkbox `flag`
    says of a record that it is one, `recordTypes` are those of them.

    A person has the fields in these `sections`, of which the `required` ones cannot stay empty, and no name that is
    written: it is made of their parts. `related` are the names of the related lists that a person has.
    """

    flag: str
    record_types: tuple[str, ...]
    sections: tuple[Section, ...]
    required: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """What a list is filtered and sorted by until the person chooses; a filter's value `me` is the caller."""

    filters: tuple[Filter, ...]
    sort: Sort | None = None


@dataclass(frozen=True, slots=True)
class SobjectShape:
    """An object as this user may see and use it; all that a view needs to show its lists, records and forms.

    `title` is the field that names a record, `stand_ins` those that name it while the title is empty, the best first.
    `listed` are the fields of a list, `filters` those that a list offers to be filtered by and `sorts` to be sorted by.
    `preset` is how a list begins, None for one that begins with all its records.
    `amount` is the field whose amount is read at the end of a line, `date` the field that says when a record is due,
    each "" when there is none. `icon` is a word of Material's icon names, `key_prefix` what the ids of its records
    begin with. `owner` is the reference to who owns a record, "" when there is none: to a user, or to a queue as well.

    `record_type` is the field that has a record's record type, "" where the object has none; its value is an id for
    getPicklists. `record_types` are those that the user may give a new record. `persons` is there where some of the
    records are people. `actions` are what the user may run on its records. `board` is there where records can stand on
    a board, a column a stage, `conversion` where a record can become others.

    `done` is the checkbox that says of a task that it is closed, where the user may complete one (completeTask), else
    "". `timeline` is whether getRecord tells the activities of its records, `calls` whether the user may log a call
    with one (logCall).
    """

    sobject: str
    label: str
    label_plural: str
    fields: tuple[FieldShape, ...]
    title: str = NAME
    icon: str = "list"
    listed: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    sort: Sort | None = None
    sections: tuple[Section, ...] = ()
    related: tuple[RelatedList, ...] = ()
    creatable: bool = False
    editable: bool = False
    deletable: bool = False
    key_prefix: str = ""
    stand_ins: tuple[str, ...] = ()
    amount: str = ""
    date: str = ""
    addresses: tuple[AddressShape, ...] = ()
    owner: str = ""
    record_type: str = ""
    record_types: tuple[RecordType, ...] = ()
    persons: PersonShape | None = None
    preset: Preset | None = None
    actions: tuple[ActionShape, ...] = ()
    done: str = ""
    timeline: bool = False
    calls: bool = False
    board: BoardShape | None = None
    conversion: ConversionShape | None = None


@dataclass(frozen=True, slots=True)
class GetPicklists:
    """Whose picklists: those of an object's records that have this record type."""

    sobject: Sobject
    record_type: RecordId


@dataclass(frozen=True, slots=True)
class Objects:
    """All objects that the app shows and the user may see, in the app's order; `site` is where Salesforce's own pages
    stand.
    """

    objects: tuple[SobjectShape, ...]
    site: str


@dataclass(frozen=True, slots=True)
class StageTotal:
    """How many opportunities are open in a stage, and the sum of their amounts. `label` is what people read for the
    stage, in the user's language; "" when it reads as it is.
    """

    stage: str
    count: int
    amount: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class GetDashboard(Empty):
    """With a `day`, home begins with it: the answer has that day, and neither `closing` nor `tasks`."""

    day: AskedDay | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The open pipeline by stage in the order of the stages, the newest accounts, what closes this month, the user's
    open tasks.

    What the user may not see is left empty, and is named in `hidden`. `closing` and `tasks` hold the most pressing
    first. `pipelineOf` is the object whose amounts the pipeline adds up, `currency` the ISO 4217 code of the currency
    to which they are converted for that, in an org with several.
    """

    pipeline: tuple[StageTotal, ...]
    newest_accounts: tuple[Record, ...]
    closing: tuple[Record, ...] = ()
    tasks: tuple[Record, ...] = ()
    pipeline_of: Sobject = ""
    hidden: tuple[Literal["pipeline", "closing", "tasks", "newestAccounts"] | str, ...] = ()
    currency: str = ""
    day: Day | None = None


Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Call(Generic[Request, Answer]):
    """One call of a function: `POST /{function}/{name}`; `summary` says in a line what it is for.

    `public`: needs no Firebase ID token. `reads`: changes nothing anywhere, so that it may be made again. `writes`:
    changes a record, so that a lost answer leaves open whether it was changed. `while_blocked`: also for users whom an
    administrator has blocked, because it only takes access away. `attested`: needs an App Check token where the backend
    asks for them. `file`: the body of its request (`up`) or of its answer (`down`) is a file's bytes.
    """

    function: Literal["auth", "api"]
    name: str
    request: type[Request]
    answer: type[Answer]
    summary: str
    public: bool = False
    reads: bool = False
    writes: bool = False
    while_blocked: bool = False
    attested: bool = True
    file: Literal["", "up", "down"] = ""

    @property
    def seconds(self) -> float:
        """What the call may take in the backend."""
        return FILE_SECONDS if self.file else CALL_SECONDS

    @property
    def answer_seconds(self) -> float:
        """By when the backend has answered it."""
        return FILE_ANSWER_SECONDS if self.file else ANSWER_SECONDS

    @property
    def path(self) -> str:
        """The path below the address of the backend, such as `api/getRecord`."""
        return f"{self.function}/{self.name}"


GET_SIGN_IN_OPTIONS = Call(
    "auth",
    "getSignInOptions",
    Empty,
    SignInOptions,
    "What an app needs to open Salesforce's authorize page and to sign in to Firebase.",
    public=True,
    attested=False,
)  # it says how to get a token
BEGIN_SIGN_IN = Call(
    "auth",
    "beginSignIn",
    BeginSignIn,
    Begun,
    "Makes the key to which the tokens of one sign-in will be bound; stores nothing.",
    public=True,
    reads=True,
)
SIGN_IN = Call(
    "auth",
    "signIn",
    SignIn,
    SignedIn,
    "Exchanges an authorization code; the answer's custom token signs the app in to Firebase.",
    public=True,
)
SIGN_OUT = Call(
    "auth", "signOut", SignOut, Empty, "Signs out this device, another one, or everywhere.", while_blocked=True
)
ERASE_ME = Call(
    "auth",
    "eraseMe",
    Empty,
    Erased,
    "Ends the access and deletes what is stored of the user; the answer is the receipt.",
    while_blocked=True,
)
GET_CONNECTION = Call(
    "api", "getConnection", Empty, ConnectionStatus, "The state of the user's connection to Salesforce.", reads=True
)
GET_ACCESS = Call(
    "api", "getAccess", Empty, Access, "The connection, the devices, and what happened to them.", reads=True
)
UPDATE_CONNECTION = Call(
    "api",
    "updateConnection",
    UpdateConnection,
    ConnectionStatus,
    "Says whether the access is kept alive while the app is not used.",
)
GET_PROFILE = Call("api", "getProfile", Empty, Profile, "The signed-in user as Salesforce knows them.", reads=True)
GET_DASHBOARD = Call(
    "api",
    "getDashboard",
    GetDashboard,
    Dashboard,
    "Home: what the day asks for, the open pipeline, new accounts.",
    reads=True,
)
DESCRIBE = Call("api", "describe", Describe, SobjectShape, "One object as this user may see and use it.", reads=True)
GET_OBJECTS = Call(
    "api", "getObjects", Empty, Objects, "All objects that the app shows and the user may see.", reads=True
)
GET_PICKLISTS = Call(
    "api", "getPicklists", GetPicklists, Picklists, "What the picklists of a record type hold.", reads=True
)
LIST_RECORDS = Call(
    "api", "listRecords", ListRecords, RecordPage, "One page of a list: searched, filtered, sorted.", reads=True
)
GET_LIST_VIEWS = Call("api", "getListViews", GetListViews, ListViews, "The org's list views of an object.", reads=True)
GET_BOARD = Call(
    "api", "getBoard", GetBoard, Board, "Records by stage, with count and sum, or more of one stage.", reads=True
)
FIND_OWNERS = Call(
    "api", "findOwners", FindOwners, Owners, "Users and queues to whom a record may be given.", reads=True
)
SEARCH = Call("api", "search", Search, Hits, "Records of several objects in which words occur.", reads=True)
GET_RECORD = Call("api", "getRecord", GetRecord, RecordDetail, "One record, with the children asked for.", reads=True)
CREATE_RECORD = Call(
    "api", "createRecord", CreateRecord, Created, "Makes a record; with an idempotency key at most one.", writes=True
)
UPDATE_RECORD = Call(
    "api",
    "updateRecord",
    UpdateRecord,
    Updated,
    "Changes fields of a record, with a version only if nobody has saved since.",
    writes=True,
)
DELETE_RECORD = Call("api", "deleteRecord", DeleteRecord, Empty, "Deletes a record.", writes=True)
RUN_ACTION = Call(
    "api",
    "runAction",
    RunAction,
    ActionDone,
    "Runs an action on a record in Salesforce; with an idempotency key at most once.",
    writes=True,
)
LIST_FILES = Call("api", "listFiles", ListFiles, RecordFiles, "The files of a record.", reads=True)
UPLOAD_FILE = Call(
    "api",
    "uploadFile",
    UploadFile,
    UploadedFile,
    "Adds a file to a record; its bytes are the body, the request is in a header.",
    writes=True,
    file="up",
)
GET_FILE = Call("api", "getFile", GetFile, bytes, "The bytes of a file.", reads=True, file="down")
GET_FAVORITES = Call("api", "getFavorites", Empty, Favorites, "The records that the user has starred.", reads=True)
ADD_FAVORITE = Call(
    "api", "addFavorite", AddFavorite, Favorite, "Stars a record; it is a favorite in Salesforce then.", writes=True
)
REMOVE_FAVORITE = Call("api", "removeFavorite", RemoveFavorite, Empty, "Takes a star away.", writes=True)

COMPLETE_TASK = Call(
    "api",
    "completeTask",
    CompleteTask,
    TaskDone,
    "Completes a task, or gives one the status back that it had.",
    writes=True,
)
LOG_CALL = Call(
    "api",
    "logCall",
    LogCall,
    CallLogged,
    "Keeps that one has called, and what follows; with an idempotency key at most once.",
    writes=True,
)
GET_CONVERSION = Call(
    "api", "getConversion", GetConversion, Conversion, "What may be chosen when a record is converted.", reads=True
)
CONVERT_LEAD = Call(
    "api", "convertLead", ConvertLead, Converted, "Converts a lead; one that is converted already answers.", writes=True
)

CALLS: tuple[Call[Any, Any], ...] = tuple(
    cast(Call[Any, Any], value) for value in list(globals().values()) if isinstance(value, Call)
)
