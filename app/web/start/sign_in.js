// The way to Salesforce's page, as SessionRepository.begin goes it (app/src/data/repositories/session.py), for the moments before Python
// is there. tests/app/test_start_page.py holds the two together.

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const secret = (size) => base64url(crypto.getRandomValues(new Uint8Array(size)));

/** The S256 challenge of a PKCE verifier (RFC 7636 section 4.2). */
export async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
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
