// The app of the Playwright configuration in docs/testing.md: `npm run dev`.
import { createServer } from "node:http";

createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end('<img src="http://127.0.0.1:8001/media/photo.jpg">');
}).listen(5173, "localhost");
