// start() by its real users: Vitest runs this file, and start.jest.cjs is the same for Jest.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile, mkdtemp } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { start } from "devmedia";

let server;
beforeAll(async () => {
  const root = await mkdtemp(join(tmpdir(), "devmedia-"));
  server = await start({ root: pathToFileURL(root), upload: true, type: ["a=text/a", "b=text/b"] });
});
afterAll(() => server.stop());

test("serves and accepts files", async () => {
  const url = `${server.url}new/a.b`;
  expect((await fetch(url, { method: "PUT", body: "hello" })).status).toBe(201);
  expect(await readFile(join(server.root, "new/a.b"), "utf8")).toBe("hello");
  const answer = await fetch(url);
  expect([answer.headers.get("content-type"), await answer.text()]).toEqual(["text/b; charset=utf-8", "hello"]);
  // the line is written after the last byte
  await expect.poll(() => server.log).toContain("GET /media/new/a.b");
});

test("a root is created, and stop() may be repeated", async () => {
  const other = await start({ root: join(server.root, "other"), noIndex: true, args: ["--hidden", "--url", "/x/"] });
  expect(new URL(other.url).pathname).toBe("/x/");
  await writeFile(join(other.root, ".hidden"), "hello");
  expect((await fetch(`${other.url}.hidden`)).status).toBe(200);
  expect((await fetch(other.url)).status).toBe(404);
  await Promise.all([other.stop(), other.stop()]);
  await other.stop();
  await expect(fetch(other.url)).rejects.toThrow();
});

test("an S3 endpoint over the same folder", async () => {
  const other = await start({ root: server.root, s3: true, upload: true, bucket: "avatars" });
  onTestFinished(other.stop);
  expect(other.s3).toMatchObject({ bucket: "avatars", credentials: { accessKeyId: "devmedia" } });
  expect(await (await fetch(other.s3.endpoint)).text()).toContain("<Code>AccessDenied</Code>");
  const client = new S3Client({ ...other.s3, forcePathStyle: true });
  await client.send(new PutObjectCommand({ Bucket: other.s3.bucket, Key: "s3.txt", Body: "hello" }));
  expect(await readFile(join(server.root, "s3.txt"), "utf8")).toBe("hello");
});

test("each listen has a URL", async () => {
  const other = await start({ root: server.root, listen: ["127.0.0.1:0", "127.0.0.1:0"] });
  onTestFinished(other.stop);
  for (const url of other.urls) expect((await fetch(url)).status).toBe(200);
  expect(new Set(other.urls).size).toBe(2);
});

test("the message of a server that cannot start is that of the error", async () => {
  await expect(start({ root: server.root, network: "5g" })).rejects.toThrow(/exit code 2.*--network "5g"/s);
  await expect(start({})).rejects.toThrow("needs the folder");
});

test("the variables of the shell do not apply", async () => {
  Object.assign(process.env, { MEDIA_ROOT: "/nonexistent", MEDIA_URL: "https://cdn.example/", DEVMEDIA_LISTEN: "nowhere" });
  const other = await start({ root: server.root });
  onTestFinished(other.stop);
  expect(other.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/media\/$/);
});

const script = `
  const { start } = require(${JSON.stringify(createRequire(import.meta.url).resolve("devmedia"))});
  start({ root: process.argv[1], log: true }).then(({ url }) => console.log(url));
`;

test("a server that is not stopped ends with the process, and does not keep it running", async () => {
  const runner = spawn(process.execPath, ["-e", script, server.root], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(createInterface({ input: runner.stdout }), "line");
  expect((await once(runner, "exit"))[0]).toBe(0);
  await expect.poll(() => fetch(url).then(() => "running", () => "ended"), { timeout: 30_000 }).toBe("ended");
});

test.skipIf(process.platform === "win32")("it ends with a process that is killed", async () => {
  const runner = spawn(process.execPath, ["-e", `${script}; setInterval(() => {}, 1e6)`, server.root], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [url] = await once(createInterface({ input: runner.stdout }), "line");
  expect((await fetch(url)).status).toBe(200);
  runner.kill("SIGKILL");
  await expect.poll(() => fetch(url).then(() => "running", () => "ended"), { timeout: 30_000 }).toBe("ended");
});
