"""What the services themselves say to people; the catalogues hold it in every language."""

OFFLINE = "You seem to be offline. Please try again."
SILENT = "The service does not answer right now. Please try again."
NO_WAY_BACK = (
    "Another program on this computer has the port on which this app waits for Salesforce. Close it, then try again."
)
TOO_OLD = "This app is too old for its service. Please load it again."
