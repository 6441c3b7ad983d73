// Made by `make openapi` from functions/contract of Salesforce Sample App 0.2.0; do not edit.
// Copy it into your project: docs/write-your-own-client.md says how it is used. Apache-2.0.

/** This app's access to the user's Salesforce: its state, the devices, and what happened to it, newest first. */
export interface Access {
  connection: ConnectionStatus;
  devices: SignedInDevice[];
  history: HistoryLine[];
}

/**
 * It was carried out. `values` are those of the answer that the action's words name, `opens` is the id of the
 * record to go to; `repeated` says that it was done for an earlier request with the same key, whose answer had
 * these.
 */
export interface ActionDone {
  values?: Record<string, FieldValue>;
  opens?: string | null;
  repeated?: boolean;
}

/**
 * An action that this user may run on records of an object, by its `name`. It shows while each field in
 * `shown_when` has one of the values there. Where it has a text to `confirm`, or questions, these are put first.
 * `says` is what is said afterwards: `{name}` in it stands for a value of the answer. `reads_again`: whether the
 * record may be another one then. `icon` is a word of Material's icon names; `in_menu` puts it into the record's
 * menu instead of among its buttons.
 */
export interface ActionShape {
  name: string;
  label: Record<string, string>;
  icon?: string;
  shownWhen?: Record<string, FieldValue[]>;
  confirm?: Record<string, string>;
  questions?: Question[];
  says?: Record<string, string>;
  readsAgain?: boolean;
  inMenu?: boolean;
}

/**
 * A task or an event. `who` is a contact or lead, `what` another record such as a deal, `account` the customer to
 * whom both belong. A task is due on `day`; an event goes from `starts` to `ends`, and one that is `allDay` from
 * `day` to `lastDay`. `isTask` and `isOpen` together: it can be completed. `result` is how a call went; `kind` is
 * a word of Salesforce's (Task, Call, Email, Event). `owner` is the name of whose it is.
 */
export interface Activity {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  sobject: string;
  subject?: string;
  isTask?: boolean;
  isOpen?: boolean;
  day?: string | null;
  lastDay?: string | null;
  /** format date-time */
  starts?: string | null;
  /** format date-time */
  ends?: string | null;
  allDay?: boolean;
  location?: string;
  kind?: string;
  result?: string;
  note?: string;
  owner?: string;
  who?: Party | null;
  what?: Party | null;
  account?: Party | null;
}

/** Which record to star, and what it is called. */
export interface AddFavorite {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  /** minLength 1, maxLength 255 */
  name: string;
}

/**
 * An address: what it is called in the user's language, and which field has which part of it ("" for none). In an
 * org with picklists of countries and states, `state` and `country` are texts that follow the codes, which are
 * what one chooses.
 */
export interface AddressShape {
  label: string;
  street?: string;
  postalCode?: string;
  city?: string;
  state?: string;
  country?: string;
  stateCode?: string;
  countryCode?: string;
}

/**
 * The Firebase app that this project's client is, and the reCAPTCHA Enterprise key with which a page proves it;
 * all public by design.
 */
export interface AppCheckApp {
  projectId: string;
  appId: string;
  apiKey: string;
  siteKey: string;
}

/**
 * The day of whoever asks, by their own clock and calendar, which only the app knows: its date, when it begins
 * and ends, and the first and last date of its week.
 */
export interface AskedDay {
  /** format date */
  today: string;
  /** format date-time */
  begins: string;
  /** format date-time */
  ends: string;
  /** format date */
  weekBegins: string;
  /** format date */
  weekEnds: string;
}

/** A record that another one became; `name` is "" where it was not read. */
export interface Became {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  name?: string;
}

/**
 * One of the records that a record becomes: its object, the field of the converted record that has its id, and
 * the one that has its name. `named_by` is the field after which a new one is called.
 */
export interface Becomes {
  sobject: string;
  field: string;
  name: string;
  namedBy?: string;
}

/**
 * A sign-in that is about to begin: where, the redirect URI, and the S256 code challenge of its PKCE verifier
 * (RFC 7636 section 4.2).
 */
export interface BeginSignIn {
  loginHost: string;
  redirectUri: string;
  codeChallenge: string;
}

/**
 * What a sign-in takes along, so that its tokens are good with one key only (DPoP, RFC 9449). `dpopJkt` is the
 * thumbprint of the key, the `dpop_jkt` of the authorize page; `begun` holds the key, sealed for this one
 * sign-in, and goes back with its code within ten minutes. Both are left out where this backend binds no tokens.
 */
export interface Begun {
  dpopJkt?: string | null;
  begun?: string | null;
}

/**
 * The columns in the order of the stages; one without records is among them. `currency` is the ISO 4217 code of
 * the currency to which the sums are converted, in an org with several; "" in others.
 */
export interface Board {
  columns: BoardColumn[];
  currency?: string;
}

/**
 * The records in a `stage`: how many they are, the sum of their amounts (left out when the user may not see it),
 * and the first `cards` of them. `label` is what people read for the stage, "" when it reads as it is. `cursor`
 * asks for the next cards; left out when all are here, or none is.
 */
