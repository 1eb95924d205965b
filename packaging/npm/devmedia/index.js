"use strict";

const { spawn } = require("node:child_process");
const { mkdir, mkdtemp, readFile, rm } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { createInterface } = require("node:readline");
const { fileURLToPath } = require("node:url");
const { binaryPath } = require("./binary.js");

/** How long a server may take until it is ready, and to stop, in milliseconds. */
const START_TIMEOUT = 30_000;
const STOP_TIMEOUT = 15_000;

/** How much of the log is kept, in characters. */
const KEPT = 64 * 1024;

/** Variables that are about another devmedia, or another key for S3. */
const OTHERS = /^(DEVMEDIA_|AWS_ACCESS_KEY_ID$|AWS_SECRET_ACCESS_KEY$)/;

const DEFAULTS = ["--exit-with-parent", "--no-config", "--url=/media/", "--grace=1s", "--listen=127.0.0.1:0"];

/** Writes options as arguments: `{ noIndex: true, mount: ["/a=./a"] }` is `--no-index --mount=/a=./a`. */
function flags(options) {
  const written = [];
  for (const [name, value] of Object.entries(options)) {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === true) written.push(flag);
      else if (one !== undefined && one !== null) written.push(`${flag}=${one}`);
    }
  }
  return written;
}

/** The number of ready lines: one for each --listen, or one. */
function countOfListeners(args) {
  return Math.max(1, args.filter((arg) => arg === "--listen" || arg.startsWith("--listen=")).length);
}

/** The first lines of a stream; fewer if it ends. The rest is discarded. */
async function firstLines(stream, count) {
  const lines = [];
  const reader = createInterface({ input: stream });
  for await (const line of reader) {
    lines.push(line);
    if (lines.length === count) break;
  }
  stream.resume();
  return lines;
}

async function start({ root, args = [], log = false, ...options } = {}) {
  if (!root) throw new TypeError('start() needs the folder to serve: start({ root: "./fixtures" })');
  root = root instanceof URL ? fileURLToPath(root) : path.resolve(root);
  await mkdir(root, { recursive: true });
  const typed = new Set([...flags(options), ...args].map((arg) => arg.split("=")[0]));
  if (["-p", "--port", "--host"].some((flag) => typed.has(flag))) typed.add("--listen");
  const s3 = options.s3 === true ? "127.0.0.1:0" : options.s3;
  const folder = s3 ? await mkdtemp(path.join(tmpdir(), "devmedia-")) : undefined;
  const readyFile = options.readyFile ?? (folder && path.join(folder, "ready"));
  const defaults = DEFAULTS.filter((arg) => !typed.has(arg.split("=")[0]));
  const all = ["--debug", `--root=${root}`, ...defaults, ...flags({ ...options, s3, readyFile }), ...args];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OTHERS.test(name)));
  const child = spawn(binaryPath(), all, { env, stdio: ["pipe", "pipe", "pipe"], windowsHide: true });

  let kept = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    kept = (kept + text).slice(-KEPT);
    if (log) process.stderr.write(text);
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  const failed = new Promise((_, reject) => {
    child.once("error", (error) => reject(new Error(`cannot start devmedia: ${error.message}`, { cause: error })));
  });
  // the server may end while nobody writes to it
  child.stdin.on("error", () => {});

  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT);
  const count = countOfListeners(all);
  let urls, endpoint;
  try {
    urls = await Promise.race([firstLines(child.stdout, count), failed]);
    if (urls.length < count) {
      await exited;
      throw new Error(`devmedia did not start (exit code ${child.exitCode}):\n${kept.trimEnd()}`);
    }
    // the file is written before stdout
    if (s3) endpoint = /^s3 (.*)$/m.exec(await readFile(readyFile, "utf8"))[1];
  } finally {
    clearTimeout(timer);
    if (folder) await rm(folder, { recursive: true });
  }

  // a server that is never stopped must not keep the test runner alive: it ends with this process
  child.unref();
  for (const stream of child.stdio) stream.unref();

  let stopping;
  const stop = () => {
    stopping ??= (async () => {
      child.ref();
      for (const stream of child.stdio) stream.ref();
      const kill = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
      // on Windows, a signal would not let it clean up, and the end of stdin does
      if (process.platform === "win32") child.stdin.end();
      else child.kill("SIGTERM");
      await exited;
      clearTimeout(kill);
    })();
    return stopping;
  };
  return {
    url: urls[0],
    urls,
    root,
    pid: child.pid,
    s3: endpoint && {
      endpoint,
      bucket: options.bucket ?? "media",
      region: "us-east-1",
      credentials: { accessKeyId: "devmedia", secretAccessKey: "devmedia" },
    },
    get log() {
      return kept;
    },
    stop,
    [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]: stop,
  };
}

module.exports = { start, binaryPath };
