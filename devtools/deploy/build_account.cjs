// firebase-tools names no account for the build, so Cloud Build takes the project's default compute account. In projects since May 2024
// that one may not build, it may have been deleted, and where it still works it may do far more than a build needs
// (firebase/firebase-tools#8841). With this, each function is uploaded with BUILD_ACCOUNT as `buildConfig.serviceAccount`, a field of the
// API since v2: https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#BuildConfig
//
// And an upload of functions deletes none unless --force says so: without it firebase-tools does not ask when nobody is there to answer, it
// ends before it has uploaded anything (lib/deploy/functions/prompts.js), and a site that is live would lose the functions that it calls.
//
// It changes private names of firebase-tools, whose version devtools/package.json pins: where one is missing, nothing is uploaded.
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
    if (/(^|\/)prompts(\.js)?$/.test(request) && "promptForUnsafeMigration" in loaded && !changed.has(loaded)) {
      changed.add(loaded);
      keep(loaded);
    }
    return loaded;
  };
}

function name(functions) {
  const { functionFromEndpoint } = functions;
  known(functionFromEndpoint, "gcp/cloudfunctionsv2.functionFromEndpoint");
  functions.functionFromEndpoint = (endpoint) => {
    const made = functionFromEndpoint(endpoint);
    made.buildConfig.serviceAccount = `projects/${endpoint.project}/serviceAccounts/${account}`;
    return made;
  };
}

function keep(prompts) {
  const { promptForFunctionDeletion } = prompts;
  known(promptForFunctionDeletion, "deploy/functions/prompts.promptForFunctionDeletion");
  prompts.promptForFunctionDeletion = async (functions, options) =>
    options.nonInteractive && !options.force && functions.length > 0 ? false : promptForFunctionDeletion(functions, options);
}

function known(changes, what) {
  if (typeof changes === "function") return;
  console.error(`✗ firebase-tools has no ${what} any more, which devtools/deploy/build_account.cjs changes`);
  process.exit(1);
}