export interface BoardColumn {
  stage: string;
  count: number;
  amount?: number | null;
  cards?: SalesforceRecord[];
  label?: string;
  cursor?: string | null;
}

/**
 * How records stand on a board: a column for each value of the picklist `stage`, in its order. `fields` are what
 * a card says below its title, the customer first. `since` are the fields that tell since when a record is in its
 * stage; the first that is filled counts. `closed` is the checkbox that says whether a record is closed, "" for
 * none; records in the stages `won` and `lost` are. Both are empty where Salesforce does not tell.
 */
export interface BoardShape {
  stage: string;
  fields?: string[];
  since?: string[];
  closed?: string;
  won?: string[];
  lost?: string[];
}

/** The ids of the task that says that one called, and of the one that follows. */
export interface CallLogged {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  followUp?: string | null;
}

/** A value that one may choose, and what people read for it. */
export interface Choice {
  value: string;
  label: Record<string, string>;
}

/**
 * Completes a task that is open, by the first status of the org that closes one; a task that is closed already
 * stays as it is. With `backTo` it gets that status back instead, if nobody has saved it since `version`;
 * otherwise the answer is ChangedMeanwhile.
 */
export interface CompleteTask {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  /** minLength 1, maxLength 255 */
  backTo?: string | null;
  version?: string | null;
}

/** The state of the user's connection (docs/reliability.md lists the states); times are ISO 8601. */
export interface ConnectionStatus {
  /** Today one of: fresh, refreshing, sending, sent-unknown, needs-sign-in, revoked. */
  state: string;
  generation: number;
  /** format date-time */
  signedInAt: string;
  /** format date-time */
  refreshedAt: string;
  loginHost: string;
  devices: number;
  staySignedIn: boolean;
  endedReason?: string | null;
}

/**
 * The statuses for converted records, in the org's order, and a few accounts and contacts of the names looked
 * for; a contact without an account is none that a record can be merged into.
 */
export interface Conversion {
  statuses: ConvertedStatus[];
  accounts?: Existing[];
  contacts?: Existing[];
}

/**
 * What a record becomes when it is converted: an account, a contact of it, and an opportunity where the user may
 * make one. The checkbox `flag` says that it is converted. `may_convert`: the user may make and change what it
 * takes, as far as Salesforce says before it is tried. `email` is the field with which a contact is recognised.
 */
export interface ConversionShape {
  flag: string;
  account: Becomes;
  contact: Becomes;
  opportunity?: Becomes | null;
  mayConvert?: boolean;
  email?: string;
}

/**
 * Converts a record: into the account `accountId`, or a new one; into its contact `contactId`, or a new one; into
 * a new opportunity called `opportunityName` (else after the company), or with `noOpportunity` into none.
 * `status` is one of getConversion, or else the org's first. `ownerId` owns what is new, else whoever owns the
 * record, which a queue cannot be. Salesforce converts a record once. One that is converted already answers with
 * what it has become, whoever converted it; so a call whose answer was lost is repeated. For a day an
 * `idempotencyKey` belongs to its request, as in createRecord.
 */
export interface ConvertLead {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  /** pattern ^[A-Za-z0-9_-]{1,100}$ */
  idempotencyKey?: string | null;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  accountId?: string | null;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  contactId?: string | null;
  /** maxLength 120 */
  opportunityName?: string | null;
  noOpportunity?: boolean;
  /** maxLength 255 */
  status?: string | null;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  ownerId?: string | null;
}

/**
 * What the record has become: the account, the contact, and the opportunity where one was made. `already`: it was
 * converted before this request, by an earlier one or by somebody else.
 */
export interface Converted {
  into?: Became[];
  already?: boolean;
}

/** A status that a converted record may get; `label` is what people read for it. */
export interface ConvertedStatus {
  value: string;
  label: string;
}

/**
 * With an `idempotencyKey` (letters, digits, - and _; at most 100), a repeat answers with the record made first.
 * For a day a key belongs to its object and fields: with others it is RefusedRequest(idempotency-key-reused).
 * What the org's duplicate rules take for a duplicate is MayBeDuplicate, unless `allowDuplicates` is true and the
 * rule lets it.
 */
export interface CreateRecord {
  sobject: string;
  fields: Record<string, FieldValue>;
  /** pattern ^[A-Za-z0-9_-]{1,100}$ */
  idempotencyKey?: string | null;
  allowDuplicates?: boolean | null;
}

/**
 * The id of a new record, and the record as it is now; left out when it could not be read, or was made by an
 * earlier request.
 */
export interface Created {
  id: string;
  record?: SalesforceRecord | null;
}

/**
 * The open pipeline by stage in the order of the stages, the newest accounts, what closes this month, the user's
 * open tasks. What the user may not see is left empty, and is named in `hidden`. `closing` and `tasks` hold the
 * most pressing first. `pipelineOf` is the object whose amounts the pipeline adds up, `currency` the ISO 4217
 * code of the currency to which they are converted for that, in an org with several.
 */
