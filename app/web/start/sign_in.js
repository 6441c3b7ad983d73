// The way to Salesforce's page, as SessionRepository.begin goes it (app/src/data/repositories/session.py), for the moments before Python
// is there. tests/app/test_start_page.py holds the two together.
import { names, read, remove, write } from "./storage.js";

const PENDING = "pending-sign-in/", PENDING_SECONDS = 600, MAX_PENDING = 16;
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const secret = (size) => base64url(crypto.getRandomValues(new Uint8Array(size)));

const digest = async (text) => base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));

/** The S256 challenge of a PKCE verifier (RFC 7636 section 4.2). */
export const challengeOf = digest;

/** Keeps a sign-in until Salesforce sends back, under a name that its state leads to, and clears away what nobody will finish. Throws when
 * the browser does not keep it. */
export async function keep(pending) {
  const kept = await Promise.all(names(PENDING).map(async (name) => ({ name, begun: (await read(name))?.begun ?? 0 })));
  const young = kept.filter(({ begun }) => Math.abs(pending.begun - begun) <= PENDING_SECONDS).sort((one, other) => other.begun - one.begun);
  const staying = young.slice(0, MAX_PENDING - 1);
  kept.filter((one) => !staying.includes(one)).forEach(({ name }) => remove(name));
  await write(PENDING + await digest(pending.state), pending);
}

/** What is to be kept until Salesforce sends back, and the address of its page (RFC 6749 section 4.1.1, RFC 7636 section 4.3). */
export async function begin(options, host, redirectUri, route) {
  const pending = {
    state: secret(32), verifier: secret(64), loginHost: host.host, redirectUri, firebase: options.firebase, begun: Date.now() / 1000, route,
  };
  const parameters = new URLSearchParams({
    response_type: "code",
    client_id: options.consumerKey,
    redirect_uri: redirectUri,
    scope: options.scope,
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  });
  return { pending, url: `${host.scheme}://${host.host}/services/oauth2/authorize?${parameters}` };
}

/** `acme`, `https://acme.my.salesforce.com/` or the like as a host under the pattern; null when it is none. */
export function fullMyDomain(typed, pattern) {
  const suffix = pattern.slice(1);
  let name = typed.trim().toLowerCase().replace(/^https:\/\//, "").split("/")[0];
  if (name.endsWith(suffix)) name = name.slice(0, -suffix.length);
  return /^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*$/.test(name) ? name + suffix : null;
}
