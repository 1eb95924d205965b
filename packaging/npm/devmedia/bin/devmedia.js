#!/usr/bin/env node
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { binaryPath } = require("../binary.js");

let path;
try {
  path = binaryPath();
} catch (error) {
  console.error(`devmedia: ${error.message.replaceAll("\n", "\n          ")}`);
  process.exit(1);
}

const args = process.argv.slice(2);
const child = spawn(path, args, { stdio: "inherit" });

child.on("error", (error) => {
  console.error(`devmedia: cannot start ${path}: ${error.message}`);
  process.exit(1);
});
// a shell reports a signal as 128 plus its number
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));

// a terminal sends Ctrl-C to both processes, so it is not forwarded, and the program decides when to end
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));

if (args.some((arg) => arg === "--exit-with-parent" || arg.startsWith("--exit-with-parent="))) {
  // the parent of the program is this process, so this process watches its own parent
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || child.kill("SIGTERM"), 500).unref();
}
