// Compiled by TypeScript, never run.
import { start, type Server } from "devmedia";

export async function uses(): Promise<string> {
  await using server: Server = await start({ root: "./fixtures", upload: true, noIndex: true, mount: ["/a=./a"] });
  const other = await start({ root: new URL("file:///tmp/a"), args: ["--hidden"], log: true });
  await other.stop();
  // @ts-expect-error the root is missing
  await start({ upload: true });
  return server.url + other.urls.join() + server.log;
}
