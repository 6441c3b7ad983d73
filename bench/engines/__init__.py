"""The engines that Playwright cannot drive here, each by its own means."""