export interface Dashboard {
  pipeline: StageTotal[];
  newestAccounts: SalesforceRecord[];
  closing?: SalesforceRecord[];
  tasks?: SalesforceRecord[];
  pipelineOf?: string;
  hidden?: string[];
  currency?: string;
  day?: Day | null;
}

/**
 * What a day asks of a person: their tasks that are due, the newest first, their events of the day, their deals
 * that close in its week, and those without a next step. What the user may not see is named in `hidden`, and
 * `more` names what has more than came along.
 */
export interface Day {
  today: string;
  tasks?: Activity[];
  events?: Activity[];
  closing?: Deal[];
  stuck?: Deal[];
  hidden?: string[];
  more?: string[];
}

/**
 * An open deal: `stage` as people read it, `currency` the ISO 4217 code of its amount, "" when it is that of the
 * org.
 */
export interface Deal {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  name: string;
  stage?: string;
  amount?: number | null;
  currency?: string;
  closes?: string | null;
  customer?: Party | null;
}

/** Which record to delete. */
export interface DeleteRecord {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
}

/** Which object to describe. */
export interface Describe {
  sobject: string;
}

/** An empty request, or an empty answer. */
export type Empty = Record<string, never>;

/** An empty request, or an empty answer. */
export type EmptyRequest = Record<string, never>;

/**
 * The receipt for an erasure: the hash of its last audit entry ("" when nothing was stored), and when (ISO 8601).
 * Without `revoked_at_salesforce` Salesforce did not confirm; then the user removes the app in their Salesforce
 * settings.
 */
export interface Erased {
  receipt: string;
  /** format date-time */
  erasedAt: string;
  revokedAtSalesforce: boolean;
}

export interface ErrorAnswer {
  error: { status: string; message: string; details: { reason: string; retryAfter?: number; fields?: string[] } };
}

/**
 * A record that is there already, with the fields of its list. `account` is the id of the account that a contact
 * belongs to.
 */
export interface Existing {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  fields: Record<string, FieldValue>;
  account?: string;
  accountName?: string;
}

/**
 * A starred record. `id` is the favorite's own, by which it is removed, `record` the record's, `name` what it was
 * called when it was starred, or what the user calls it now.
 */
export interface Favorite {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  record: string;
  name: string;
}

/** The starred records of objects that the app shows and the user may see, in the user's order. */
export interface Favorites {
  favorites: Favorite[];
}

/**
 * What a form needs to know of a field. `type` is Salesforce's: string, picklist, currency, date, … `label` and
 * `labels` are in the user's language: what the field is called, and what people read for those picklist values
 * that read otherwise. `refers_to` are the objects that a reference may point to, `relationship` names its
 * parent, whose name is then at `{relationship}.Name`. `caption` is what people read over a reference, whose
 * `label` may name the id that it holds ("Account ID"); every other field is read by its label. `scale` is the
 * number of decimals, `currency` the ISO 4217 code of the amounts in a currency field, "" when it is not known,
 * or each record has its own: then `currency_field` is the picklist that has the record's, whose `decimals` say
 * by code how many decimals amounts have. A dependent picklist names the picklist or checkbox on which it
 * depends, its `controller`: `valid_for` says of each value with which of the controller's it may be chosen
 * ("true" and "false" of a checkbox), of others it is none. `labels_with` are by the controller's value the
 * labels of those values that read otherwise with it.
 */
export interface FieldShape {
  name: string;
  label: string;
  type: string;
  required: boolean;
  editable: boolean;
  creatable: boolean;
  length?: number;
  picklist?: string[];
  labels?: Record<string, string>;
  refersTo?: string[];
  relationship?: string | null;
  default?: FieldValue;
  help?: string | null;
  scale?: number;
  currency?: string;
  caption?: string | null;
  controller?: string;
  validFor?: Record<string, string[]>;
  currencyField?: string;
  decimals?: Record<string, number>;
  labelsWith?: Record<string, Record<string, string>>;
}

/**
 * The value of a field as Salesforce's REST API writes it: a date is `2026-11-24`, a date-time
 * `2026-11-24T08:00:00.000+0000` (one that is sent may have any offset), several picklist values are separated by
 * `;`, an empty field is null.
 */
export type FieldValue = string | boolean | number | null;

/**
 * A condition that listed records meet; `contains` is for texts, without regard to case. In an org with several
 * currencies amounts are compared by what they are worth: `value` is in `currency` (an ISO 4217 code, one of the
 * active ones), or in the corporate currency.
 */
export interface Filter {
  field: string;
  /** Today one of: eq, ne, lt, le, gt, ge, contains. */
  operator: string;
  value: FieldValue;
  /** pattern ^[A-Z]{3}$ */
  currency?: string | null;
}

/**
 * A condition that listed records meet; `contains` is for texts, without regard to case. In an org with several
 * currencies amounts are compared by what they are worth: `value` is in `currency` (an ISO 4217 code, one of the
 * active ones), or in the corporate currency.
 */
export interface FilterRequest {
  field: string;
  operator: "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "contains";
  value: FieldValue;
  /** pattern ^[A-Z]{3}$ */
  currency?: string | null;
}

