// Offline check with firebase-tools' own code: discovery → params → backend → validation, as `firebase deploy` does
// before it first needs the network. Usage: node devtools/deploy_check.js PROJECT_DIR
const path = require("path");
const tools = path.join(__dirname, "node_modules/firebase-tools/lib");
const load = (name) => require(path.join(tools, name));
const runtimes = load("deploy/functions/runtimes");
const build = load("deploy/functions/build");
const backend = load("deploy/functions/backend");
const validate = load("deploy/functions/validate");
const env = load("functions/env");
const prepare = load("deploy/functions/prepare");

/** The functions that the code in `projectDir` declares, as firebase-tools' backend, and firebase.json. */
async function wantedBackend(projectDir) {
  const projectId = "demo-salesforce-app";
  const config = require(path.join(projectDir, "firebase.json"));
  const sourceDir = path.join(projectDir, config.functions[0].source);
  const minor = process.env.PYTHON_MINOR;
  const runtime = minor ? `python3${minor}` : config.functions[0].runtime;
  const delegate = await runtimes.getRuntimeDelegate({ projectId, sourceDir, projectDir, runtime });
  await delegate.validate();
  await delegate.build();
  const firebaseConfig = { projectId };
  const userEnvs = env.loadUserEnvs({ functionsSource: sourceDir, projectId, projectDir, isEmulator: false });
  const discovered = await delegate.discoverBuild({}, { ...userEnvs, GCLOUD_PROJECT: projectId, FIREBASE_CONFIG: JSON.stringify(firebaseConfig) });
  discovered.runtime = runtime;
  const resolved = await build.resolveBackend({ build: discovered, firebaseConfig, userEnvs, codebase: config.functions[0].codebase, nonInteractive: true, isEmulator: true });
  const wanted = resolved.backend;
  for (const endpoint of backend.allEndpoints(wanted)) endpoint.codebase = config.functions[0].codebase;
  return { wanted, config };
}

async function main() {
  const { wanted, config } = await wantedBackend(path.resolve(process.argv[2] || "."));
  const endpoints = backend.allEndpoints(wanted);
  if (prepare.inferDetailsFromExisting) prepare.inferDetailsFromExisting(wanted, backend.empty(), false);
  validate.endpointsAreValid(wanted, backend.empty());
  for (const rewrite of config.hosting.rewrites) {
    if (!rewrite.function) continue;
    const { functionId, region } = rewrite.function;
    if (!endpoints.some((e) => e.id === functionId && e.region === region)) throw new Error(`hosting rewrites ${rewrite.source} to ${functionId} in ${region}, which no function is`);
  }
  if (!endpoints.length) throw new Error("no function was discovered");
  for (const e of endpoints) {
    const secrets = (e.secretEnvironmentVariables || []).map((s) => s.key).join(", ");
    console.log(`✓ ${e.id} in ${e.region}: ${e.availableMemoryMb} MB, cpu ${e.cpu}, concurrency ${e.concurrency}, at most ${e.maxInstances} instances, as ${e.serviceAccount}, secrets ${secrets}`);
  }
}

exports.wantedBackend = wantedBackend;

if (require.main === module)
  main().then(
    () => process.exit(0),
    (failed) => {
      console.error(`✗ ${failed.message}`);
      for (const child of failed.children || []) console.error(`  ${child.message || child}`);
      process.exit(1);
    },
  );
