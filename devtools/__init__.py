"""The development runner: one command that starts and stops everything locally."""