/**
 * To whom a record of this object may be given: those in whose name the text occurs, the first ones without it;
 * `limit` is for queues and users each.
 */
export interface FindOwners {
  sobject: string;
  /** maxLength 100 */
  search?: string | null;
  /** minimum 1, maximum 200 */
  limit?: number;
}

/**
 * Where the app signs in to Firebase Authentication: the base addresses of its two APIs (Identity Toolkit, Secure
 * Token), and the API key, which is public by design.
 */
export interface FirebaseProject {
  apiKey: string;
  identityUrl: string;
  tokenUrl: string;
}

/** A task that comes out of a call. */
export interface FollowUp {
  /** minLength 1, maxLength 255 */
  subject: string;
  /** format date */
  day: string;
}

/**
 * The board of an object, of the records that meet all `filters` and have the text in them, as in listRecords.
 * With a `stage` only that column: its next cards after those that the `cursor` comes with, or its first.
 */
export interface GetBoard {
  sobject: string;
  /** maxLength 100 */
  search?: string | null;
  filters?: FilterRequest[];
  sort?: SortRequest | null;
  stage?: string | null;
  cursor?: string | null;
}

/**
 * What may be chosen when a record of this object is converted. `account` and `contact` are names and `email` an
 * address of what is looked for among the records that are there; "" looks for nothing.
 */
export interface GetConversion {
  sobject: string;
  /** maxLength 255 */
  account?: string;
  /** maxLength 255 */
  contact?: string;
  /** maxLength 255 */
  email?: string;
}

/** With a `day`, home begins with it: the answer has that day, and neither `closing` nor `tasks`. */
export interface GetDashboard {
  day?: AskedDay | null;
}

/** Asks for the bytes of a version of a file. */
export interface GetFile {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
}

/** Whose list views. */
export interface GetListViews {
  sobject: string;
}

/** Whose picklists: those of an object's records that have this record type. */
export interface GetPicklists {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  recordType: string;
}

/**
 * `related` names child relationships to come along, such as `Contacts` of an Account; with `timeline` its
 * activities come too, where its object has them (`SobjectShape.timeline`).
 */
export interface GetRecord {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  related?: string[];
  timeline?: boolean | null;
}

/**
 * A line of the audit record: what happened when (ISO 8601), by whom (`user`, `backend`, `schedule` or an
 * administrator), why.
 */
export interface HistoryLine {
  /** format date-time */
  at: string;
  /** Today one of: sign-in, refresh, refusal, revocation, erasure, block, unblock. */
  event: string;
  by: string;
  reason?: string;
}

/** A record that was found, with the fields of its list. */
export interface Hit {
  sobject: string;
  record: SalesforceRecord;
}

/** Object after object, `limit` for each at most. */
export interface Hits {
  hits: Hit[];
}

/** Asks for the files of a record, those that were changed last first. */
export interface ListFiles {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
}

/**
 * `search` looks in the object's name-like fields; `limit` is the page size, at most 200. A filter's value `me`
 * for a reference to a user is the caller. With a `listView` (one of getListViews, by its id) these are records
 * that the view shows; without a `sort` they are in its order.
 */
export interface ListRecords {
  sobject: string;
  /** maxLength 100 */
  search?: string | null;
  filters?: FilterRequest[];
  sort?: SortRequest | null;
  /** minimum 1, maximum 200 */
  limit?: number;
  cursor?: string | null;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  listView?: string | null;
}

/** A list view, by what it is called in Salesforce. */
export interface ListView {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  label: string;
}

/**
 * The list views of an object that can be shown here, as Salesforce orders them, at most 2,000; `complete` is
 * whether these are all.
 */
export interface ListViews {
  views: ListView[];
  complete?: boolean;
}

/**
 * A call that was made on `day`, as a completed task, and perhaps what follows, as another one: both are made, or
 * neither. `records` are those that it was about: a contact or a lead, and another one such as a deal; of each
 * kind one at most. `result` is how it went, in the person's words. With an `idempotencyKey` it is logged at most
 * once, as in createRecord.
 */
export interface LogCall {
  records: string[];
  /** minLength 1, maxLength 255 */
  subject: string;
  /** format date */
  day: string;
  /** maxLength 255 */
  result?: string;
  /** maxLength 4000 */
  note?: string;
  followUp?: FollowUp | null;
  /** pattern ^[A-Za-z0-9_-]{1,100}$ */
  idempotencyKey?: string | null;
}

/** A place to sign in at. A host that begins with `*.` means any My Domain below it; http is only for a local org. */
export interface LoginHost {
  host: string;
  label: string;
  /** Today one of: https, http. */
  scheme?: string;
}

/**
 * All objects that the app shows and the user may see, in the app's order; `site` is where Salesforce's own pages
 * stand.
 */
export interface Objects {
  objects: SobjectShape[];
  site: string;
}

/** A user with their title in the company, or a queue, by id. */
export interface Owner {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  name: string;
  isQueue?: boolean;
  title?: string | null;
}

