// Since Node 22 the Hosting emulator gives a file the same ETag for ever, and a browser that reloads an address of the app is told that the
// page has not changed. Files below /v/ never change; for the others what it remembers (in the closure of a provider) is thrown away at each request.
const path = require("path");

const file = require.resolve("superstatic/lib/providers/fs", { paths: [path.join(__dirname, "node_modules/firebase-tools")] });
const provider = require(file);

require.cache[file].exports = (options) => {
  const kept = provider(options);
  return (req, pathname) => (pathname.startsWith("/v/") ? kept : provider(options))(req, pathname);
};
