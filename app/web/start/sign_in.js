// The way to Salesforce's page, as SignInRepository.begin goes it (app/src/data/repositories/sign_in.py), for the moments before Python
// is there. tests/app/test_start_page.py holds the two together.
import { names, read, remove, write } from "./storage.js";

const PENDING = "pending-sign-in/", PENDING_SECONDS = 600, MAX_PENDING = 16, BEGIN_SECONDS = 20;
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

/** Why a call of the backend has no answer: `reason` is a word of the contract, "offline" or "silent". */
export class Failed extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** What a call that anybody may make answers, with an App Check token where there is one. Throws Failed. */
export async function call(name, request, token = "") {
  const headers = { "Content-Type": "application/json", ...(token && { "X-Firebase-AppCheck": token }) };
  let response, answer;
  try {
    const signal = AbortSignal.timeout(1000 * BEGIN_SECONDS);
    response = await fetch(`/auth/${name}`, { method: "POST", headers, body: JSON.stringify({ data: request }), signal });
    answer = await response.json();
  } catch (error) {
    throw new Failed(response || error?.name === "TimeoutError" ? "silent" : "offline");
  }
  if (!answer?.result) throw new Failed(answer?.error?.details?.reason ?? "silent");
  return answer.result;
}

/** The key that Salesforce is to bind the code to, as its thumbprint and sealed; nothing from a backend that does not know the call yet. */
export async function bind(request, token) {
  try {
    return await call("beginSignIn", request, token);
  } catch (error) {
    if (error.reason === "unknown-call") return {};
    throw error;
  }
}

/** What is to be kept until Salesforce sends back, and the address of its page (RFC 6749 section 4.1.1, RFC 7636 section 4.3; RFC 9449
 * section 10). `bind` says for a request what to bind it to. */
export async function begin(options, host, redirectUri, route, bind) {
  const verifier = secret(64), codeChallenge = await challengeOf(verifier);
  const { dpopJkt, begun: boundTo } = await bind({ loginHost: host.host, redirectUri, codeChallenge });
  const pending = {
    state: secret(32), verifier, loginHost: host.host, redirectUri, firebase: options.firebase, begun: Date.now() / 1000, route,
    ...(boundTo && { boundTo }),
  };
  const parameters = new URLSearchParams({
    response_type: "code",
    client_id: options.consumerKey,
    redirect_uri: redirectUri,
    scope: options.scope,
    state: pending.state,
    code_challenge: codeChallenge,
    code_challenge_method: "S256",
    ...(dpopJkt && { dpop_jkt: dpopJkt }),
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
