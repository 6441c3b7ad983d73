"""The objects that every org has: their fields with Salesforce's types, picklists and relationships.

Source of names, types and lengths: Salesforce Object Reference.
"""

from dataclasses import replace

from localorg.schema.activities import activities, related
from localorg.schema.sobjects import ChildRelationship, Field, Schema, SObject
from localorg.schema.task_statuses import USUAL

INDUSTRIES = (
    "Agriculture", "Banking", "Biotechnology", "Chemicals", "Construction", "Consulting", "Education", "Electronics",
    "Energy", "Engineering", "Finance", "Healthcare", "Hospitality", "Insurance", "Manufacturing", "Media", "Retail",
    "Technology", "Telecommunications", "Transportation", "Utilities", "Other",
)  # fmt: skip
ACCOUNT_TYPES = (
    "Prospect",
    "Customer - Direct",
    "Customer - Channel",
    "Channel Partner / Reseller",
    "Technology Partner",
    "Other",
)
RATINGS = ("Hot", "Warm", "Cold")
STAGES: tuple[tuple[str, int], ...] = (
    ("Prospecting", 10), ("Qualification", 10), ("Needs Analysis", 20), ("Value Proposition", 50),
    ("Id. Decision Makers", 60), ("Perception Analysis", 70), ("Proposal/Price Quote", 75),
    ("Negotiation/Review", 90), ("Closed Won", 100), ("Closed Lost", 0),
)  # fmt: skip
INTERESTS = ("Hardware", "Software", "Services", "Training")
CASE_REASONS = (
    "Installation",
    "Equipment Complexity",
    "Performance",
    "Breakdown",
    "Equipment Design",
    "Feedback",
    "Other",
)
FORECASTS = ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")


def _text(name: str, label: str, length: int = 255, *, required: bool = False, kind: str = "string") -> Field:
    return Field(name, label, kind, length, required)


def _pick(name: str, label: str, values: tuple[str, ...], *, required: bool = False, default: object = None) -> Field:
    return Field(name, label, "picklist", 255, required, values, default=default)


def _ref(
    name: str, label: str, to: str, relationship: str, *, system: bool = False, others: tuple[str, ...] = ()
) -> Field:
    return Field(name, label, "reference", 18, refers_to=to, relationship=relationship, system=system, others=others)


def _number(name: str, label: str, kind: str = "double") -> Field:
    return Field(name, label, kind, 0)


def _address(prefix: str, label: str) -> tuple[Field, ...]:
    parts = (
        ("Street", "Street", "textarea", 255), ("City", "City", "string", 40), ("State", "State/Province", "string",
            80),
        ("PostalCode", "Zip/Postal Code", "string", 20), ("Country", "Country", "string", 80),
        ("Latitude", "Latitude", "double", 0), ("Longitude", "Longitude", "double", 0),
    )  # fmt: skip
    whole = Field(f"{prefix}Address", f"{label} Address".strip(), "address", 0, compound=prefix)
    return (
        *(
            Field(prefix + name, f"{label} {part_label}".strip(), kind, length, within=whole.name)
            for name, part_label, kind, length in parts
        ),
        whole,
    )


_ID = Field("Id", "Record ID", "id", 18, system=True)
_STAMPS = (
    Field("IsDeleted", "Deleted", "boolean", 0, system=True, default=False),
    Field("CreatedDate", "Created Date", "datetime", 0, system=True),
    _ref("CreatedById", "Created By ID", "User", "CreatedBy", system=True),
    Field("LastModifiedDate", "Last Modified Date", "datetime", 0, system=True),
    _ref("LastModifiedById", "Last Modified By ID", "User", "LastModifiedBy", system=True),
    Field("SystemModstamp", "System Modstamp", "datetime", 0, system=True),
)
# The account of What, else that of Who. Source: Object Reference, Task, AccountId.
_OF_ACCOUNT = replace(_ref("AccountId", "Account ID", "Account", "Account"), calculated=True)
OWNER = _ref("OwnerId", "Owner ID", "User", "Owner")
QUEUE_OWNER = replace(OWNER, others=("Group",))  # cases, leads and custom objects may belong to a queue
SYSTEM = (_ID, *_STAMPS)  # the fields that every object has
_PERSON = (
    _pick("Salutation", "Salutation", SALUTATIONS),
    _text("FirstName", "First Name", 40),
    _text("LastName", "Last Name", 80, required=True),
    Field("Name", "Full Name", "string", 121, calculated=True),
)

