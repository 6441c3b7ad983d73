// jsforce as its documentation uses it, pointed at the local org by URL only. Reads its task as JSON, writes what it saw.
const jsforce = require("jsforce");

async function main(given) {
  const control = (what, body) => fetch(`${given.url}/localorg/control/${what}`, { method: "POST", body: JSON.stringify(body || {}) });
  const told = {};
  const oauth2 = new jsforce.OAuth2({ loginUrl: given.url, clientId: given.key, clientSecret: given.secret, redirectUri: given.callback, useVerifier: true });
  oauth2.codeVerifier = given.verifier; // the person at the login page had its challenge
  told.authorizeHasChallenge = new URL(oauth2.getAuthorizationUrl({ scope: "api refresh_token" })).searchParams.has("code_challenge");

  const conn = new jsforce.Connection({ oauth2, version: "66.0" });
  await conn.authorize(given.code);
  told.identity = (await conn.identity()).username;

  const total = (await conn.query("SELECT COUNT() FROM Contact")).totalSize;
  const all = await conn.query("SELECT Id FROM Contact", { autoFetch: true, maxFetch: 100000 });
  told.fetchedAll = all.records.length === total;

  const made = await conn.sobject("Account").create({ Name: "Jsforce made" });
  told.created = made.success;
  await conn.sobject("Account").update({ Id: made.id, Name: "Jsforce changed" });
  told.updated = (await conn.sobject("Account").retrieve(made.id)).Name;
  const found = await conn.sobject("Account").find({ Name: { $like: "Jsforce%" } }, ["Id", "Name", "Owner.Name"]).sort({ CreatedDate: -1 }).limit(5);
  told.conditional = found.length === 1 && found[0].Owner.Name === "Sam Sales";
  told.destroyed = (await conn.sobject("Account").destroy(made.id)).success;
  told.goneCode = await conn.sobject("Account").retrieve(made.id).then(() => "still there", (e) => e.errorCode);
  told.described = (await conn.sobject("Account").describe()).fields.some((f) => f.name === "Industry" && f.picklistValues.length > 5);
  told.search = (await conn.search("FIND {Alder} IN ALL FIELDS RETURNING Account(Id, Name)")).searchRecords.length > 0;
  told.errorCode = await conn.query("SELECT Nope FROM Account").then(() => "", (e) => e.errorCode);

  const account = (await conn.query("SELECT Id FROM Account LIMIT 1")).records[0].Id;
  const action = conn.sobject("Account").quickAction("NewContact");
  told.actionDefaults = (await action.defaultValues(account)).AccountId === account;
  const acted = await action.execute(account, { LastName: "Acted by jsforce" });
  told.acted = (await conn.sobject("Contact").retrieve(acted.id)).AccountId === account;
  told.actions = (await conn.quickActions()).some((one) => one.name === "LogACall");
  told.tabs = (await conn.tabs()).some((one) => one.sobjectName === "Account");
  told.theme = (await conn.theme()).themeItems.length > 0;
  told.approvals = (await conn.sobject("Account").approvalLayouts()).approvalLayouts;
  const view = (await conn.sobject("Account").listviews()).listviews[0].id;
  told.plan = (await conn.sobject("Account").listview(view).explain()).plans[0].sobjectType;
  const old = new jsforce.Connection({ instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: "45.0" });
  const upserts = [];
  for (const Phone of ["1", "2"])
    upserts.push((await old.sobject("Account").upsert({ Name: "Upserted by jsforce", External_Id__c: "by-jsforce", Phone }, "External_Id__c")).success);
  told.upserts = upserts;
  const server = new jsforce.Connection({ oauth2: new jsforce.OAuth2({ loginUrl: given.url, clientId: given.key, clientSecret: given.secret }) });
  told.server = (await server.authorize({ grant_type: "client_credentials" })).id === (await conn.identity()).user_id;

  let refreshes = 0;
  conn.on("refresh", () => (refreshes += 1));
  await control("expire", { username: given.user });
  told.afterRefresh = (await conn.query("SELECT Id FROM Account LIMIT 1")).records.length === 1;
  told.refreshes = refreshes;

  const many = await conn.sobject("Contact").create([{ LastName: "One" }, { FirstName: "No last name" }], { allOrNone: false });
  told.collection = many.map((r) => r.success);

  const loaded = await conn.bulk2.loadAndWaitForResults({
    object: "Account", operation: "insert", pollInterval: 50, pollTimeout: 30000,
    input: [{ Name: "Bulk by jsforce 1", Phone: "1" }, { Name: "Bulk by jsforce 2", Phone: "2" }, { Name: "", Phone: "3" }],
  });
  told.bulkLoaded = [loaded.successfulResults.length, loaded.failedResults.length];
  const stream = await conn.bulk2.query("SELECT Name FROM Account WHERE Name LIKE 'Bulk by jsforce%'", { pollInterval: 50, pollTimeout: 30000 });
  told.bulkQueried = (await stream.toArray()).map((row) => row.Name).sort();

  conn.bulk.pollInterval = 50;
  const classic = await conn.bulk.load("Account", "insert", [{ Name: "Classic by jsforce", Phone: "1" }, { Phone: "2" }]);
  told.classicLoaded = classic.map((row) => [row.success, row.errors.length]);
  const classicRows = await (await conn.bulk.query("SELECT Name FROM Account WHERE Name LIKE 'Classic by jsforce%'")).toArray();
  told.classicQueried = classicRows.map((row) => row.Name);
  told.classicEmpty = await conn.bulk.load("Account", "update", []).then(() => "taken", (e) => e.name);
  const { accessToken: right } = conn;
  const lost = new jsforce.Connection({ instanceUrl: conn.instanceUrl, accessToken: "wrong", refreshFn: (_c, done) => done(null, right) });
  lost.bulk.pollInterval = 50;
  told.classicRefreshed = (await lost.bulk.load("Account", "delete", [{ Id: classic[0].id }]))[0].success;
  return told;
}

let input = "";
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", () =>
  main(JSON.parse(input)).then(
    (told) => process.stdout.write(JSON.stringify(told), () => process.exit(0)),
    (failed) => {
      console.error(failed);
      process.exit(1);
    },
  ),
);
