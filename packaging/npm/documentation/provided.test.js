import { expect, inject, test } from "vitest";

test("globalSetup provides the URL of its server", async () => {
  expect((await fetch(`${inject("media")}photo.jpg`)).status).toBe(200);
});
