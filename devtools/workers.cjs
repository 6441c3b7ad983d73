// The Functions emulator gives every call under way a process of its own, and a call that fails ends its process. With this, a function has
// few processes (workers); each takes as many calls at once as the function declares, as an instance of Cloud Run does; and calls end alone.
//
// It changes private names of firebase-tools, whose version devtools/package.json pins: where one is missing, nothing starts.
const { randomInt } = require("crypto");
const { existsSync } = require("fs");
const http = require("http");
const path = require("path");

const MOST_WORKERS = 3; // of one function
const USUAL_CONCURRENCY = 80; // Cloud Run's, where a function declares none
const START_SECONDS = 60;

const { RuntimeWorker, RuntimeWorkerPool, RuntimeWorkerState: State } = part("emulator/functionsRuntimeWorker", {
  RuntimeWorker: ["request", "waitForSocketReady", "isSocketReady", "state", "logInfo"],
  RuntimeWorkerPool: ["getIdleWorker", "readyForWork", "getTriggerWorkers", "addWorker", "refresh", "cleanUpWorkers"],
});
const { FunctionsEmulator } = part("emulator/functionsEmulator", { FunctionsEmulator: ["startRuntime", "handleHttpsTrigger"] });
const shared = part("emulator/functionsEmulatorShared", { emulatedFunctionsFromEndpoints: [] });
const python = part("functions/python", { runWithVirtualEnv: [] });

/** A module of firebase-tools, in which these classes have these methods. */
function part(name, expected) {
  const file = path.join(__dirname, "node_modules/firebase-tools/lib", `${name}.js`);
  const module = existsSync(file) ? require(file) : {};
  for (const [owner, methods] of Object.entries(expected)) {
    const missing = typeof module[owner] === "function" ? methods.find((method) => !(method in module[owner].prototype)) : "";
    if (missing !== undefined) {
      console.error(`✗ firebase-tools has no ${[owner, missing].filter(Boolean).join(".")} any more, which devtools/workers.cjs changes`);
      process.exit(1);
    }
  }
  return module;
}

// The emulator looks for the ports of its processes from 8081 on, where another emulator looks too; the second to take a port waits
// for it, and meanwhile the first answers its calls. So each emulator has ports of its own, and takes another one each time.
const portfinder = require(require.resolve("portfinder", { paths: [path.join(__dirname, "node_modules/firebase-tools")] }));
const { getPortPromise } = portfinder;
const FIRST_PORT = 10000 + (process.pid % 100) * 100;
let turn = randomInt(100);
portfinder.getPortPromise = (options) =>
  getPortPromise(options?.port >= 8081 && options.port <= 9081 ? { ...options, port: FIRST_PORT + (turn++ % 100) } : options);

// What a function declares, which the emulator would forget.
const { emulatedFunctionsFromEndpoints } = shared;
shared.emulatedFunctionsFromEndpoints = (endpoints) => {
  const declared = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint.concurrency]));
  return emulatedFunctionsFromEndpoints(endpoints).map((trigger) => ({ ...trigger, concurrency: declared.get(trigger.name) }));
};

// The emulator ends only the shell that it starts, and the server would live on (firebase/firebase-tools#11069): here they are one process.
if (process.platform !== "win32") {
  const { runWithVirtualEnv } = python;
  python.runWithVirtualEnv = (command, ...rest) =>
    runWithVirtualEnv(command[0] === "functions-framework" ? ["exec", ...command] : command, ...rest);
}

// Which worker takes a call, and when another one starts.

const { addWorker, refresh } = RuntimeWorkerPool.prototype;
const serves = (worker) => worker.state === State.IDLE || worker.state === State.BUSY;

Object.assign(RuntimeWorkerPool.prototype, {
  addWorker(trigger, ...rest) {
    const worker = addWorker.call(this, trigger, ...rest);
    return Object.assign(worker, { calls: 0, concurrency: trigger?.concurrency || USUAL_CONCURRENCY });
  },

  /** The worker that has the fewest calls under way. */
  getIdleWorker(triggerId, runtime) {
    this.cleanUpWorkers();
    return this.getTriggerWorkers(triggerId, runtime).filter(serves).sort((one, other) => one.calls - other.calls)[0];
  },

  readyForWork(triggerId, runtime) {
    const worker = this.getIdleWorker(triggerId, runtime);
    return worker !== undefined && worker.calls < worker.concurrency;
  },

  /** After a reload: workers end when the last of their calls has. */
  refresh() {
    this.generation = (this.generation ?? 0) + 1;
    refresh.call(this);
  },
});

