"""Deployment: what a project is to have, what it has, and the commands that close the gap."""