/** The queues that take such records, then the active users, each by name. */
export interface Owners {
  owners: Owner[];
}

/** Whom or what an activity is about, with the ways to get in touch that Salesforce has of them. */
export interface Party {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  name: string;
  phone?: string;
  email?: string;
}

/**
 * How the records of an object that are people differ from the others, which are businesses: the checkbox `flag`
 * says of a record that it is one, `recordTypes` are those of them. A person has the fields in these `sections`,
 * of which the `required` ones cannot stay empty, and no name that is written: it is made of their parts.
 * `related` are the names of the related lists that a person has.
 */
export interface PersonShape {
  flag: string;
  recordTypes: string[];
  sections: Section[];
  required?: string[];
  related?: string[];
}

/**
 * What a picklist holds for records of a type: its `values`, the `labels` of those that read otherwise, the
 * `default` of a new record. `validFor` says of each value of a dependent picklist with which values of its
 * controlling field it may be chosen. `labelsWith` are by controlling value the labels of those values that read
 * otherwise with it, as the code of a state may mean another one in another country.
 */
export interface Picklist {
  values: string[];
  labels?: Record<string, string>;
  default?: string | null;
  validFor?: Record<string, string[]>;
  labelsWith?: Record<string, Record<string, string>>;
}

/** The picklists of a record type by field; one that is not named holds what its field says. */
export interface Picklists {
  fields: Record<string, Picklist>;
}

/** What a list is filtered and sorted by until the person chooses; a filter's value `me` is the caller. */
export interface Preset {
  filters: Filter[];
  sort?: Sort | null;
}

/** The signed-in user and what Salesforce's user record says of them; what is empty there is left out. */
export interface Profile {
  user: User;
  title?: string | null;
  companyName?: string | null;
  department?: string | null;
  phone?: string | null;
  mobilePhone?: string | null;
  profileName?: string | null;
  timeZone?: string | null;
}

/**
 * What is asked before an action runs; the answer goes along under `name`. `kind` says how: a `text` of so many
 * `lines`, a `number`, a `date` (2026-11-24), `yes-no`, or one of the `choices`.
 */
export interface Question {
  name: string;
  label: Record<string, string>;
  /** Today one of: text, number, date, yes-no, choice. */
  kind?: string;
  required?: boolean;
  lines?: number;
  choices?: Choice[];
}

/**
 * A record; `version` goes back with an update so that nobody's change is lost. A parent's field is
 * `Account.Name`.
 */
export interface SalesforceRecord {
  id: string;
  fields: Record<string, FieldValue>;
  version?: string | null;
}

/** A record and the children asked for, by the name of their relationship, and its activities if asked for. */
export interface RecordDetail {
  record: SalesforceRecord;
  related?: Record<string, SalesforceRecord[]>;
  timeline?: Timeline | null;
}

/** A file in its latest version: `id` is that version's, for getFile. `size` is in bytes. */
export interface RecordFile {
  id: string;
  title: string;
  extension: string;
  size: number;
  /** format date-time */
  changedAt: string;
}

/** The files of a record that this user may see, 200 at most. */
export interface RecordFiles {
  files?: RecordFile[];
}

/**
 * `cursor` asks for the next page, left out on the last; `total` is known when the first page is also the last.
 * `sort` is the order that a list view has brought.
 */
export interface RecordPage {
  records: SalesforceRecord[];
  cursor?: string | null;
  total?: number | null;
  sort?: Sort | null;
}

/**
 * A record type that the user may give a new record; `name` is in their language, `default` is true for the one
 * that Salesforce takes when none is said.
 */
export interface RecordType {
  id: string;
  name: string;
  default?: boolean;
}

/** Children that `getRecord` brings along under this name; `field` is the children's reference to the record. */
export interface RelatedList {
  name: string;
  sobject: string;
  label: string;
  field?: string | null;
}

/** Which favorite to remove, by its own id. One that is gone already is no error. */
export interface RemoveFavorite {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  favorite: string;
}

/**
 * Runs an action of the object's on a record. `answers` are those to its questions, by their name. With an
 * `idempotencyKey` it runs at most once, however often the request comes: for a day a key belongs to its action,
 * record and answers, as in createRecord. An action whose answer was lost is never sent to Salesforce again by
 * itself: that is OrgUnavailable(outcome-unknown).
 */
export interface RunAction {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  action: string;
  answers?: Record<string, FieldValue>;
  /** pattern ^[A-Za-z0-9_-]{1,100}$ */
  idempotencyKey?: string | null;
}

/**
 * Looks for words in all fields that Salesforce indexes, at least two letters; in `sobjects`, or in all that the
 * app shows.
 */
export interface Search {
  /** minLength 1, maxLength 100 */
  text: string;
  sobjects?: string[];
  /** minimum 1, maximum 200 */
  limit?: number;
}

/** A group of fields as Salesforce's page layout has it; "" is a group without a heading. */
export interface Section {
  heading: string;
  fields: string[];
}

/**
 * An authorization code with what proves that this app asked for it. The user reads `deviceName` in the list of
 * their devices; `begun` is what beginSignIn gave for it.
 */
