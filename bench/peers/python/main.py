"""The function that a Python developer would write today, by the documentation of firebase-functions, firebase-admin
and simple-salesforce.
"""

# pyright: basic, reportMissingTypeStubs=false, reportMissingImports=false

import os
from typing import Any

import requests
from firebase_admin import firestore, initialize_app
from firebase_functions import https_fn
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession

initialize_app()


class Loopback(requests.Session):
    """Only for the benchmark: simple-salesforce writes https into every address, and loopback has no TLS."""

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, str(url).replace("https://127.0.0.1", "http://127.0.0.1"), *args, **kwargs)


@https_fn.on_call()
def list_accounts(req: https_fn.CallableRequest[Any]) -> Any:
    if req.auth is None:
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAUTHENTICATED, "Sign in first.")
    tokens = firestore.client().collection("peerTokens").document(str(req.auth.uid))
    kept = tokens.get().to_dict()
    if kept is None:
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.FAILED_PRECONDITION, "Connect Salesforce first.")
    revenue = float(req.data["revenue"])
    soql = (
        "SELECT Id, Name, Industry, Type, BillingCity, BillingCountry, Phone, SystemModstamp FROM Account "
        f"WHERE AnnualRevenue > {revenue} ORDER BY Name LIMIT 25"
    )
    try:
        found = query(kept["instanceUrl"], kept["accessToken"], soql)
    except SalesforceExpiredSession:
        answer = requests.post(
            f"{os.environ['SALESFORCE_LOGIN_URL']}/services/oauth2/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": kept["refreshToken"],
                "client_id": os.environ["SALESFORCE_CONSUMER_KEY"],
                "client_secret": os.environ["SALESFORCE_CONSUMER_SECRET"],
            },
            timeout=30,
        )
        answer.raise_for_status()
        access_token = answer.json()["access_token"]
        tokens.update({"accessToken": access_token})
        found = query(kept["instanceUrl"], access_token, soql)
    return {"records": found["records"]}


def query(instance_url: str, access_token: str, soql: str) -> Any:
    return Salesforce(instance_url=instance_url, session_id=access_token, version="66.0", session=Loopback()).query(
        soql
    )
