// start() from CommonJS, by Jest.
const { mkdtemp, readFile } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { start } = require("devmedia");

let server;
beforeAll(async () => {
  server = await start({ root: await mkdtemp(join(tmpdir(), "devmedia-")), upload: true });
});
afterAll(() => server.stop());

test("serves and accepts files", async () => {
  const url = `${server.url}a.txt`;
  expect((await fetch(url, { method: "PUT", body: "hello" })).status).toBe(201);
  expect(await readFile(join(server.root, "a.txt"), "utf8")).toBe("hello");
  expect(await (await fetch(url)).text()).toBe("hello");
});

// a server that is never stopped does not keep Jest running: Jest would say that it did not exit
test("a server that is forgotten", async () => {
  const forgotten = await start({ root: server.root });
  expect(await (await fetch(forgotten.url)).text()).toContain("a.txt");
});
