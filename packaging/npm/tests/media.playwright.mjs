// The server of playwright.config.mjs, and one for each worker.
import { test as base, expect } from "@playwright/test";
import { start } from "devmedia";

const test = base.extend({
  media: [
    async ({}, use) => {
      const server = await start({ root: process.env.SAMPLE_MEDIA });
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
});

test("an image of the web server is shown", async ({ page }) => {
  await page.goto("http://127.0.0.1:8765/media/");
  expect(await width(page, "http://127.0.0.1:8765/media/photos/dunes.jpg")).toBeGreaterThan(100);
});

test("an image of the worker's server is shown", async ({ page, media }) => {
  await page.goto(media.url);
  expect(await width(page, `${media.url}photos/dunes.jpg`)).toBeGreaterThan(100);
});

/** The width of an image in the page; fails if it cannot be shown. */
function width(page, url) {
  return page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image.naturalWidth;
  }, url);
}
