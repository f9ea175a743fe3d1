// Serves folders on loopback with the headers of a cross-origin isolated page.
//   node scripts/serve.mjs [PORT]
import { createServer } from "node:http";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import sirv from "sirv";

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Start a server of `folders` ({"/path": folder}); resolves to it and its address. `posted` gets the
 * body of what is posted to it.
 */
export function serve(folders, port = 0, headers = {}, posted = undefined) {
  const setHeaders = (response) => {
    for (const [name, value] of Object.entries({ ...HEADERS, ...headers }))
      response.setHeader(name, value);
  };
  const mounts = Object.entries(folders)
    .sort(([a], [b]) => b.length - a.length)
    .map(([path, folder]) => [path, sirv(folder, { dev: true, setHeaders })]);
  const server = createServer((request, response) => {
    if (posted && request.method === "POST") {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        response.writeHead(204).end();
        posted(Buffer.concat(parts).toString());
      });
      return;
    }
    const found = mounts.find(([path]) => request.url.startsWith(path));
    const missing = () => response.writeHead(404).end();
    if (!found) return missing();
    const [path, files] = found;
    request.url = `/${request.url.slice(path.length)}`;
    files(request, response, missing);
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      resolve({ server, url: `http://127.0.0.1:${server.address().port}/` });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const here = dirname(dirname(fileURLToPath(import.meta.url)));
  const { url } = await serve({ "/": join(here, "dist/demo") }, Number(process.argv[2] ?? 8080));
  console.log(`The demo is at ${url.replace("127.0.0.1", "localhost")} (Ctrl-C ends it)`);
}