_FILES = ChildRelationship("ContentDocumentLinks", "ContentDocumentLink", "LinkedEntityId")

_RECORDS = Schema(
    (
        SObject(
            "Account", "Account", "Accounts", "001",
            (
                _ID,
                _text("Name", "Account Name", required=True),
                _pick("Type", "Account Type", ACCOUNT_TYPES),
                _ref("ParentId", "Parent Account ID", "Account", "Parent"),
                _pick("Industry", "Industry", INDUSTRIES),
                _number("AnnualRevenue", "Annual Revenue", "currency"),
                _number("NumberOfEmployees", "Employees", "int"),
                _pick("Rating", "Account Rating", RATINGS),
                _text("Phone", "Account Phone", 40, kind="phone"),
                _text("Fax", "Account Fax", 40, kind="phone"),
                _text("Website", "Website", kind="url"),
                _text("AccountNumber", "Account Number", 40),
                _text("Site", "Account Site", 80),
                _pick("Ownership", "Ownership", ("Public", "Private", "Subsidiary", "Other")),
                _text("TickerSymbol", "Ticker Symbol", 20),
                _text("Sic", "SIC Code", 20),
                _text("SicDesc", "SIC Description", 80),
                _pick("AccountSource", "Account Source", LEAD_SOURCES),
                _text("Jigsaw", "Data.com Key", 20),
                Field("JigsawCompanyId", "Jigsaw Company ID", "string", 20, calculated=True),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                Field("LastViewedDate", "Last Viewed Date", "datetime", 0, system=True, seen_by="ViewedDate"),
                Field("LastReferencedDate", "Last Referenced Date", "datetime", 0, system=True,
                      seen_by="ReferencedDate"),
                Field("External_Id__c", "External ID", "string", 64, external_id=True, unique=True),
                _text("Description", "Account Description", 32000, kind="textarea"),
                *_address("Billing", "Billing"),
                *_address("Shipping", "Shipping"),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Contacts", "Contact", "AccountId"),
                ChildRelationship("Opportunities", "Opportunity", "AccountId"),
                ChildRelationship("Cases", "Case", "AccountId"),
                ChildRelationship("ChildAccounts", "Account", "ParentId"),
                ChildRelationship("Tasks", "Task", "WhatId"),
                ChildRelationship("Events", "Event", "WhatId"),
                *related("Account"),
                _FILES,
            ),
        ),
        SObject(
            "Contact", "Contact", "Contacts", "003",
            (
                _ID,
                _ref("AccountId", "Account ID", "Account", "Account"),
                *_PERSON,
                _text("Title", "Title", 128),
                _text("Department", "Department", 80),
                Field("External_Id__c", "External ID", "string", 64, external_id=True, unique=True),
                replace(_text("Email", "Email", 80, kind="email"), id_lookup=True),
                _text("Phone", "Business Phone", 40, kind="phone"),
                _text("MobilePhone", "Mobile Phone", 40, kind="phone"),
                _text("HomePhone", "Home Phone", 40, kind="phone"),
                _text("OtherPhone", "Other Phone", 40, kind="phone"),
                _text("Fax", "Business Fax", 40, kind="phone"),
                _text("AssistantName", "Assistant's Name", 40),
                _text("AssistantPhone", "Asst. Phone", 40, kind="phone"),
                Field("HasOptedOutOfEmail", "Email Opt Out", "boolean", 0, default=False),
                Field("DoNotCall", "Do Not Call", "boolean", 0, default=False),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                _text("Jigsaw", "Data.com Key", 20),
                Field("JigsawContactId", "Jigsaw Contact ID", "string", 20, calculated=True),
                Field("Birthdate", "Birthdate", "date", 0),
                _text("Description", "Contact Description", 32000, kind="textarea"),
                *_address("Mailing", "Mailing"),
                *_address("Other", "Other"),
                _ref("ReportsToId", "Reports To ID", "Contact", "ReportsTo"),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Cases", "Case", "ContactId"),
                ChildRelationship("Tasks", "Task", "WhoId"),
                ChildRelationship("Events", "Event", "WhoId"),
                *related("Contact"),
                _FILES,
            ),
        ),
        SObject(
            "Opportunity", "Opportunity", "Opportunities", "006",
            (
                _ID,
                _ref("AccountId", "Account ID", "Account", "Account"),
                _text("Name", "Name", 120, required=True),
                _pick("StageName", "Stage", tuple(s for s, _ in STAGES), required=True),
                _number("Amount", "Amount", "currency"),
                _number("Probability", "Probability (%)", "percent"),
                Field("ExpectedRevenue", "Expected Amount", "currency", 0, calculated=True),
                Field("ForecastCategoryName", "Forecast Category", "picklist", 40, calculated=True, picklist=FORECASTS),
                _number("TotalOpportunityQuantity", "Quantity"),
                Field("IsPrivate", "Private", "boolean", 0, default=False),
                Field("FiscalYear", "Fiscal Year", "int", 0, calculated=True),
                Field("FiscalQuarter", "Fiscal Quarter", "int", 0, calculated=True),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                Field("CloseDate", "Close Date", "date", 0, required=True),
                _pick("Type", "Opportunity Type", ("New Customer", "Existing Customer - Upgrade",
                                                   "Existing Customer - Replacement")),
                _text("NextStep", "Next Step", 255),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsWon", "Won", "boolean", 0, calculated=True, default=False),
                Field("LastStageChangeDate", "Last Stage Change Date", "datetime", 0, system=True),
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Tasks", "Task", "WhatId"),
                ChildRelationship("Events", "Event", "WhatId"),
                *related("Opportunity"),
                _FILES,
            ),
        ),
        SObject(
            "OpportunityStage", "Opportunity Stage", "Opportunity Stages", "01J",
            (
                _ID,
                _text("MasterLabel", "Label"),
                _text("ApiName", "API Name", required=True),
                Field("IsActive", "Active", "boolean", 0, default=True),
                _number("SortOrder", "Sort Order", "int"),
                Field("IsClosed", "Closed", "boolean", 0, default=False),
                Field("IsWon", "Won", "boolean", 0, default=False),
                _pick("ForecastCategoryName", "Forecast Category Name", FORECASTS),
                _number("DefaultProbability", "Probability (%)", "percent"),
                _text("Description", "Description"),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "Lead", "Lead", "Leads", "00Q",
            (
                _ID,
                *_PERSON,
                _text("Company", "Company", required=True),
                _text("Title", "Title", 128),
                replace(_text("Email", "Email", 80, kind="email"), id_lookup=True),
                _text("Phone", "Phone", 40, kind="phone"),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                _pick("Status", "Status", ("Open - Not Contacted", "Working - Contacted", "Closed - Converted",
                                           "Closed - Not Converted"),
                      default="Open - Not Contacted"),
                _pick("Rating", "Rating", RATINGS),
                _pick("Industry", "Industry", INDUSTRIES),
                Field("Interests__c", "Interests", "multipicklist", 4099, picklist=INTERESTS),
                *_address("", ""),
                _text("MobilePhone", "Mobile Phone", 40, kind="phone"),
                _text("Website", "Website", kind="url"),
                _number("AnnualRevenue", "Annual Revenue", "currency"),
                _number("NumberOfEmployees", "Employees", "int"),
                _text("Description", "Lead Description", 32000, kind="textarea"),
                Field("IsConverted", "Converted", "boolean", 0, system=True, default=False),
                Field("ConvertedDate", "Converted Date", "date", 0, system=True),
                _ref("ConvertedAccountId", "Converted Account ID", "Account", "ConvertedAccount", system=True),
                _ref("ConvertedContactId", "Converted Contact ID", "Contact", "ConvertedContact", system=True),
                _ref("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity", "ConvertedOpportunity",
                     system=True),
                QUEUE_OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Tasks", "Task", "WhoId"),
                ChildRelationship("Events", "Event", "WhoId"),
                *related("Lead"),
                _FILES,
            ),
        ),
        SObject(
            "Case", "Case", "Cases", "500",
            (
                _ID,
                Field("CaseNumber", "Case Number", "string", 30, calculated=True, id_lookup=True),
                _ref("AccountId", "Account ID", "Account", "Account"),
                _ref("ContactId", "Contact ID", "Contact", "Contact"),
                _text("Subject", "Subject"),
                _pick("Status", "Status", ("New", "Working", "Escalated", "Closed"), default="New"),
                _pick("Priority", "Priority", ("High", "Medium", "Low"), default="Medium"),
                _pick("Origin", "Case Origin", ("Phone", "Email", "Web")),
                _pick("Type", "Case Type", ("Mechanical", "Electrical", "Electronic", "Structural", "Other")),
                _pick("Reason", "Case Reason", CASE_REASONS),
                _ref("ParentId", "Parent Case ID", "Case", "Parent"),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsEscalated", "Escalated", "boolean", 0, default=False),
                Field("ClosedDate", "Closed Date", "datetime", 0, system=True),
                _text("SuppliedEmail", "Email Address", 80, kind="email"),
                _text("SuppliedName", "Name", 80),
                _text("Description", "Description", 32000, kind="textarea"),
                QUEUE_OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Tasks", "Task", "WhatId"),
                ChildRelationship("Events", "Event", "WhatId"),
                *related("Case"),
                _FILES,
            ),
        ),
        SObject(
            "Task", "Task", "Tasks", "00T",
            (
                _ID,
                _ref("WhoId", "Name ID", "Contact", "Who", others=("Lead",)),
                _ref("WhatId", "Related To ID", "Account", "What", others=("Case", "Opportunity")),
                _text("Subject", "Subject"),
                Field("ActivityDate", "Due Date Only", "date", 0),
                _pick("Status", "Status", USUAL, default="Not Started"),
                _pick("Priority", "Priority", ("High", "Normal", "Low"), default="Normal"),
                _pick("Type", "Type", ("Call", "Meeting", "Other")),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsHighPriority", "High Priority", "boolean", 0, calculated=True, default=False),
                Field("ReminderDateTime", "Reminder Date/Time", "datetime", 0),
                Field("IsReminderSet", "Reminder Set", "boolean", 0, default=False),
                _pick("CallType", "Call Type", ("Internal", "Inbound", "Outbound")),
                _text("CallDisposition", "Call Result"),
                _number("CallDurationInSeconds", "Call Duration", "int"),
                Field("TaskSubtype", "Task Subtype", "picklist", 40, picklist=("Task", "Email", "Call"),
                      restricted=True, default="Task"),
                _OF_ACCOUNT,
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
        ),
        SObject(
            "Event", "Event", "Events", "00U",
            (
                _ID,
                _ref("WhoId", "Name ID", "Contact", "Who", others=("Lead",)),
                _ref("WhatId", "Related To ID", "Account", "What", others=("Case", "Opportunity")),
                _text("Subject", "Subject"),
                _text("Location", "Location"),
                Field("IsAllDayEvent", "All-Day Event", "boolean", 0, default=False),
                Field("ActivityDateTime", "Due Date Time", "datetime", 0),
                Field("ActivityDate", "Due Date Only", "date", 0),
                Field("StartDateTime", "Start Date Time", "datetime", 0),
                Field("EndDateTime", "End Date Time", "datetime", 0),
                _number("DurationInMinutes", "Duration", "int"),
                _pick("ShowAs", "Show Time As", ("Busy", "OutOfOffice", "Free"), default="Busy"),
                _pick("Type", "Type", ("Call", "Meeting", "Other")),
                Field("IsPrivate", "Private", "boolean", 0, default=False),
                Field("ReminderDateTime", "Reminder Date/Time", "datetime", 0),
                Field("IsReminderSet", "Reminder Set", "boolean", 0, default=False),
                _OF_ACCOUNT,
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
            (_FILES,),
        ),
        SObject(
            "TaskStatus", "Task Status Value", "Task Status Values", "01T",
            (
                _ID,
                _text("MasterLabel", "Master Label"),
                _text("ApiName", "API Name"),
                _number("SortOrder", "Sort Order", "int"),
                Field("IsDefault", "Is Default", "boolean", 0, default=False),
                Field("IsClosed", "Closed", "boolean", 0, default=False),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "ContentDocument", "Content Document", "Content Documents", "069",
            (
                _ID,
                _text("Title", "Title", required=True),
                _text("Description", "Description", 1000, kind="textarea"),
                Field("LatestPublishedVersionId", "Latest Published Version ID", "reference", 18, system=True,
                      refers_to="ContentVersion", relationship="LatestPublishedVersion"),
                Field("FileExtension", "File Extension", "string", 40, system=True),
                Field("FileType", "File Type", "string", 20, system=True),
                Field("ContentSize", "Size", "int", 0, system=True),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("ContentVersions", "ContentVersion", "ContentDocumentId"),
                ChildRelationship("ContentDocumentLinks", "ContentDocumentLink", "ContentDocumentId"),
            ),
            createable=False,
        ),
        SObject(
            "ContentVersion", "Content Version", "Content Versions", "068",
            (
                _ID,
                replace(_ref("ContentDocumentId", "ContentDocument ID", "ContentDocument", "ContentDocument"),
                        cascade=True),
                _text("Title", "Title"),
                _text("PathOnClient", "Path On Client", 500, required=True),
                _text("Description", "Description", 1000, kind="textarea"),
                _text("ReasonForChange", "Reason For Change", 1000),
                Field("VersionNumber", "Version Number", "string", 20, system=True),
                Field("IsLatest", "Is Latest", "boolean", 0, system=True, default=False),
                Field("FileExtension", "File Extension", "string", 40, system=True),
                Field("FileType", "File Type", "string", 20, system=True),
                Field("ContentSize", "Size", "int", 0, system=True),
                Field("Checksum", "Checksum", "string", 50, system=True),
                Field("ContentModifiedDate", "Content Modified Date", "datetime", 0, system=True),
                replace(_pick("ContentLocation", "Content Origin", ("S", "E", "L"), default="S"), restricted=True),
                replace(_pick("Origin", "Content Origin", ("C", "H"), default="C"), restricted=True),
                _ref("FirstPublishLocationId", "First Publish Location ID", "Account", "FirstPublishLocation",
                     others=("Case", "Contact", "Event", "Lead", "Opportunity", "Task", "User")),
                Field("VersionData", "Version Data", "base64", 0),
                OWNER,
                *_STAMPS,
            ),
            deletable=False,
        ),
        SObject(
            "ContentDocumentLink", "Content Document Link", "Content Document Links", "06A",
            (
                _ID,
                replace(_ref("ContentDocumentId", "ContentDocument ID", "ContentDocument", "ContentDocument"),
                        required=True, cascade=True),
                replace(_ref("LinkedEntityId", "Linked Entity ID", "Account", "LinkedEntity",
                             others=("Case", "Contact", "Event", "Lead", "Opportunity", "Task", "User")),
                        required=True),
                replace(_pick("ShareType", "Share Type", ("V", "C", "I"), required=True), restricted=True),
                replace(_pick("Visibility", "Visibility", ("AllUsers", "InternalUsers", "SharedUsers"),
                              default="AllUsers"), restricted=True),
                *_STAMPS,
            ),
        ),
        SObject(
            "User", "User", "Users", "005",
            (
                _ID,
                replace(_text("Username", "Username", 80, required=True), id_lookup=True),
                *_PERSON,
                _text("Email", "Email", 128, required=True, kind="email"),
                _text("Title", "Title", 80),
                _text("Alias", "Alias", 8),
                _text("CommunityNickname", "Nickname", 40),
                _text("CompanyName", "Company Name", 80),
                _text("Division", "Division", 80),
                _ref("ManagerId", "Manager ID", "User", "Manager"),
                _pick("UserType", "User Type", ("Standard", "PowerPartner", "Guest"), default="Standard"),
                _text("Department", "Department", 80),
                _text("Phone", "Phone", 40, kind="phone"),
                _text("MobilePhone", "Mobile", 40, kind="phone"),
                _text("City", "City", 40),
                _text("Country", "Country", 80),
                _ref("ProfileId", "Profile ID", "Profile", "Profile"),
                Field("IsActive", "Active", "boolean", 0, default=True),
                _text("TimeZoneSidKey", "Time Zone", 40),
                _text("LocaleSidKey", "Locale", 40),
                _text("LanguageLocaleKey", "Language", 40),
                *_STAMPS,
            ),
        ),
        SObject(
            "Profile", "Profile", "Profiles", "00e",
            (_ID, _text("Name", "Name", required=True), *_STAMPS),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "Group", "Group", "Groups", "00G",
            (
                _ID,
                _text("Name", "Name", 40, required=True),
                _text("DeveloperName", "Developer Name", 80),
                Field("RelatedId", "Related ID", "reference", 18, refers_to="User", relationship="Related"),
                Field("Type", "Type", "picklist", 40, picklist=("Regular", "Queue", "Organization"), restricted=True,
                      default="Regular"),
                _text("Email", "Email", 255, kind="email"),
                Field("DoesSendEmailToMembers", "Send Email to Members", "boolean", 0, default=False),
                Field("DoesIncludeBosses", "Include Bosses", "boolean", 0, default=False),
                *_STAMPS,
            ),
            (
                ChildRelationship("GroupMembers", "GroupMember", "GroupId"),
                ChildRelationship("QueueSobjects", "QueueSobject", "QueueId"),
            ),
        ),
        SObject(
            "QueueSobject", "Queue sObject", "Queue sObjects", "03G",
            (
                _ID,
                replace(_ref("QueueId", "Group ID", "Group", "Queue"), required=True),
                _pick("SobjectType", "sObject Type", ("Case", "Lead"), required=True),
                *_STAMPS,
            ),
            updateable=False,
        ),
        SObject(
            "GroupMember", "Group Member", "Group Members", "011",
            (
                _ID,
                replace(_ref("GroupId", "Group ID", "Group", "Group"), required=True),
                Field("UserOrGroupId", "User/Group ID", "reference", 18, required=True, refers_to="User",
                      others=("Group",)),
                *_STAMPS,
            ),
            updateable=False,
        ),
        SObject(
            "RecordType", "Record Type", "Record Types", "012",
            (
                _ID, _text("Name", "Name", 80, required=True), _text("DeveloperName", "Record Type Name", 80,
                                                                     required=True),
                _text("SobjectType", "SObject Type Name", 40), Field("IsActive", "Active", "boolean", 0, default=True),
                _text("Description", "Description"),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "PermissionSet", "Permission Set", "Permission Sets", "0PS",
            (
                _ID, _text("Name", "Permission Set Name", 80, required=True), _text("Label", "Permission Set Label", 80,
                    required=True),
                Field("IsOwnedByProfile", "Is Owned By Profile", "boolean", 0, default=False), *_STAMPS,
            ),
            (ChildRelationship("Assignments", "PermissionSetAssignment", "PermissionSetId"),),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", "0Pa",
            (
                _ID,
                replace(_ref("PermissionSetId", "PermissionSet ID", "PermissionSet", "PermissionSet"), required=True),
                replace(_ref("AssigneeId", "Assignee ID", "User", "Assignee"), required=True),
                *_STAMPS,
            ),
            updateable=False,
        ),
        SObject(
            "Organization", "Organization", "Organization", "00D",
            (
                _ID,
                _text("Name", "Name", 80, required=True),
                _text("InstanceName", "Instance Name", 5),
                Field("IsSandbox", "Is Sandbox", "boolean", 0, default=False),
                _text("OrganizationType", "Edition", 40),
                _text("NamespacePrefix", "Namespace Prefix", 15),
                Field("TrialExpirationDate", "Trial Expiration Date", "datetime", 0),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
    )
)  # fmt: skip
STANDARD = Schema((*_RECORDS, *activities(_RECORDS["Task"], _RECORDS["Event"])))
# The fields that can be read through a polymorphic relationship. Source: Object Reference, "Name".
NAME_FIELDS = {
    f.name.lower(): f
    for f in (
        _ID, _text("Name", "Name"), _text("Type", "Type", 40), _text("FirstName", "First Name", 40), _text("LastName",
            "Last Name", 80),
        _text("Email", "Email", 80, kind="email"), _text("Phone", "Phone", 40, kind="phone"), _text("Title", "Title",
            128),
        _text("Username", "Username", 80), _text("Alias", "Alias", 8), Field("IsActive", "Active", "boolean", 0),
        *_PERSON[:1],
    )
}  # fmt: skip
