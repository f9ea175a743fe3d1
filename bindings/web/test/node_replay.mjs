// The stages that need no engine, in Node: replays a folder of made-up cases, prints JSON.
//   node test/node_replay.mjs FOLDER
// FOLDER holds arrays as bindings/web/pages_data.py writes them (stages, logits, series), toy/model.json
// and manifests.json; what is asked for as /data/... is read from it.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = process.argv[2];
globalThis.fetch = async (url) =>
  new Response(await readFile(join(folder, url.replace(/^\/data\//, ""))));
globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(width * height * 4) });
  }
};

const { outputFiles } = await build({
  stdin: {
    contents: `export { parseModel } from "../dist/lib/index.js";
      export { aligned, answers, smooth } from "./replay.js";
      export { goldens, rgba } from "./arrays.js";
      export { manifests } from "./page.js";`,
    resolveDir: join(here, "test"),
  },
  bundle: true,
  write: false,
  format: "esm",
  logLevel: "warning",
});
const source = Buffer.from(outputFiles[0].contents).toString("base64");
const stages = await import(`data:text/javascript;base64,${source}`);

const toy = "/data/toy/model.json";
const { alignment } = stages.parseModel(await (await fetch(toy)).text(), toy);
const recorded = await stages.goldens("stages");
const [height, width] = recorded.frame.shape;
const frame = stages.rgba(recorded.frame.data, width, height);
const found = {
  manifests: (await stages.manifests()).map((error) => error === null),
  align: stages.aligned(recorded, frame, alignment),
  answers: await stages.answers("/data/toy/", "logits"),
  ...(await stages.smooth("/data/toy/", "series")),
};
process.stdout.write(JSON.stringify(found));
