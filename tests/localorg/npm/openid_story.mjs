// openid-client as its documentation uses it, which checks everything that OpenID Connect lets a client check.
import * as client from "openid-client";

const given = JSON.parse(await new Response(process.stdin).text());
const told = {};
const config = await client.discovery(new URL(given.url), given.key, given.secret, undefined, { execute: [client.allowInsecureRequests] });
told.issuer = config.serverMetadata().issuer === given.url;
told.pkce = config.serverMetadata().supportsPKCE();
const checks = { pkceCodeVerifier: given.verifier, expectedState: given.state, expectedNonce: given.nonce, idTokenExpected: true };
const tokens = await client.authorizationCodeGrant(config, new URL(given.back), checks);
told.subject = tokens.claims().sub.startsWith(`${given.url}/id/00D`);
const userinfo = await client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck);
told.user = userinfo.preferred_username;
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
told.rotated = renewed.refresh_token !== tokens.refresh_token;
told.active = (await client.tokenIntrospection(config, renewed.access_token)).active;
told.reuse = await client.refreshTokenGrant(config, tokens.refresh_token).then(() => "", (e) => e.error);
told.afterReuse = await client.refreshTokenGrant(config, renewed.refresh_token).then(() => "", (e) => e.error);
const again = await client.authorizationCodeGrant(config, new URL(given.second), checks);
await client.tokenRevocation(config, again.refresh_token);
told.revoked = (await client.tokenIntrospection(config, again.access_token)).active;
told.wrongNonce = await client
  .authorizationCodeGrant(config, new URL(given.third), { ...checks, expectedNonce: "another" })
  .then(() => "", (e) => e.code);
process.stdout.write(JSON.stringify(told));
