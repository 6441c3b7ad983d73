// What the app keeps on this device, as its own storage writes it (flet-secure-storage, which on the web is flutter_secure_storage):
// AES-GCM in localStorage, each value under its initialisation vector, the key beside them.

const NAME = "FletSecureStorage";

const toText = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const toBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function key() {
  if (localStorage.getItem(NAME) === null) {
    localStorage.setItem(NAME, toText(crypto.getRandomValues(new Uint8Array(32))));
  }
  return await crypto.subtle.importKey("raw", toBytes(localStorage.getItem(NAME)), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Whether there is such a value. Throws when the browser forbids storage. */
export const has = (name) => localStorage.getItem(`${NAME}.${name}`) !== null;

/** The value, from JSON; null when there is none that can be read. */
export async function read(name) {
  try {
    if (!has(name)) return null;
    const [vector, sealed] = localStorage.getItem(`${NAME}.${name}`).split(".").map(toBytes);
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: vector }, await key(), sealed)));
  } catch {
    return null;
  }
}

/** Keeps a value as JSON. Throws when the browser does not keep it. */
export async function write(name, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key(), new TextEncoder().encode(JSON.stringify(value)));
  localStorage.setItem(`${NAME}.${name}`, `${toText(iv)}.${toText(new Uint8Array(sealed))}`);
}

/** The names of all values whose name begins so. */
export function names(prefix) {
  const keys = Array.from({ length: localStorage.length }, (_, at) => localStorage.key(at));
  return keys.filter((key) => key.startsWith(`${NAME}.${prefix}`)).map((key) => key.slice(NAME.length + 1));
}

export const remove = (name) => localStorage.removeItem(`${NAME}.${name}`);
