"""Lead conversion, which only Salesforce's SOAP API has: its request, and what its answer says.

Sources: SOAP API Developer Guide, "convertLead()", "API Fault Element"; no such call in the REST API:
Force.com-Toolkit-for-NET#193, forrest#273; the elements of a call have an order: soapforce#26. With which code a lead
that was converted is refused: CANNOT_UPDATE_CONVERTED_LEAD (Gravity-Forms-Salesforce#342).
"""

import re
from typing import NoReturn

from backend.adapters.salesforce_answers import refuse
from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_session import Request
from backend.adapters.salesforce_soap import escaped, fault_of, read_xml, text_of, texts_of
from backend.failures import OutcomeUnknown
from backend.records.org import AlreadyConverted
from contract.conversion import ConvertLead
from contract.errors import NotFound, Reason

_CONVERTED = "CANNOT_UPDATE_CONVERTED_LEAD"
_GONE = "ENTITY_IS_DELETED"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, Char
_OPEN = ("UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "")  # faults after which nobody knows what was done


def conversion_request(path: str, wanted: ConvertLead) -> Request:
    """The request that converts a lead; `path` is the address of the partner API."""
    named = wanted.opportunity_name if not wanted.no_opportunity else None
    said = {
        "accountId": wanted.account_id,
        "contactId": wanted.contact_id,
        "convertedStatus": wanted.status,
        "doNotCreateOpportunity": "true" if wanted.no_opportunity else "false",
        "leadId": wanted.id,
        "opportunityName": named,
        "overwriteLeadSource": "false",
        "ownerId": wanted.owner_id,
        "sendNotificationEmail": "false",
    }
    written = {name: escaped(_NO_XML.sub("", text)) for name, text in said.items() if text}
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in written.items())
    call = f"<convertLead><leadConverts>{inner}</leadConverts></convertLead>"
    return Request("POST", path, writes=True, aside=True, soap=call)


def converted(answer: Answer) -> tuple[str, str, str]:
    """The ids of account, contact and opportunity. Raises what `Org.convert` says."""
    root = read_xml(answer.body)
    result = None if root is None else root.find("Body/convertLeadResponse/result")
    if result is None:
        code, said = fault_of(answer.body)
        if code in _OPEN:
            raise OutcomeUnknown(writes=True)
        _refused(code, said, [])
    if text_of(result, "success") != "true":
        error = result.find("errors")
        if error is None:
            raise OutcomeUnknown(writes=True)
        _refused(text_of(error, "statusCode"), text_of(error, "message"), list(texts_of(error, "fields")))
    account, contact, opportunity = (text_of(result, f"{of}Id") for of in ("account", "contact", "opportunity"))
    if not (account and contact):
        raise OutcomeUnknown(writes=True)
    return account, contact, opportunity


def _refused(code: str, said: str, fields: list[str]) -> NoReturn:
    if code == _CONVERTED:
        raise AlreadyConverted
    if code == _GONE:
        raise NotFound(Reason.RECORD_NOT_FOUND)
    refuse(400, [{"errorCode": code, "message": said, "fields": fields}], writes=True, aside=True)
