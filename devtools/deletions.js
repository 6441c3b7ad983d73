// What `firebase deploy --force` would delete in a project, by firebase-tools' own code and without a network.
// Standard input: {"project", "functions": {"v1": […], "v2": […]}, "databases": {ID: {"indexes": […], "fields": […],
// "database": {…}}}}, each as Google's API lists it; without "functions" their code is not read.
// Output: one line of JSON. Usage: node devtools/deletions.js PROJECT_DIR < answers.json
const fs = require("fs");
const path = require("path");
const tools = path.join(__dirname, "node_modules/firebase-tools/lib");
const load = (name) => require(path.join(tools, name));

async function functionsToDelete(projectDir, listed) {
  const backend = load("deploy/functions/backend");
  const { wanted, config } = await require("./deploy_check.js").wantedBackend(projectDir);
  const codebase = config.functions[0].codebase;
  const have = [
    ...listed.v1.map(load("gcp/cloudfunctions").endpointFromFunction),
    ...listed.v2.map(load("gcp/cloudfunctionsv2").endpointFromFunction),
  ];
  // As lib/deploy/functions/prepare.js and release/planner.js do.
  const ours = load("deploy/functions/functionsDeployHelper").groupEndpointsByCodebase({ [codebase]: wanted }, have);
  const { calculateChangesets } = load("deploy/functions/release/planner");
  const regions = new Set([...Object.keys(wanted.endpoints), ...Object.keys(ours[codebase].endpoints)]);
  const changes = [...regions].flatMap((region) =>
    Object.values(calculateChangesets(wanted.endpoints[region] || {}, ours[codebase].endpoints[region] || {}, () => region, false)),
  );
  return changes.flatMap((change) => change.endpointsToDelete).sort(backend.compareFunctions).map(({ id, region }) => ({ id, region }));
}

/** Runs FirestoreApi.deploy (lib/firestore/api.js) on these answers, and keeps what it would delete. */
async function indexesToDelete(project, file, id, { indexes, fields, database }) {
  const { FirestoreApi } = load("firestore/api");
  const util = load("firestore/util");
  const api = new FirestoreApi();
  const gone = [];
  api.apiClient = {
    get: async (url) => ({ body: /\/fields\?/.test(url) ? { fields } : /\/indexes$/.test(url) ? { indexes } : database }),
    post: async () => ({ body: {} }),
    patch: async () => ({ body: {} }),
  };
  api.deleteIndex = async (index) => gone.push({ kind: "index", name: index.name, text: api.printer.prettyIndexString(index, false), collection: util.parseIndexName(index.name).collectionGroupId });
  api.deleteField = async (field) => gone.push({ kind: "field", name: field.name, text: api.printer.prettyFieldString(field), collection: util.parseFieldName(field.name).collectionGroupId });
  const spec = JSON.parse(fs.readFileSync(file, "utf8"));
  await api.deploy({ project, force: true, nonInteractive: true }, spec.indexes, spec.fieldOverrides || [], id);
  return gone.map((one) => ({ ...one, database: id }));
}

async function main() {
  const projectDir = path.resolve(process.argv[2]);
  const asked = JSON.parse(fs.readFileSync(0, "utf8"));
  const config = require(path.join(projectDir, "firebase.json"));
  const functions = asked.functions ? await functionsToDelete(projectDir, asked.functions) : [];
  const firestore = [];
  for (const { database, indexes } of config.firestore)
    if (indexes && asked.databases[database]) firestore.push(...(await indexesToDelete(asked.project, path.join(projectDir, indexes), database, asked.databases[database])));
  console.log(JSON.stringify({ functions, firestore }));
}

main().then(
  () => process.exit(0),
  (failed) => {
    console.error(`Error: ${failed.message}`);
    process.exit(1);
  },
);