export interface SignIn {
  code: string;
  codeVerifier: string;
  redirectUri: string;
  loginHost: string;
  deviceName?: string | null;
  begun?: string | null;
}

/**
 * What the app needs to open Salesforce's authorize page, and afterwards to sign in to Firebase; `app_check`
 * where calls are to bring App Check tokens.
 */
export interface SignInOptions {
  consumerKey: string;
  scope: string;
  loginHosts: LoginHost[];
  firebase: FirebaseProject;
  appCheck?: AppCheckApp | null;
}

/**
 * Signs out this device, or another one of the user's by its id. With the last one, or `everywhere`, this app's
 * access in Salesforce ends too.
 */
export interface SignOut {
  everywhere?: boolean;
  device?: string | null;
}

/** A Firebase custom token for signInWithCustomToken, and who it is for. */
export interface SignedIn {
  customToken: string;
  user: User;
}

/** A device on which the user is signed in; `signedInAt` is ISO 8601, `current` the one that asks. */
export interface SignedInDevice {
  id: string;
  name: string;
  /** format date-time */
  signedInAt: string;
  current: boolean;
}

/**
 * An object as this user may see and use it; all that a view needs to show its lists, records and forms. `title`
 * is the field that names a record, `stand_ins` those that name it while the title is empty, the best first.
 * `listed` are the fields of a list, `filters` those that a list offers to be filtered by and `sorts` to be
 * sorted by. `preset` is how a list begins, None for one that begins with all its records. `amount` is the field
 * whose amount is read at the end of a line, `date` the field that says when a record is due, each "" when there
 * is none. `icon` is a word of Material's icon names, `key_prefix` what the ids of its records begin with.
 * `owner` is the reference to who owns a record, "" when there is none: to a user, or to a queue as well.
 * `record_type` is the field that has a record's record type, "" where the object has none; its value is an id
 * for getPicklists. `record_types` are those that the user may give a new record. `persons` is there where some
 * of the records are people. `actions` are what the user may run on its records. `board` is there where records
 * can stand on a board, a column a stage, `conversion` where a record can become others. `done` is the checkbox
 * that says of a task that it is closed, where the user may complete one (completeTask), else "". `timeline` is
 * whether getRecord tells the activities of its records, `calls` whether the user may log a call with one
 * (logCall).
 */
export interface SobjectShape {
  sobject: string;
  label: string;
  labelPlural: string;
  fields: FieldShape[];
  title?: string;
  icon?: string;
  listed?: string[];
  filters?: string[];
  sorts?: string[];
  sort?: Sort | null;
  sections?: Section[];
  related?: RelatedList[];
  creatable?: boolean;
  editable?: boolean;
  deletable?: boolean;
  keyPrefix?: string;
  standIns?: string[];
  amount?: string;
  date?: string;
  addresses?: AddressShape[];
  owner?: string;
  recordType?: string;
  recordTypes?: RecordType[];
  persons?: PersonShape | null;
  preset?: Preset | null;
  actions?: ActionShape[];
  done?: string;
  timeline?: boolean;
  calls?: boolean;
  board?: BoardShape | null;
  conversion?: ConversionShape | null;
}

/** The field that a list is sorted by. */
export interface Sort {
  field: string;
  descending?: boolean;
}

/** The field that a list is sorted by. */
export interface SortRequest {
  field: string;
  descending?: boolean;
}

/**
 * How many opportunities are open in a stage, and the sum of their amounts. `label` is what people read for the
 * stage, in the user's language; "" when it reads as it is.
 */
export interface StageTotal {
  stage: string;
  count: number;
  amount: number;
  label?: string;
}

/**
 * The task as it is now: its fields and its version. `before` is the status that it had, left out where nothing
 * was changed.
 */
export interface TaskDone {
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  fields?: Record<string, FieldValue>;
  version?: string | null;
  before?: string | null;
}

/**
 * The activities of a record: what is open or comes, the next first, and what is past, the newest first. `more`
 * says that there are older ones.
 */
export interface Timeline {
  upcoming?: Activity[];
  past?: Activity[];
  more?: boolean;
}

/** `staySignedIn`: keep the access alive also while the app is not used for longer than Salesforce allows. */
export interface UpdateConnection {
  staySignedIn: boolean;
}

/**
 * The fields to change, and no others. With the `version` that the record came with, only if nobody has saved
 * since; otherwise the answer is ChangedMeanwhile. `allowDuplicates` as in createRecord.
 */
export interface UpdateRecord {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  fields: Record<string, FieldValue>;
  version?: string | null;
  allowDuplicates?: boolean | null;
}

/**
 * The record as it is after the change; only what was changed, without a version, when the user may see it no
 * more.
 */
export interface Updated {
  record: SalesforceRecord;
}

/**
 * Adds the file in the body to a record, under its `name` with its extension; the idempotency key is as in
 * createRecord.
 */
export interface UploadFile {
  sobject: string;
  /** pattern ^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$ */
  id: string;
  /** minLength 1, maxLength 200 */
  name: string;
  /** pattern ^[A-Za-z0-9_-]{1,100}$ */
  idempotencyKey?: string | null;
}

