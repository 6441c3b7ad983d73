// firebase-tools names no account for the build, so Cloud Build takes the project's default compute account. In projects since May 2024
// that one may not build, it may have been deleted, and where it still works it may do far more than a build needs
// (firebase/firebase-tools#8841). With this, each function is uploaded with BUILD_ACCOUNT as `buildConfig.serviceAccount`, a field of the
// API since v2: https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#BuildConfig
//
// It changes a private name of firebase-tools, whose version devtools/package.json pins: where that is missing, nothing is uploaded.
// tests/operations/test_build_account.py runs firebase-tools with it.
const Module = require("module");

const account = process.env.BUILD_ACCOUNT;
const { _load: load } = Module;
const changed = new WeakSet();

if (account) {
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (/(^|\/)gcp\/cloudfunctionsv2(\.js)?$/.test(request) && !changed.has(loaded)) {
      changed.add(loaded);
      name(loaded);
    }
    return loaded;
  };
}

function name(functions) {
  const { functionFromEndpoint } = functions;
  if (typeof functionFromEndpoint !== "function") {
    console.error("✗ firebase-tools has no gcp/cloudfunctionsv2.functionFromEndpoint any more, which devtools/deploy/build_account.cjs changes");
    process.exit(1);
  }
  functions.functionFromEndpoint = (endpoint) => {
    const made = functionFromEndpoint(endpoint);
    made.buildConfig.serviceAccount = `projects/${endpoint.project}/serviceAccounts/${account}`;
    return made;
  };
}
