// The examples of docs/testing.md for Vitest. packaging/test writes printed.test.js and media.setup.js.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["printed.test.js", "provided.test.js"], globalSetup: "./media.setup.js", testTimeout: 60_000 },
});
