// The emulators take a request only when all of it is there, and Node waits five minutes for that. Google's front end does not.
const http = require("http");
const { createServer } = http;
const deadline = { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 2_000 };

http.createServer = (first, ...rest) =>
  typeof first === "object" && first !== null ? createServer({ ...deadline, ...first }, ...rest) : createServer(deadline, ...(first ? [first] : []), ...rest);
