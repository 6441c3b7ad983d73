// The Auth emulator compiles JSON Schema's own schema anew for each of its parameters, to check descriptions that
// firebase-tools brings along: 7 of its 9 seconds. What is checked against those descriptions is still checked.
require("ajv/dist/core").default.prototype.validateSchema = () => true;

// It also makes the checks of all calls that Google's API has: each is made when it is first needed.
const path = require("path");
const packages = path.join(__dirname, "node_modules");
const checks = require(path.join(packages, "exegesis/lib/oas3/Schema/validators.js"));
for (const name of ["generateRequestValidator", "generateResponseValidator"]) {
  const generate = checks[name];
  checks[name] = (...described) => {
    let check;
    return (value) => (check ??= generate(...described))(value);
  };
}
// What firebase-tools finds wrong with firebase.json in this way, it tells only with --debug.
require(path.join(packages, "firebase-tools/lib/firebaseConfigValidate.js")).getValidator = () => () => true;
