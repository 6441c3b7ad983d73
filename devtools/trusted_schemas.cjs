// The Auth emulator compiles JSON Schema's own schema anew for each of its parameters, to check descriptions that firebase-tools brings along:
// 9 of the 11 seconds that it takes to start. What is checked against those descriptions is still checked.
require("ajv/dist/core").default.prototype.validateSchema = () => true;