/** The file is in Salesforce, in the version with this id. */
export interface UploadedFile {
  id: string;
}

/** A Salesforce user: `uid` is the Firebase uid, `{orgId}_{userId}`; the ids have 18 characters. */
export interface User {
  uid: string;
  name: string;
  email: string;
  username: string;
  orgId: string;
  userId: string;
  photoUrl?: string | null;
}

/** A call that failed, by the backend's own answer. `reason` is stable: docs/errors.md says what to do about each. */
export class CallError extends Error {
  override name = "CallError";
  constructor(
    readonly status: string,
    readonly reason: string,
    message: string,
    /** Everything that the backend says of it; which keys there are depends on the reason. */
    readonly details: Record<string, unknown>,
  ) {
    super(message);
  }

  /** Seconds after which it may be tried again. */
  get retryAfter(): number | undefined {
    return typeof this.details.retryAfter === "number" ? this.details.retryAfter : undefined;
  }

  /** The fields that the failure is about. */
  get fields(): string[] {
    return Array.isArray(this.details.fields) ? this.details.fields : [];
  }
}

/** No answer came, or none that is the backend's: whether a change was made is not known. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

export interface ClientOptions {
  /** Firebase's ID token of who is signed in, for calls that need one: `() => auth.currentUser!.getIdToken()`. */
  idToken?: () => Promise<string> | string;
  /** A token of Firebase App Check, where the backend asks for them (`appCheck` of `getSignInOptions`). */
  appCheckToken?: () => Promise<string> | string;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
  /** Milliseconds until a call is given up; the backend answers within 28 seconds. */
  patience?: number;
}

export class SalesforceSample {
  private readonly base: string;

  /** `base` is the site's address, such as `https://your-project-id.web.app` or `http://127.0.0.1:5000`. */
  constructor(base: string, private readonly options: ClientOptions = {}) {
    this.base = base.replace(/\/+$/, "");
  }

  /** What an app needs to open Salesforce's authorize page and to sign in to Firebase. */
  getSignInOptions(data: EmptyRequest = {}): Promise<SignInOptions> {
    return this.call("/auth/getSignInOptions", data, true, false);
  }

  /** Makes the key to which the tokens of one sign-in will be bound; stores nothing. */
  beginSignIn(data: BeginSignIn): Promise<Begun> {
    return this.call("/auth/beginSignIn", data, true, true);
  }

  /** Exchanges an authorization code; the answer's custom token signs the app in to Firebase. */
  signIn(data: SignIn): Promise<SignedIn> {
    return this.call("/auth/signIn", data, true, true);
  }

  /** Signs out this device, another one, or everywhere. */
  signOut(data: SignOut): Promise<Empty> {
    return this.call("/auth/signOut", data, false, true);
  }

  /** Ends the access and deletes what is stored of the user; the answer is the receipt. */
  eraseMe(data: EmptyRequest = {}): Promise<Erased> {
    return this.call("/auth/eraseMe", data, false, true);
  }

  /** The state of the user's connection to Salesforce. */
  getConnection(data: EmptyRequest = {}): Promise<ConnectionStatus> {
    return this.call("/api/getConnection", data, false, true);
  }

  /** The connection, the devices, and what happened to them. */
  getAccess(data: EmptyRequest = {}): Promise<Access> {
    return this.call("/api/getAccess", data, false, true);
  }

  /** Says whether the access is kept alive while the app is not used. */
  updateConnection(data: UpdateConnection): Promise<ConnectionStatus> {
    return this.call("/api/updateConnection", data, false, true);
  }

  /** The signed-in user as Salesforce knows them. */
  getProfile(data: EmptyRequest = {}): Promise<Profile> {
    return this.call("/api/getProfile", data, false, true);
  }

  /** Home: what the day asks for, the open pipeline, new accounts. */
  getDashboard(data: GetDashboard): Promise<Dashboard> {
    return this.call("/api/getDashboard", data, false, true);
  }

  /** One object as this user may see and use it. */
  describe(data: Describe): Promise<SobjectShape> {
    return this.call("/api/describe", data, false, true);
  }

  /** All objects that the app shows and the user may see. */
  getObjects(data: EmptyRequest = {}): Promise<Objects> {
    return this.call("/api/getObjects", data, false, true);
  }

  /** What the picklists of a record type hold. */
  getPicklists(data: GetPicklists): Promise<Picklists> {
    return this.call("/api/getPicklists", data, false, true);
  }

  /** One page of a list: searched, filtered, sorted. */
  listRecords(data: ListRecords): Promise<RecordPage> {
    return this.call("/api/listRecords", data, false, true);
  }

  /** The org's list views of an object. */
  getListViews(data: GetListViews): Promise<ListViews> {
    return this.call("/api/getListViews", data, false, true);
  }

  /** Records by stage, with count and sum, or more of one stage. */
  getBoard(data: GetBoard): Promise<Board> {
    return this.call("/api/getBoard", data, false, true);
  }

