// openid-client with DPoP, as its documentation uses it: from the authorize request to the revoked token.
// It reads lines of JSON and writes lines of JSON; the first answer is the address that the person's browser opens.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const given = await next();
const told = {};
let authentication;
if (given.privateKey) {
  const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  authentication = client.PrivateKeyJwt(await crypto.subtle.importKey("pkcs8", Buffer.from(given.privateKey, "base64"), rsa, false, ["sign"]));
}
const config = await client.discovery(new URL(given.url), given.key, given.secret, authentication, { execute: [client.allowInsecureRequests] });
const keys = await client.randomDPoPKeyPair(config.serverMetadata().dpop_signing_alg_values_supported[0]);
const DPoP = client.getDPoPHandle(config, keys);
const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState() };
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: given.callback,
  scope: "openid api refresh_token",
  code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
  code_challenge_method: "S256",
  state: checks.expectedState,
  dpop_jkt: await DPoP.calculateThumbprint(),
});
say(address.href);

const tokens = await client.authorizationCodeGrant(config, new URL(await next()), checks, undefined, { DPoP });
told.type = tokens.token_type;
const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
told.user = userinfo.preferred_username;
const rest = new URL(`${given.url}/services/data/v68.0/query?q=SELECT+Id+FROM+Account+LIMIT+1`);
const read = (token, options) => client.fetchProtectedResource(config, token, rest, "GET", undefined, undefined, options);
told.rows = (await (await read(tokens.access_token, { DPoP })).json()).totalSize;
const failed = (promise) => promise.then(() => "", (e) => `${e.error ?? e.cause?.[0]?.parameters?.error} ${e.response?.status ?? e.status}`);

const thief = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256")) };
told.thief = await failed(read(tokens.access_token, thief));
told.bearer = await failed(read(tokens.access_token));
told.thiefRefreshes = await failed(client.refreshTokenGrant(config, tokens.refresh_token, undefined, thief));
told.refreshedWithoutProof = await failed(client.refreshTokenGrant(config, tokens.refresh_token));

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
told.renewed = [renewed.token_type, renewed.access_token !== tokens.access_token, (await read(renewed.access_token, { DPoP })).status];
const introspected = await client.tokenIntrospection(config, renewed.access_token);
told.introspected = [introspected.token_type, introspected.cnf.jkt === (await DPoP.calculateThumbprint())];
await client.tokenRevocation(config, renewed.refresh_token);
told.afterRevoke = await failed(read(renewed.access_token, { DPoP }));
say(told);
process.exit(0);
