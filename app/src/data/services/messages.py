"""What the services themselves say to people; the catalogues hold it in every language."""

OFFLINE = "You seem to be offline. Please try again."
SILENT = "The service does not answer right now. Please try again."
TOO_OLD = "This app is too old for its service. Please load it again."