  /** Users and queues to whom a record may be given. */
  findOwners(data: FindOwners): Promise<Owners> {
    return this.call("/api/findOwners", data, false, true);
  }

  /** Records of several objects in which words occur. */
  search(data: Search): Promise<Hits> {
    return this.call("/api/search", data, false, true);
  }

  /** One record, with the children asked for. */
  getRecord(data: GetRecord): Promise<RecordDetail> {
    return this.call("/api/getRecord", data, false, true);
  }

  /** Makes a record; with an idempotency key at most one. */
  createRecord(data: CreateRecord): Promise<Created> {
    return this.call("/api/createRecord", data, false, true);
  }

  /** Changes fields of a record, with a version only if nobody has saved since. */
  updateRecord(data: UpdateRecord): Promise<Updated> {
    return this.call("/api/updateRecord", data, false, true);
  }

  /** Deletes a record. */
  deleteRecord(data: DeleteRecord): Promise<Empty> {
    return this.call("/api/deleteRecord", data, false, true);
  }

  /** Runs an action on a record in Salesforce; with an idempotency key at most once. */
  runAction(data: RunAction): Promise<ActionDone> {
    return this.call("/api/runAction", data, false, true);
  }

  /** The files of a record. */
  listFiles(data: ListFiles): Promise<RecordFiles> {
    return this.call("/api/listFiles", data, false, true);
  }

  /** Adds a file to a record; its bytes are the body, the request is in a header. */
  uploadFile(data: UploadFile, file: Blob): Promise<UploadedFile> {
    return this.call("/api/uploadFile", data, false, true, file);
  }

  /** The bytes of a file. */
  getFile(data: GetFile): Promise<Blob> {
    return this.file("/api/getFile", data, false, true);
  }

  /** The records that the user has starred. */
  getFavorites(data: EmptyRequest = {}): Promise<Favorites> {
    return this.call("/api/getFavorites", data, false, true);
  }

  /** Stars a record; it is a favorite in Salesforce then. */
  addFavorite(data: AddFavorite): Promise<Favorite> {
    return this.call("/api/addFavorite", data, false, true);
  }

  /** Takes a star away. */
  removeFavorite(data: RemoveFavorite): Promise<Empty> {
    return this.call("/api/removeFavorite", data, false, true);
  }

  /** Completes a task, or gives one the status back that it had. */
  completeTask(data: CompleteTask): Promise<TaskDone> {
    return this.call("/api/completeTask", data, false, true);
  }

  /** Keeps that one has called, and what follows; with an idempotency key at most once. */
  logCall(data: LogCall): Promise<CallLogged> {
    return this.call("/api/logCall", data, false, true);
  }

  /** What may be chosen when a record is converted. */
  getConversion(data: GetConversion): Promise<Conversion> {
    return this.call("/api/getConversion", data, false, true);
  }

  /** Converts a lead; one that is converted already answers. */
  convertLead(data: ConvertLead): Promise<Converted> {
    return this.call("/api/convertLead", data, false, true);
  }

  private async call<T>(path: string, data: object, isPublic: boolean, isAttested: boolean, file?: Blob): Promise<T> {
    const got = await this.send(path, data, isPublic, isAttested, file);
    return this.result<T>(path, got.status, await got.json().catch(() => null));
  }

  private async file(path: string, data: object, isPublic: boolean, isAttested: boolean): Promise<Blob> {
    const got = await this.send(path, data, isPublic, isAttested, undefined, 58_000);
    if (got.ok) return got.blob().catch(() => { throw new NoAnswer(`${path} broke off`); });
    return this.result<never>(path, got.status, await got.json().catch(() => null));
  }

  private async send(
    path: string, data: object, isPublic: boolean, isAttested: boolean, file?: Blob,
    patience = file ? 58_000 : 33_000,
  ): Promise<Response> {
    const headers: Record<string, string> = { "Content-Type": file ? "application/octet-stream" : "application/json" };
    if (file) headers["X-Callable-Data"] = encodeURIComponent(JSON.stringify(data));
    if (!isPublic) {
      if (!this.options.idToken) throw new Error(`${path} needs the option idToken`);
      headers.Authorization = `Bearer ${await this.options.idToken()}`;
    }
    if (isAttested && this.options.appCheckToken) headers["X-Firebase-AppCheck"] = await this.options.appCheckToken();
    const send = this.options.fetch ?? fetch;
    try {
      const signal = AbortSignal.timeout(this.options.patience ?? patience);
      const body = file ?? JSON.stringify({ data });
      return await send(this.base + path, { method: "POST", headers, body, signal });
    } catch {
      throw new NoAnswer(`${path} was not answered`);
    }
  }

  private result<T>(path: string, status: number, answer: unknown): T {
    if (answer === null) throw new NoAnswer(`${path} answered ${status} without JSON`);
    const { result, error } = answer as { result?: T; error?: ErrorAnswer["error"] };
    if (error) throw new CallError(error.status, error.details?.reason ?? "", error.message, error.details ?? {});
    if (result === undefined) throw new NoAnswer(`${path} answered ${status} without a result`);
    return result;
  }
}
