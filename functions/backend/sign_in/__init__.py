"""The first flow: from Salesforce's authorization code to a Firebase custom token."""
