// fixtures.js is the fixture in docs/testing.md.
import { expect } from "@playwright/test";
import { test } from "./fixtures.js";

test("the page of the app shows an image of the other server", async ({ page }) => {
  await page.goto("http://localhost:5173");
  await page.waitForLoadState("load");
  expect(await page.locator("img").evaluate((image) => image.naturalWidth)).toBeGreaterThan(100);
});

test("the worker has a server of its own", async ({ media, page }) => {
  expect((await page.goto(`${media.url}photo.jpg`)).status()).toBe(200);
});
