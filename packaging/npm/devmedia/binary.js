"use strict";

/** The packages that may have the program for this machine, the best first. */
function candidates() {
  const { platform, arch } = process;
  const name = `@devmedia/${platform}-${arch}`;
  if (platform !== "linux") return [name];
  // the static program runs everywhere, and the other one needs glibc
  return isGlibc() ? [name, `${name}-musl`] : [`${name}-musl`];
}

function isGlibc() {
  // otherwise the report looks up the names of open connections, which may take seconds
  process.report.excludeNetwork = true;
  return Boolean(process.report.getReport().header.glibcVersionRuntime);
}

/** The path of the program: DEVMEDIA_BINARY, or the program in the package for this machine. */
function binaryPath() {
  if (process.env.DEVMEDIA_BINARY) return process.env.DEVMEDIA_BINARY;
  const names = candidates();
  for (const name of names) {
    try {
      return require.resolve(`${name}/bin/devmedia${process.platform === "win32" ? ".exe" : ""}`);
    } catch {
      // the next one
    }
  }
  throw new Error(
    `the package ${names[0]} is not installed, which has the program for this machine.\n` +
      "It is an optional dependency of devmedia: install without --omit=optional and --no-optional.\n" +
      "If node_modules comes from another system, run npm install again on this one. If there is no such package, build\n" +
      "the program (cargo install devmedia --locked) and set DEVMEDIA_BINARY to its path.",
  );
}

module.exports = { binaryPath };
