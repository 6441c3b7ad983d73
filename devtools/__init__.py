"""The commands behind the Makefile, and what they run: emulators, local org, web client, releases, deployment."""
