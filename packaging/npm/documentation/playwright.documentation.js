// The configuration in docs/testing.md, with a browser and its tests.
import printed from "./playwright.config.js";

export default {
  ...printed,
  testMatch: "printed.playwright.js",
  timeout: 120_000,
  outputDir: process.env.DEVMEDIA_TEST_OUTPUT,
  use: { launchOptions: { executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] } },
};
