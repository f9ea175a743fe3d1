// Runs the pages of the tests in headless Chromium and writes what they answer as JSON.
//   node test/drive.mjs WORK
// WORK/plan.json: {chromium, data, bundles, quick_start, video, calls}; the answers go to
// WORK/answers.json, screenshots to WORK/*.png.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { serve } from "../scripts/serve.mjs";
import { demoOfCamera, demoWithoutCamera, PATIENCE, quickStart } from "./demo_steps.mjs";
import { fakeCamera, launch } from "./launch.mjs";
import { sizes } from "./sizes.mjs";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const work = process.argv[2];
const plan = JSON.parse(readFileSync(join(work, "plan.json"), "utf8"));
const pages = join(work, "pages");

await build({
  entryPoints: [join(here, "test/page.ts")],
  outfile: join(pages, "page.js"),
  bundle: true,
  format: "esm",
  logLevel: "warning",
});
writeFileSync(
  join(pages, "index.html"),
  '<!doctype html><script type="module" src="page.js"></script>',
);

const { server, url } = await serve(
  {
    "/": pages,
    "/assets/": join(here, "dist/lib/assets"),
    "/data/": plan.data,
    "/bundles/": plan.bundles,
    "/demo/": join(here, "dist/demo"),
    "/quick_start/": plan.quick_start,
    // Pictures of another origin load, though the page may not read them.
  },
  0,
  { "Cross-Origin-Resource-Policy": "cross-origin" },
);
const answers = { errors: [], sizes: await sizes(here) };
try {
  const camera = await launch(plan.chromium, fakeCamera(plan.video));
  for (const { name, call, args } of plan.calls) {
    answers[name] = await answer(camera, call, args);
  }
  answers.demo = await demoOfCamera(camera, `${url}demo/`, work);
  answers.quick_start = await quickStart(camera, `${url}quick_start/`);
  answers.chromium = camera.version();
  await camera.close();
  const denied = await launch(plan.chromium, [
    "--use-fake-device-for-media-stream",
    "--deny-permission-prompts",
  ]);
  answers.denied = await demoWithoutCamera(denied, `${url}demo/`, join(work, "denied.png"));
  await denied.close();
  const none = await launch(plan.chromium, ["--use-fake-ui-for-media-stream"]);
  answers.none = await demoWithoutCamera(none, `${url}demo/`, join(work, "none.png"));
  await none.close();
} finally {
  server.close();
  server.closeAllConnections();
  writeFileSync(join(work, "answers.json"), JSON.stringify(answers));
}

/** What one function of page.ts gives in a page of its own. */
async function answer(browser, call, args) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => answers.errors.push(`${call}: ${error.message}`));
  try {
    await page.goto(url);
    await page.waitForFunction(() => "page" in globalThis);
    return await page.evaluate(([name, given]) => globalThis.page[name](...given), [call, args]);
  } finally {
    await page.close();
  }
}
