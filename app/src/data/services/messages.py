"""What the services themselves say to people; the catalogues hold it in every language."""

OFFLINE = "You seem to be offline. Please try again."
SILENT = "The service does not answer right now. Please try again."
NO_WAY_BACK = (
    "Another program on this computer has the port on which this app waits for Salesforce. Close it, then try again."
)
TOO_OLD = "This app is too old for its service. Please load it again."
TOO_MANY_WAIT = "Too many changes are waiting to be sent already. Save this again when they are sent."
NOT_KEPT_HERE = "You are offline, and this device keeps nothing at the moment. Save again when you are online."
ITS_RECORD_IS_DISCARDED = "It refers to a record that was discarded. Open it and choose another one."
