"""Deployment: what a Google Cloud project needs, what it has, and the commands for what is missing."""
