// Which of the given queries soql-parser-js takes: a list of texts in, a list of verdicts out.
const { isQueryValid } = require("@jetstreamapp/soql-parser-js");

let input = "";
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", () => process.stdout.write(JSON.stringify(JSON.parse(input).map((text) => isQueryValid(text)))));
