import { defineConfig } from "@playwright/test";

export default defineConfig({
  testMatch: "*.playwright.mjs",
  timeout: 120_000,
  outputDir: process.env.DEVMEDIA_TEST_OUTPUT,
  use: { launchOptions: { executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] } },
  webServer: {
    command: `npx devmedia --debug --no-config --exit-with-parent --port 8765 "${process.env.SAMPLE_MEDIA}"`,
    url: "http://127.0.0.1:8765/media/",
  },
});
