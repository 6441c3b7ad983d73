// @salesforce/core alone, which Salesforce's own tools are made of: sign-in by a code, queries, and a refresh that nobody asked for.
import { OAuth2 } from "@jsforce/jsforce-node";
import { AuthInfo, Connection, Org } from "@salesforce/core";

const given = JSON.parse(await new Response(process.stdin).text());
const control = (what, body) => fetch(`${given.url}/localorg/control/${what}`, { method: "POST", body: JSON.stringify(body || {}) });
const told = {};
const oauth2Options = { loginUrl: given.url, clientId: given.key, clientSecret: given.secret, redirectUri: given.callback };
const oauth2 = new OAuth2(oauth2Options);
oauth2.codeVerifier = given.verifier; // the person at the login page had its challenge
const authInfo = await AuthInfo.create({ oauth2Options: { ...oauth2Options, authCode: given.code }, oauth2 });
await authInfo.save();
const connection = await Connection.create({ authInfo });
told.identity = (await connection.identity()).username;
told.username = connection.getUsername();
told.version = connection.getApiVersion();
told.latest = await connection.retrieveMaxApiVersion();
told.single = (await connection.singleRecordQuery("SELECT Name FROM User WHERE Username = '" + told.identity + "'")).Name;
const total = (await connection.query("SELECT COUNT() FROM Contact")).totalSize;
told.all = (await connection.autoFetchQuery("SELECT Id FROM Contact", { maxFetch: 100000 })).records.length === total;
const made = await connection.sobject("Account").create({ Name: "By core" });
told.created = made.success;
told.deleted = (await connection.sobject("Account").delete(made.id)).success;
const org = await Org.create({ connection });
told.org = org.getOrgId().startsWith("00D");
told.sandbox = await org.isSandbox();
await control("expire", { username: told.identity });
told.afterExpiry = (await connection.query("SELECT Id FROM Account LIMIT 1")).totalSize;
told.error = await connection.query("SELECT Nope FROM Account").then(() => "", (e) => e.errorCode);
process.stdout.write(JSON.stringify(told));
