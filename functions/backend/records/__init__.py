"""The data calls: records, dashboard and profile, read and written in Salesforce as the signed-in user."""
