// Makes a memory snapshot of Pyodide with the app already imported; a browser that restores it starts without either.
// node snapshot.mjs SITE_FOLDER: reads pyodide/ and app.tar.gz there, writes pyodide/snapshot.bin.gz, pyodide/stdlib.zip (Python's library
// as bytecode, for a start without the snapshot) and the archive anew.
//
// No C extension may be in it (so msgpack's pure Python is used), and no JavaScript object.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const LARGEST = 50331648; // bytes; every visitor loads it, so it may not grow unseen
const HOME = "/home/pyodide";
const LEVEL = 7; // 9 takes three times as long for half a per cent less
const site = process.argv[2];
const { loadPyodide } = await import(pathToFileURL(join(site, "pyodide/pyodide.mjs")));
process.on("uncaughtException", (error) => { console.error(String(error.message ?? error).slice(-3000)); process.exit(1); });

// The archive gets its bytecode, which only this Python can make: a start without a snapshot need not compile the app. What is done here and not below leaves nothing in the snapshot.
const compiler = await loadPyodide();
compiler.unpackArchive(new Uint8Array(readFileSync(join(site, "app.tar.gz"))).buffer, "tar.gz", { extractDir: HOME });
compiler.runPython(readFileSync(new URL("snapshot_bytecode.py", import.meta.url), "utf8"));
writeFileSync(join(site, "app.tar.gz"), gzipSync(compiler.FS.readFile("/tmp/app.tar"), { level: LEVEL }));
writeFileSync(join(site, "pyodide/stdlib.zip"), compiler.FS.readFile("/tmp/stdlib.zip"));

const pyodide = await loadPyodide({ _makeSnapshot: true, env: { HOME, PYTHONHASHSEED: "0" } });
const copy = (folder) => {
  for (const name of compiler.FS.readdir(folder).filter((one) => one !== "." && one !== "..")) {
    const path = `${folder}/${name}`;
    if (compiler.FS.isDir(compiler.FS.stat(path).mode)) {
      pyodide.FS.mkdirTree(path);
      copy(path);
    } else {
      pyodide.FS.writeFile(path, compiler.FS.readFile(path));
    }
  }
};
copy(HOME); // not unpacked by Python, whose memory would be larger for it
pyodide.runPython(`import sys; sys.path[:0] = ["${HOME}", "${HOME}/__pypackages__"]`);
pyodide.globals.set("named", compiler.globals.get("named"));
pyodide.runPython(readFileSync(new URL("snapshot.py", import.meta.url), "utf8"));
const snapshot = pyodide.makeMemorySnapshot();
if (snapshot.length > LARGEST) {
  throw new Error(`the snapshot has ${snapshot.length} bytes, more than ${LARGEST}: import less in devtools/snapshot.py`);
}
writeFileSync(join(site, "pyodide/snapshot.bin.gz"), gzipSync(snapshot, { level: LEVEL }));
console.log(`${snapshot.length} bytes`);
process.exit(0);
