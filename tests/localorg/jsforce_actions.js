// jsforce at actions and Apex REST, as its documentation uses it. Reads its task as JSON, writes what it saw.
const jsforce = require("jsforce");

async function main(given) {
  const conn = new jsforce.Connection({ instanceUrl: given.url, accessToken: given.token, version: "66.0" });
  const account = (await conn.sobject("Account").create({ Name: "Acted on by jsforce" })).id;
  const cold = (await conn.sobject("Account").create({ Name: "Cold", Rating: "Cold" })).id;
  const told = {};
  told.posted = (await conn.apex.post(`/credit/${account}`, { amount: 1 })).id === account;
  told.refused = await conn.apex.post(`/credit/${cold}`, {}).then(() => "", (e) => e.message);
  told.missing = await conn.apex.get("/nope").then(() => "", (e) => e.errorCode);
  const path = "/services/data/v66.0/actions/custom/apex/CreditCheck";
  const post = (inputs) =>
    conn.request({ method: "POST", url: path, body: JSON.stringify({ inputs }), headers: { "Content-Type": "application/json" } });
  told.described = (await conn.request(path)).inputs.map((one) => one.name);
  const [result] = await post([{ accountId: account, amount: 2.5 }]);
  told.success = [result.isSuccess, result.outputValues.rating];
  told.task = (await conn.sobject("Task").retrieve(result.outputValues.taskId)).Subject;
  told.failed = await post([{ accountId: cold, amount: 1 }]).then(() => "", (e) => [e.errorCode, JSON.parse(e.message)[0].errors[0].message]);
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