const { startRuntime, handleHttpsTrigger } = FunctionsEmulator.prototype;
const starts = new Map(); // the start that is under way, by function

Object.assign(FunctionsEmulator.prototype, {
  /** Called when no worker is free: another one starts, for which only those calls wait that no worker could take. */
  async startRuntime(backend, trigger) {
    if (trigger === undefined) return await startRuntime.call(this, backend);
    const pool = this.workerPools[backend.codebase];
    const serving = pool.getTriggerWorkers(trigger.id, backend.runtime).filter(serves);
    if (!starts.has(trigger.id) && serving.length < MOST_WORKERS) {
      const start = startCurrent(this, pool, backend, trigger).finally(() => starts.delete(trigger.id));
      start.catch((error) => this.logger.logLabeled("WARN", "functions", `Another process of ${trigger.id} did not start: ${error.message}`));
      starts.set(trigger.id, start);
    }
    return serving[0] ?? (await starts.get(trigger.id));
  },

  /** The emulator leaves a call for ever without an answer when the worker for it does not start. */
  async handleHttpsTrigger(req, res) {
    try {
      await handleHttpsTrigger.call(this, req, res);
    } finally {
      if (!res.headersSent) refuse(res, 503);
    }
  },
});

/** A worker that has read the files as they are: one that a reload overtook while it started makes room for another. */
async function startCurrent(emulator, pool, backend, trigger) {
  for (;;) {
    const generation = pool.generation;
    const worker = await startRuntime.call(emulator, backend, trigger);
    if (generation === pool.generation) return worker;
    worker.state = State.FINISHING;
    worker.runtime.process.kill();
  }
}

// What a worker does with a call.

const ownConnection = new http.Agent({ keepAlive: false }); // a kept one may be closed at the very moment of the next call

Object.assign(RuntimeWorker.prototype, {
  async waitForSocketReady() {
    const begun = Date.now();
    while (this.state === State.CREATED) {
      if (Date.now() - begun > START_SECONDS * 1000) throw new Error(`it did not answer within ${START_SECONDS} s`);
      await this.isSocketReady().catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
    }
    if (this.state === State.FINISHED) throw new Error("it ended while it started");
  },

  /** Resolves when the call has its whole answer, or its caller has gone. */
  request(req, resp, body) {
    if (resp.destroyed) return Promise.resolve();
    this.logInfo(`Beginning execution of "${this.triggerKey}"`);
    this.calls += 1;
    if (this.state === State.IDLE) this.state = State.BUSY;
    return new Promise((resolve) => {
      const call = http.request({ ...this.runtime.conn.httpReqOpts(), agent: ownConnection, method: req.method, path: req.path, headers: req.headers });
      const failed = (error, status) => {
        if (!resp.destroyed) this.logger.log("ERROR", `A call of ${this.triggerKey} has got no answer: ${error.message}`);
        refuse(resp, status);
      };
      let timedOut = false;
      call.setTimeout((this.timeoutSeconds ?? 0) * 1000, () => {
        timedOut = true;
        call.destroy(new Error(`none came within ${this.timeoutSeconds} s`));
      });
      call.on("error", (error) => failed(error, timedOut ? 504 : 503));
      call.on("response", (answer) => {
        resp.writeHead(answer.statusCode, answer.headers);
        answer.on("error", (error) => failed(error, 503));
        answer.pipe(resp);
      });
      resp.once("close", () => {
        call.destroy();
        this.finished();
        resolve();
      });
      call.end(body);
    });
  },

  finished() {
    this.logInfo(`Finished "${this.triggerKey}"`);
    this.calls -= 1;
    if (this.calls > 0) return;
    if (this.state === State.BUSY) this.state = State.IDLE;
    else if (this.state === State.FINISHING) this.runtime.process.kill();
  },
});

/** As the backend says it, and as the app understands a service that does not answer. */
function refuse(resp, status) {
  if (resp.headersSent || resp.destroyed) return void resp.destroy(); // half an answer may not be taken for a whole one
  const message = "The service does not answer right now. Please try again.";
  const error = { status: status === 504 ? "DEADLINE_EXCEEDED" : "UNAVAILABLE", message, details: { reason: "org-unreachable" } };
  resp.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
}
